import { getTasks } from 'node-cron'
import t from 'tap'
import { everySeconds, schedule } from '../../../supervisor/schedule/schedule.ts'
import { createTestClock } from '../../harness/test-clock.ts'
import { quiet } from '../http/public-fixture.ts'

const yearMs = 365 * 24 * 3_600_000

/** A job every ten seconds, by a wall clock that a test can set. */
function every10s(run: () => Promise<void> = async () => {}) {
  const clock = createTestClock()
  let shiftMs = 0
  let runs = 0
  let asked = 0
  const counted = () => {
    runs++
    return run()
  }
  const job = schedule({ name: 'job', expression: everySeconds(10), jitterMs: 500, run: counted }, quiet, {
    clock: { ...clock, wallMs: () => clock.wallMs() + shiftMs },
    random: () => 1,
    moments: () => (nowWallMs) => {
      asked++
      return nowWallMs - (nowWallMs % 10_000) + 10_000
    },
  })
  return {
    ...{ clock, job },
    set(ms: number) {
      shiftMs = ms
    },
    runs: () => runs,
    asked: () => asked,
    async pass(ms: number) {
      for (let passed = 0; passed < ms; passed += 500) {
        clock.advance(500)
        for (let turn = 0; turn < 5; turn++) await Promise.resolve()
      }
    },
  }
}

t.test('§4 a clock that is set a year ahead makes one run of it, not a year of them', async (t) => {
  const { pass, set, runs, asked } = every10s()
  await pass(25_000)
  t.equal(runs(), 2)
  const askedBefore = asked()
  set(yearMs)
  await pass(20_000)
  t.equal(runs(), 4)
  t.ok(asked() - askedBefore < 5, 'nor does it go through what lies between')
})

t.test('§4 a clock that is set a year back keeps no job waiting', async (t) => {
  const { pass, set, runs } = every10s()
  await pass(25_000)
  set(-yearMs)
  await pass(30_000)
  t.ok(runs() >= 4, `${runs()} runs`)
})

t.test(
  '§4 a run that is under way is not begun again, and one that fails does not end the schedule',
  async (t) => {
    let end = (_: Error) => {}
    const { pass, runs, job, clock } = every10s(
      () =>
        new Promise((_, reject) => {
          end = reject
        }),
    )
    await pass(45_000)
    t.equal(runs(), 1)
    end(new Error('no'))
    await pass(10_000)
    t.equal(runs(), 2)
    job.stop()
    t.equal(clock.armed, 0)
  },
)

t.test('§4 what node-cron says is the next moment', async (t) => {
  let stop = () => {}
  await new Promise<void>((resolve) => {
    const job = schedule(
      { name: 'job', expression: '* * * * * *', jitterMs: 0, run: async () => resolve() },
      quiet,
    )
    stop = job.stop
  })
  stop()
  t.equal(getTasks().size, 0, 'a reload leaves nothing behind')
  t.throws(() => schedule({ name: 'x', expression: '0 0 31 2 *', jitterMs: 0, run: async () => {} }, quiet))
})
