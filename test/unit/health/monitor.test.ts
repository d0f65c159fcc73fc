import t from 'tap'
import { createRedactor } from '../../../supervisor/core/secret.ts'
import { bad, good, scripted, watch } from './monitor-fixture.ts'

t.test('§6 the report has the shape of the contract', async (t) => {
  const { monitor, pass } = watch(t, [scripted({ dependency: true }, good)])
  await pass(500)
  t.strictSame(JSON.parse(JSON.stringify(monitor.report())), {
    status: 'healthy',
    state: 'running',
    flow: 'orders',
    instance: 'orders-1',
    version: '1.2.3',
    checks: {
      flow: {
        status: 'healthy',
        message: 'running (generation 1, restarts 0)',
        since: '1970-01-01T00:00:00.000Z',
        durationMs: 0,
      },
      'database:rpa_db': {
        status: 'healthy',
        message: 'ok',
        since: '2030-01-01T00:00:00.500Z',
        durationMs: 0,
      },
    },
  })
})

t.test('§6 checks run on their own schedule; asking runs none', async (t) => {
  const fast = scripted({ name: 'fast', intervalMs: 1_000 }, good)
  const slow = scripted({ name: 'slow', intervalMs: 60_000 }, good)
  const { monitor, pass } = watch(t, [fast, slow])
  for (let second = 0; second < 60; second++) {
    await pass(1_000)
    for (let asked = 0; asked < 10; asked++) monitor.report()
  }
  t.equal(fast.runs, 60)
  t.equal(slow.runs, 1)
})

t.test('§6 first runs are spread, and one that has not run yet is not called healthy', async (t) => {
  const randoms = [0, 0.25, 0.999]
  const checks = ['a', 'b', 'c'].map((name) => scripted({ name }, good))
  const { clock, pass, statusOf } = watch(t, checks, { random: () => randoms.shift() ?? 0.5 })
  t.equal(statusOf('a'), 'degraded')
  t.equal(clock.nextInMs, 0)
  await pass(0)
  t.strictSame(
    checks.map(({ runs }) => runs),
    [1, 0, 0],
  )
  t.equal(statusOf('a'), 'healthy')
  await pass(250)
  t.strictSame(
    checks.map(({ runs }) => runs),
    [1, 1, 0],
  )
  await pass(749)
  t.strictSame(
    checks.map(({ runs }) => runs),
    [1, 1, 1],
  )
})

t.test('§6 one blip is not shown; two in a row are, and recovery is at once', async (t) => {
  const check = scripted({ dependency: true }, good, bad, good, bad, bad, good)
  const { pass, statusOf, check: shown, logged } = watch(t, [check])
  await pass(500)
  t.equal(statusOf(), 'healthy')
  await pass(10_000)
  t.equal(statusOf(), 'healthy', 'one failure is doubted')
  await pass(2_499)
  t.equal(check.runs, 2)
  await pass(1)
  t.equal(check.runs, 3, 'and checked again after a quarter of the interval')
  await pass(10_000)
  await pass(2_500)
  t.equal(statusOf(), 'unhealthy', 'two in a row')
  t.equal(shown()?.since, '2030-01-01T00:00:25.500Z')
  t.match(shown()?.message, 'refused')
  await pass(10_000)
  t.equal(statusOf(), 'healthy', 'recovered at once')
  t.strictSame(
    logged.map(({ event }) => event),
    ['dependency.down', 'dependency.up'],
  )
})

t.test('§6 a failing first result is shown at once', async (t) => {
  const { pass, statusOf, monitor } = watch(t, [scripted({ dependency: true }, bad)])
  await pass(500)
  t.equal(statusOf(), 'unhealthy')
  t.equal(monitor.report().status, 'degraded', 'a dependency only degrades')
})

t.test('R2.4 the message and the time of the last change stay until the status changes', async (t) => {
  const other = { status: 'unhealthy', message: 'timeout: no answer' } as const
  const { pass, check } = watch(t, [scripted({}, bad, other)])
  await pass(500)
  const since = check()?.since
  await pass(10_000)
  t.equal(check()?.message, 'timeout: no answer')
  t.equal(check()?.since, since)
})

t.test(
  '§6 a run that takes too long counts as failed, is aborted, and never runs beside itself',
  async (t) => {
    const check = scripted({}, bad)
    check.outcomes = []
    const { pass, check: shown, statusOf, monitor } = watch(t, [check])
    await pass(500)
    await pass(4_999)
    t.equal(statusOf(), 'degraded', 'not known yet')
    await pass(1)
    t.match(shown(), { status: 'unhealthy', message: 'timed out after 5s' })
    t.equal(check.signals[0]?.aborted, true)
    await pass(30_000)
    t.equal(check.runs, 1, 'the first has not returned')
    check.finish(good)
    await pass(0)
    t.equal(statusOf(), 'unhealthy', 'what it says too late is not taken')
    check.outcomes = [good]
    await pass(10_000)
    t.equal(check.runs, 2)
    t.equal(statusOf(), 'healthy')
    await monitor.stop()
  },
)

