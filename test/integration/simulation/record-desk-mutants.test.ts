import t from 'tap'
import { deskMutants } from '../../simulation/records/mutants.ts'
import { testRecordMutants } from './record-mutants.ts'

testRecordMutants(t, deskMutants)
