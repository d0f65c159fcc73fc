import t from 'tap'
import { databaseFaults } from '../../chaos/operations/faults/database.ts'
import { networkFaults } from '../../chaos/operations/faults/network.ts'
import { eachOnce, patienceMs } from './short-run.ts'

t.test(
  'R8.1 R8.3 server and network fail in every way: 0 lost, 0 duplicated, 0 phantom, in order',
  { timeout: patienceMs },
  async (t) => {
    await eachOnce(
      t,
      12,
      [...databaseFaults, ...networkFaults].map(({ name }) => name),
    )
  },
)
