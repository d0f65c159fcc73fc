import t from 'tap'
import { add, noSchedules, runAll } from '../../simulation/campaign.ts'
import { loadProduct } from '../../simulation/product.ts'
import { loadDesk } from '../../simulation/records/product.ts'
import { recordFaults } from '../../simulation/records/scenario.ts'
import { runRecordSchedule } from '../../simulation/records/schedule.ts'

const parts = { product: await loadProduct(), Desk: await loadDesk() }
const schedules = 250
let together = noSchedules

for (const firstSeed of [1, 251, 501, 751]) {
  t.test(`R3.1 R3.3 R8.2 records in ${schedules} schedules from ${firstSeed}: each ends once`, async (t) => {
    const all = await runAll({ firstSeed, schedules }, (seed) => runRecordSchedule(seed, parts))
    // What to run to see it again stands in the failure itself.
    const failures = all.failed.map(
      ({ seed, messages }) =>
        `npm run simulate -- --of records --trace --seed ${seed}: ${messages.join('; ')}`,
    )
    t.same(failures, [])
    t.ok(all.counted > schedules * 0.9, `only ${all.counted} schedules completed enough records`)
    together = add(together, all)
  })
}

t.test('R3.1 every fault was felt by records in some schedule', async (t) => {
  const unfelt = recordFaults.filter((fault) => !together.bitten[fault])
  t.same(unfelt, [])
})

t.test('R3.1 the same seed gives the same history of records, event by event', async (t) => {
  const hashOf = async (seed: number) => (await runRecordSchedule(seed, parts)).hash
  for (const seed of [1, 2, 3]) t.equal(await hashOf(seed), await hashOf(seed))
  t.not(await hashOf(1), await hashOf(2))
})
