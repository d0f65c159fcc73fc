import t from 'tap'
import { supervisorFaults } from '../../chaos/operations/faults/supervisors.ts'
import { eachOnce, patienceMs } from './short-run.ts'

t.test(
  'R8.2 R8.3 containers die in every way: 0 lost, 0 duplicated, 0 phantom, in order',
  { timeout: patienceMs },
  async (t) => {
    await eachOnce(
      t,
      11,
      supervisorFaults.map(({ name }) => name),
    )
  },
)
