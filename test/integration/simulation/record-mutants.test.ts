import t from 'tap'
import { ownershipMutants, recordMutants } from '../../simulation/records/mutants.ts'
import { testRecordMutants } from './record-mutants.ts'

testRecordMutants(t, ownershipMutants)

t.test('R3.1 each planted bug of records has a name of its own', async (t) => {
  t.equal(new Set(recordMutants.map(({ name }) => name)).size, recordMutants.length)
})
