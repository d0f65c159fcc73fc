import t from 'tap'
import { createRandom } from '../../simulation/random.ts'
import { createScheduler } from '../../simulation/scheduler.ts'
import { createTrace } from '../../simulation/trace.ts'

async function orderOf(seed: number, delays: readonly number[]): Promise<number[]> {
  const scheduler = createScheduler(createRandom(seed))
  const fired: number[] = []
  delays.forEach((delayMs, index) => {
    scheduler.after(delayMs, () => fired.push(index))
  })
  await scheduler.run(1_000, () => false)
  return fired
}

t.test('R8.3 the earliest event goes first; among equals the seed picks, the same each time', async (t) => {
  t.same(await orderOf(1, [30, 10, 20]), [1, 2, 0])
  const equals = new Array(8).fill(5)
  t.same(await orderOf(1, equals), await orderOf(1, equals))
  t.notSame(await orderOf(1, equals), await orderOf(2, equals))
})

t.test('R8.3 between two events every promise goes on, and virtual time stands still', async (t) => {
  const scheduler = createScheduler(createRandom(1))
  const seen: string[] = []
  scheduler.after(5, async () => {
    for (let hop = 0; hop < 50; hop++) await undefined
    seen.push(`promises at ${scheduler.nowMs}`)
  })
  scheduler.after(6, () => seen.push(`event at ${scheduler.nowMs}`))
  await scheduler.run(10, () => false)
  t.same(seen, ['promises at 5', 'event at 6'])
})

t.test('R8.3 what is cancelled, or belongs to a dead process, never happens', async (t) => {
  const scheduler = createScheduler(createRandom(1))
  const fired: string[] = []
  let alive = true
  scheduler.after(1, () => fired.push('cancelled')).cancel()
  scheduler.after(
    3,
    () => fired.push('of the dead'),
    () => alive,
  )
  scheduler.after(2, () => {
    alive = false
  })
  t.equal(await scheduler.run(10, () => false), false)
  t.same(fired, [])
  t.equal(scheduler.nowMs, 10)
})

t.test('R8.3 the hash tells histories apart by their events and by their time', async (t) => {
  const hashOf = (atMs: number, ...lines: string[]) => {
    const trace = createTrace(() => atMs, false)
    for (const line of lines) trace.record(line)
    return trace.hash
  }
  t.equal(hashOf(1, 'a', 'b'), hashOf(1, 'a', 'b'))
  t.notOk(new Set([hashOf(1, 'a', 'b'), hashOf(1, 'b', 'a'), hashOf(2, 'a', 'b')]).size < 3)
})
