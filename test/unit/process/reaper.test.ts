import t from 'tap'
import { limits } from '../../../supervisor/core/limits.ts'
import { createReaper } from '../../../supervisor/process/reaper.ts'

/** A kernel with exited children in the order it names them, and turns of the loop run by hand. */
function simulate(exited: number[], own: ReadonlySet<number>) {
  const turns: (() => void)[] = []
  const reapedCounts: number[] = []
  const reaper = createReaper({
    peekExited: () => exited[0],
    reap(pid) {
      if (exited[0] !== pid) return false
      exited.shift()
      return true
    },
    isOwn: (pid) => own.has(pid),
    reaped: (count) => reapedCounts.push(count),
    later: (work) => turns.push(work),
  })
  return { reaper, turns, reapedCounts, runTurn: () => turns.shift()?.() }
}

t.test('R8.2 reaping: a burst is reaped whole, a bounded number per turn', async (t) => {
  const burst = Array.from({ length: limits.reapBatch * 3 + 1 }, (_, index) => 1000 + index)
  const { reaper, turns, reapedCounts, runTurn } = simulate(burst, new Set())
  reaper.wake()
  runTurn()
  t.equal(burst.length, limits.reapBatch * 2 + 1, 'the first turn takes one batch')
  while (turns.length > 0) runTurn()
  t.same(burst, [])
  t.same(reapedCounts, [limits.reapBatch, limits.reapBatch, limits.reapBatch, 1])
})

t.test(
  'R8.2 reaping: a child of our own is never taken from Node.js, and what is behind it comes after',
  async (t) => {
    const exited = [7, 8, 9]
    const { reaper, runTurn, reapedCounts } = simulate(exited, new Set([8]))
    reaper.wake()
    runTurn()
    t.same(exited, [8, 9], 'it stops in front of our own')
    exited.shift() // Node.js reaps it
    reaper.wake()
    runTurn()
    t.same(exited, [])
    t.same(reapedCounts, [1, 1])
  },
)

t.test('R8.2 reaping: many signals before the turn ask for one sweep', async (t) => {
  const { reaper, turns } = simulate([5], new Set())
  for (let signal = 0; signal < 100; signal++) reaper.wake()
  t.equal(turns.length, 1)
})
