import t, { type Test } from 'tap'
import { limits } from '../../../supervisor/core/limits.ts'
import { type FlowActivity, progressed, StuckWatch } from '../../../supervisor/process/stuck-watch.ts'
import { createTestClock } from '../../harness/test-clock.ts'

const minutesMs = (minutes: number) => minutes * 60_000
const idle: FlowActivity = { work: 0, signs: 0, held: 0, waiting: false }

function watching(t: Test, afterMs: number | null = minutesMs(5)) {
  const clock = createTestClock()
  let frozenMs = 0
  const seen = {
    activity: idle,
    outage: false,
    away: [] as string[],
    asked: 0,
    events: [] as unknown[],
    restarts: 0,
    counted: [] as string[],
  }
  const keep = ({ event }: Record<string, unknown>) => void seen.events.push(event)
  const watch = new StuckWatch({
    clock: { ...clock, monotonicMs: () => clock.monotonicMs() + frozenMs },
    logger: { debug: keep, info: keep, warn: keep, error: keep },
    stuckAfterMs: () => afterMs ?? undefined,
    activity: () => seen.activity,
    outage: () => seen.outage,
    async whatIsAway() {
      seen.asked++
      return seen.away
    },
    describeFlow: () => ({}),
    restart() {
      seen.restarts++
      watch.follow(false)
    },
    counted: (result) => void seen.counted.push(result),
  })
  watch.follow(true)
  t.teardown(() => watch.follow(false))
  /** One look after the other, each with all that follows from it. */
  const pass = async (ms: number, during = () => {}) => {
    for (let left = ms; left > 0; ) {
      const step = Math.min(left, clock.nextInMs ?? left)
      during()
      clock.advance(step)
      left -= step
      for (let turn = 0; turn < 5; turn++) await Promise.resolve()
    }
  }
  return { clock, seen, watch, pass, freeze: (ms: number) => (frozenMs += ms) }
}

t.test('R2.4 what counts as progress depends on what the flow has in its hands', async (t) => {
  const holding = { ...idle, held: 3 }
  const table: [string, FlowActivity, FlowActivity, boolean][] = [
    ['nothing in hand, nothing seen', idle, idle, false],
    ['nothing in hand, a line or a claim', idle, { ...idle, signs: 1 }, true],
    ['nothing in hand, and waiting for records', idle, { ...idle, waiting: true }, true],
    ['nothing in hand, an operation', idle, { ...idle, work: 1 }, true],
    ['its work begins', idle, holding, true],
    ['records in hand, lines and claims', holding, { ...holding, signs: 9, waiting: true }, false],
    ['records in hand, more of them', holding, { ...holding, held: 5, signs: 1 }, false],
    ['records in hand, fewer because they were taken back', holding, { ...holding, held: 2 }, false],
    ['records in hand, one settled', holding, { ...holding, held: 2, work: 1 }, true],
    ['all were taken back, and nothing else', holding, idle, false],
  ]
  for (const [name, before, now, expected] of table) t.equal(progressed(before, now), expected, name)
})

t.test('R2.4 R8.2 a flow that stands still is found, once, and restarted', async (t) => {
  const { seen, watch, pass } = watching(t)
  await pass(minutesMs(5) - 1)
  t.equal(seen.restarts, 0)
  t.equal(watch.finding, undefined)
  await pass(limits.stuckLookMsMax)
  t.equal(seen.restarts, 1)
  t.match(watch.finding, { message: 'no progress for 5m; being restarted' })
  t.same(seen.events, ['flow.stuck'])
  t.same(seen.counted, ['restarted'])
  await pass(minutesMs(60))
  t.equal(seen.restarts, 1, 'what does not run is not judged')
  watch.follow(true)
  t.equal(watch.finding, undefined, 'the next generation begins well')
})

t.test('R8.2 any progress begins the count anew', async (t) => {
  const { seen, pass } = watching(t)
  await pass(minutesMs(4))
  seen.activity = { ...idle, signs: 1 }
  await pass(minutesMs(4))
  seen.activity = { ...idle, signs: 1, held: 1 }
  await pass(minutesMs(4))
  t.equal(seen.restarts, 0)
  let lines = 1
  await pass(minutesMs(1.5), () => {
    seen.activity = { ...idle, signs: ++lines, held: 1 }
  })
  t.equal(seen.restarts, 1, 'with a record in hand, lines of log are no progress')
})

t.test('R2.5 R8.2 a dependency that is away is no fault of the flow', async (t) => {
  const { seen, pass } = watching(t)
  seen.outage = true
  await pass(minutesMs(60))
  t.equal(seen.asked, 0, 'it is known')
  seen.outage = false
  seen.away = ['database:rpa_db refused']
  await pass(minutesMs(5) + limits.stuckLookMsMax)
  t.equal(seen.asked, 1, 'it is not known yet, so it is asked')
  t.same(seen.events, ['flow.waiting'])
  seen.away = []
  await pass(minutesMs(5) - 2 * limits.stuckLookMsMax)
  t.equal(seen.restarts, 0, 'when it is back the flow has its whole time again')
  await pass(2 * limits.stuckLookMsMax)
  t.equal(seen.restarts, 1)
})

t.test('R8.2 a time in which the supervisor was frozen, too, is not counted', async (t) => {
  const { seen, pass, freeze } = watching(t)
  await pass(minutesMs(4))
  freeze(minutesMs(600))
  await pass(limits.stuckLookMsMax)
  t.equal(seen.restarts, 0)
})

t.test('R8.2 a flow that gets on while the dependencies are asked is left alone', async (t) => {
  const { seen, watch, clock, pass } = watching(t, 10_000)
  await pass(9_500)
  clock.advance(500)
  seen.activity = { ...idle, work: 1 }
  for (let turn = 0; turn < 5; turn++) await Promise.resolve()
  t.equal(seen.asked, 1)
  t.equal(seen.restarts, 0)
  t.equal(watch.finding, undefined)
})

t.test('R8.2 after so many restarts within an hour it is left to a person, and said once', async (t) => {
  const { seen, watch, pass } = watching(t, 10_000)
  for (let restart = 1; restart <= limits.stuckRestartsPerHour; restart++) {
    await pass(11_000)
    t.equal(seen.restarts, restart)
    watch.follow(true)
  }
  await pass(minutesMs(10))
  t.equal(seen.restarts, limits.stuckRestartsPerHour)
  t.match(watch.finding?.message, /^no progress for .*; left alone after 3 restarts within an hour$/)
  t.equal(seen.events.filter((event) => event === 'flow.stuck_left').length, 1)
  seen.activity = { ...idle, work: 1 }
  await pass(1_000)
  t.equal(watch.finding, undefined, 'it has come round by itself')
  await pass(minutesMs(60))
  t.equal(seen.restarts, limits.stuckRestartsPerHour + 1, 'the hour is over')
})

t.test('R8.2 without the setting nothing is watched and no timer runs', async (t) => {
  const { clock, watch } = watching(t, null)
  t.equal(clock.armed, 0)
  t.equal(watch.idleMs, undefined)
})
