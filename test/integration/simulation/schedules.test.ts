import t from 'tap'
import { type Campaign, runCampaign } from '../../simulation/campaign.ts'
import { type JournalName, loadDisk } from '../../simulation/disks.ts'
import { loadProduct } from '../../simulation/product.ts'
import { faults } from '../../simulation/scenario.ts'
import { runSchedule } from '../../simulation/schedule.ts'

const product = await loadProduct()

async function campaign(journal: JournalName, firstSeed: number, schedules: number): Promise<Campaign> {
  return await runCampaign({ product, createDisk: await loadDisk(journal), firstSeed, schedules })
}

/** What to run to see it again stands in the failure itself. */
function failuresOf({ failed }: Campaign, journal: JournalName): string[] {
  return failed.map(
    ({ seed, messages }) =>
      `npm run simulate -- --journal ${journal} --trace --seed ${seed}: ${messages.join('; ')}`,
  )
}

t.test('R3.1 R8.3 850 schedules over the contract of the journal break no promise', async (t) => {
  const all = await campaign('memory', 1, 850)
  t.same(failuresOf(all, 'memory'), [])
  t.ok(all.counted > 800, `only ${all.counted} schedules had enough acknowledgements`)
  const unfelt = faults.filter((fault) => !all.bitten[fault])
  t.same(unfelt, [], 'every fault was felt in some of them')
})

t.test('R3.1 R8.2 R8.3 150 schedules over the journal on disk break no promise', async (t) => {
  const all = await campaign('store', 10_001, 150)
  t.same(failuresOf(all, 'store'), [])
  t.ok(all.counted > 140, `only ${all.counted} schedules had enough acknowledgements`)
})

t.test('R3.1 the same seed gives the same history, event by event', async (t) => {
  const hashOf = async (journal: JournalName, seed: number) =>
    (await runSchedule(seed, { product, createDisk: await loadDisk(journal) })).hash
  for (const journal of ['memory', 'store'] as const) {
    for (const seed of [1, 2, 3]) t.equal(await hashOf(journal, seed), await hashOf(journal, seed))
    t.notSame(await hashOf(journal, 1), await hashOf(journal, 2))
  }
})
