import t from 'tap'
import { limits } from '../../../supervisor/core/limits.ts'
import { PerformanceMonitor } from '../../../supervisor/performance/monitor.ts'
import { createTestClock } from '../../harness/test-clock.ts'
import { rest, tunables } from './samples.ts'

function monitoring(intervalMs: number) {
  const clock = createTestClock()
  let taken = 0
  const monitor = new PerformanceMonitor({
    clock,
    intervalMs: () => intervalMs,
    sample() {
      taken++
      return { ...rest, atMs: clock.monotonicMs() }
    },
    tunables: () => tunables,
    disks: async () => new Map(),
  })
  monitor.start()
  return { clock, monitor, taken: () => taken }
}

t.test('R6.2 samples are taken at intervals, and as many kept as matter', async (t) => {
  const { clock, monitor, taken } = monitoring(15_000)
  clock.advance(15_000 * 1_000)
  t.equal(taken(), 1_001)
  t.equal((await monitor.report()).samples, limits.performanceSamples + 1, 'and one of now')
  monitor.start()
  t.equal(clock.armed, 1, 'a reload leaves one timer')
  monitor.stop()
  t.equal(clock.armed, 0)
})

t.test(
  'R6.2 with an interval of 0 no timer runs, and what is asked for covers the time since the start',
  async (t) => {
    const { clock, monitor } = monitoring(0)
    t.equal(clock.armed, 0)
    clock.advance(60_000)
    t.match(await monitor.report(), { samples: 2, windowSeconds: 60 })
  },
)
