import type { Test } from 'tap'
import { runAll } from '../../simulation/campaign.ts'
import { type RecordMutant, recordMutantOptions } from '../../simulation/records/mutants.ts'
import { runRecordSchedule } from '../../simulation/records/schedule.ts'

/** Each planted bug is caught within so many schedules. */
const schedulesMax = 600

export function testRecordMutants(t: Test, mutants: readonly RecordMutant[]): void {
  for (const { name, about } of mutants) {
    t.test(`R3.1 a planted bug of records is caught: ${about} (${name})`, async (t) => {
      const options = await recordMutantOptions(name)
      const range = { firstSeed: 1, schedules: schedulesMax, untilFailure: true }
      const { failed } = await runAll(range, (seed) => runRecordSchedule(seed, options))
      t.equal(failed.length, 1, `it lives after ${schedulesMax} schedules`)
    })
  }
}
