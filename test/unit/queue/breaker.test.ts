import t from 'tap'
import type { Unreached } from '../../../supervisor/core/target.ts'
import { Breaker, type Pass } from '../../../supervisor/queue/breaker.ts'
import { createTestClock } from '../../harness/test-clock.ts'

const refused: Unreached = { reached: false, reason: 'refused', message: 'no', outcomeUnknown: false }

function create(random = () => 1) {
  const clock = createTestClock()
  const changes: string[] = []
  const breaker = new Breaker({
    monotonicMs: clock.monotonicMs,
    random,
    batchMax: () => 8,
    changed: (state, reason) => changes.push(`${state} ${reason ?? ''}`.trim()),
  })
  const pass = (): Pass => {
    const begun = breaker.begin()
    if (!begun) throw new Error('no pass')
    return begun
  }
  const fail = (times = 1, answer = refused) => {
    for (let n = 0; n < times; n++) pass().unreached(answer)
  }
  return { breaker, clock, changes, pass, fail }
}

t.test('R8.1 the third failure in a row opens it; a success in between begins the count anew', async (t) => {
  const { breaker, pass, fail } = create()
  fail(2)
  t.equal(breaker.state, 'closed')
  pass().reached(1)
  fail(2)
  t.equal(breaker.state, 'closed')
  fail()
  t.equal(breaker.state, 'open')
  t.equal(breaker.reason, 'refused')
  t.equal(breaker.begin(), undefined)
})

t.test('R8.1 the waits double from 250 ms to 15 s, each with full jitter', async (t) => {
  const { breaker, clock, fail } = create()
  fail(3)
  for (const waitMs of [250, 500, 1000, 2000, 4000, 8000, 15_000, 15_000]) {
    t.equal(breaker.waitMs, waitMs)
    clock.advance(waitMs - 1)
    t.equal(breaker.state, 'open')
    clock.advance(1)
    t.equal(breaker.state, 'half_open')
    fail()
  }
  const jittered = create(() => 0.25)
  jittered.fail(3)
  t.equal(jittered.breaker.waitMs, 63)
})

t.test('R8.1 half open lets one through at a time, then twice as many, until it closes', async (t) => {
  const { breaker, clock, changes, pass, fail } = create()
  fail(3)
  clock.advance(250)
  for (const limit of [1, 2, 4]) {
    const one = pass()
    t.equal(one.limit, limit)
    t.equal(breaker.begin(), undefined, 'one batch at a time')
    one.reached(limit)
  }
  t.equal(breaker.state, 'closed')
  t.equal(pass().limit, 8)
  t.same(changes, ['open refused', 'half_open refused', 'closed'])
})

t.test('R8.1 where there is less to send than allowed, it closes', async (t) => {
  const { breaker, clock, pass, fail } = create()
  fail(3)
  clock.advance(250)
  pass().reached(1)
  t.equal(breaker.state, 'half_open')
  pass().reached(1)
  t.equal(breaker.state, 'closed')
})

t.test('R8.1 a pass that was not used lets the next one have its turn', async (t) => {
  const { breaker, clock, pass, fail } = create()
  fail(3)
  clock.advance(250)
  pass().unused()
  t.equal(breaker.state, 'half_open')
  t.ok(breaker.begin())
})

t.test('R8.1 a wrong password, a missing schema, a read-only server open it at once', async (t) => {
  for (const reason of ['authentication', 'missing_database', 'schema_missing', 'read_only']) {
    const { breaker, fail } = create()
    fail(1, { ...refused, reason })
    t.equal(breaker.state, 'open', reason)
  }
})

t.test('R8.1 what the target asks for is honoured, within a bound', async (t) => {
  const { breaker, fail } = create(() => 0)
  fail(1, { ...refused, reason: 'http_503', retryAfterMs: 7_000 })
  t.equal(breaker.waitMs, 7_000)
  const long = create()
  long.fail(1, { ...refused, retryAfterMs: 86_400_000 })
  t.equal(long.breaker.waitMs, 300_000)
})

t.test('R2.5 a health check that finds the target well ends the wait', async (t) => {
  const { breaker, pass, fail } = create()
  fail(3)
  breaker.seen(true)
  t.equal(breaker.state, 'half_open')
  breaker.seen(true)
  t.equal(breaker.state, 'half_open', 'what waits is the better probe')
  const one = pass()
  breaker.seen(false)
  t.equal(breaker.state, 'half_open', 'a probe is under way')
  one.unused()
  breaker.seen(false)
  t.equal(breaker.state, 'closed')
})

t.test('R8.1 what was sent before it opened says nothing about it now', async (t) => {
  const { breaker, clock, pass, fail } = create()
  const early = pass()
  const late = pass()
  fail(3)
  early.reached(5)
  t.equal(breaker.state, 'open')
  clock.advance(250)
  const probe = pass()
  late.unreached(refused)
  t.equal(breaker.state, 'half_open')
  probe.reached(1)
  t.equal(breaker.limit, 2)
})