t.test(
  '§6 a result older than three intervals and the timeout is stale and makes the whole unhealthy',
  async (t) => {
    const check = scripted({ dependency: true }, good)
    const { pass, check: shown, monitor } = watch(t, [check])
    await pass(500)
    check.outcomes = []
    await pass(10_000)
    await pass(5_000) // timed out, and hangs on
    await pass(35_000)
    t.equal(monitor.report().status, 'healthy', 'just not stale')
    await pass(1_000)
    t.match(shown(), {
      status: 'unhealthy',
      message: 'stale: no result for 36s',
      since: '2030-01-01T00:00:50.500Z',
    })
    t.equal(monitor.report().status, 'unhealthy')
    check.outcomes = [bad]
    check.finish(good)
    await pass(0)
    await pass(2_500)
    t.match(shown(), { status: 'unhealthy', message: bad.message }, 'no hysteresis hides what comes after')
    t.equal(monitor.report().status, 'degraded')
  },
)

t.test(
  '§6 after a pause of the container nothing is taken on trust, and no hysteresis hides a failure',
  async (t) => {
    const check = scripted({}, good, bad)
    const { pass, pause, statusOf, check: shown } = watch(t, [check])
    await pass(500)
    t.equal(statusOf(), 'healthy')
    pause(600_000)
    t.match(shown(), { status: 'unhealthy', message: /^stale/ })
    await pass(10_000)
    t.equal(check.runs, 2)
    t.match(shown(), { status: 'unhealthy', message: bad.message })
  },
)

t.test('§6 a check that throws is unhealthy with the reason', async (t) => {
  const check = scripted({
    run() {
      throw new Error('boom\n  at line 2')
    },
  })
  const { pass, check: shown } = watch(t, [check])
  await pass(500)
  t.match(shown(), { status: 'unhealthy', message: 'boom at line 2' })
})

t.test('R7.2 messages are free of secrets and control characters, and bounded', async (t) => {
  const message = `\u001b[31mno\r\n"level":"info" hunter2-secret ${'x'.repeat(5_000)}`
  const { pass, check } = watch(t, [scripted({}, { status: 'degraded', message })], {
    redact: createRedactor(['hunter2-secret']),
  })
  await pass(500)
  const shown = check()?.message ?? ''
  t.notMatch(shown, 'hunter2')
  t.notMatch(shown, /\p{Cc}/u)
  t.equal(shown.length, 500)
})

t.test('§6 a program called __proto__ is a check like any other', async (t) => {
  const { pass, monitor } = watch(t, [scripted({ name: '__proto__' }, bad)])
  await pass(500)
  t.match(JSON.stringify(monitor.report()), '"__proto__":{"status":"unhealthy"')
})

t.test('§6 refresh runs every check again soon, also one that is under way', async (t) => {
  const idle = scripted({ name: 'idle', intervalMs: 3_600_000 }, good)
  const busy = scripted({ name: 'busy', intervalMs: 3_600_000 })
  const { pass, monitor } = watch(t, [idle, busy])
  await pass(500)
  t.strictSame([idle.runs, busy.runs], [1, 1])
  monitor.refresh()
  await pass(500)
  t.strictSame([idle.runs, busy.runs], [2, 1])
  busy.finish(bad)
  await pass(0)
  await pass(500)
  t.equal(busy.runs, 2, 'its result was from before')
})

t.test('R2.5 a result of the gate is taken before the first run', async (t) => {
  const { monitor, statusOf } = watch(t, [scripted({ dependency: true }, good)])
  monitor.record('database:rpa_db', bad, 3)
  t.equal(statusOf(), 'unhealthy')
  monitor.record('database:unknown', bad, 3)
  t.notOk(monitor.report().checks['database:unknown'])
})

t.test('R1.5 a refused reload is shown until it is taken back', async (t) => {
  const { monitor, pass } = watch(t, [])
  monitor.note('configuration', { status: 'degraded', message: 'CONTAINER_HTTP_PORT is not a port' })
  const { since } = monitor.report().checks['configuration'] ?? {}
  t.equal(monitor.report().status, 'degraded')
  await pass(5_000)
  monitor.note('configuration', { status: 'degraded', message: 'again' })
  t.match(monitor.report().checks['configuration'], { message: 'again', since })
  monitor.note('configuration', undefined)
  t.equal(monitor.report().status, 'healthy')
})

t.test('R1.5 other checks after a reload: the old ones end, a name kept keeps its result', async (t) => {
  const before = [scripted({ name: 'kept' }, good), scripted({ name: 'gone' }, bad)]
  const { monitor, pass, statusOf } = watch(t, before)
  await pass(500)
  const kept = scripted({ name: 'kept' }, good)
  monitor.start([kept, scripted({ name: 'new' }, good)])
  t.equal(statusOf('kept'), 'healthy')
  t.equal(statusOf('gone'), undefined)
  for (let second = 0; second < 60; second++) await pass(1_000)
  t.strictSame(
    before.map(({ runs }) => runs),
    [1, 1],
  )
  t.ok(kept.runs > 1)
})

t.test('§6 stop leaves no timer, whatever is under way', async (t) => {
  const open = scripted({ name: 'open' })
  const { clock, monitor, pass, statusOf } = watch(t, [open, scripted({ name: 'idle' }, good)])
  await pass(500)
  const stopped = monitor.stop()
  t.equal(clock.armed, 0)
  t.equal(open.signals[0]?.aborted, true)
  let waited = false
  void stopped.then(() => {
    waited = true
  })
  await pass(60_000)
  t.equal(waited, false, 'a run still out is waited for')
  open.finish(bad)
  await stopped
  await pass(60_000)
  t.equal(clock.armed, 0)
  t.equal(statusOf('open'), 'unhealthy', 'stale by now, not its late result')
})
