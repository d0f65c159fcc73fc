import { getEventListeners } from 'node:events'
import t from 'tap'
import type { CheckResult } from '../../../supervisor/core/dependency.ts'
import {
  authentication,
  createTestGate,
  fakeDependency,
  healthy,
  pass,
  refused,
  settle,
  starting,
  timedOut,
} from './fakes.ts'

function never(): AbortSignal {
  return new AbortController().signal
}

async function state(promise: Promise<unknown>): Promise<'pending' | 'resolved' | 'rejected'> {
  let known: 'pending' | 'resolved' | 'rejected' = 'pending'
  promise.then(
    () => {
      known = 'resolved'
    },
    () => {
      known = 'rejected'
    },
  )
  await settle()
  return known
}

t.test('R2.1 the gate opens only when every required dependency is healthy', async (t) => {
  const database = fakeDependency({ answers: [refused, healthy] })
  const service = fakeDependency({ name: 'prefect', kind: 'service', answers: [starting, starting, healthy] })
  const { gate, clock, events } = createTestGate([database, service])
  const opened = gate.open(never())
  await settle()
  t.same([database.checked, service.checked], [1, 1], 'both are asked at once')
  await pass(clock, 250)
  t.same(
    gate.pending().map(({ name }) => name),
    ['prefect'],
  )
  t.equal(await state(opened), 'pending')
  await pass(clock, 500)
  await opened
  t.same(gate.pending(), [])
  t.same(events().slice(-3), ['gate.ready', 'gate.ready', 'gate.open'])
})

t.test('R2.2 attempts follow the backoff exactly', async (t) => {
  const database = fakeDependency({ answers: [authentication] })
  const { gate, clock } = createTestGate([database])
  const stop = new AbortController()
  const opened = gate.open(stop.signal)
  await settle()
  for (const [attempts, delayMs] of [250, 500, 1000, 2000, 4000, 8000, 15_000, 15_000].entries()) {
    t.equal(database.checked, attempts + 1)
    t.equal(clock.nextInMs, delayMs)
    clock.advance(delayMs)
    await settle()
  }
  t.equal(database.knocked, 0, 'a knock says nothing about a password')
  stop.abort(new Error('stop'))
  await t.rejects(opened, { message: 'stop' })
})

t.test('R2.5 a knock that is answered ends a long backoff', async (t) => {
  const database = fakeDependency({ answers: [refused] })
  const { gate, clock } = createTestGate([database])
  const opened = gate.open(never())
  await settle()
  for (const delayMs of [250, 500, 1000, 2000, 4000, 8000]) await pass(clock, delayMs)
  t.equal(database.checked, 7, 'now it waits for 15 s')
  await pass(clock, 1000)
  t.equal(database.checked, 7)
  database.knocks = [true]
  database.answers = [healthy]
  await pass(clock, 200)
  await opened
  t.equal(database.checked, 8)
})

t.test('R2.5 after a timeout only a change from deaf to open ends the wait', async (t) => {
  const database = fakeDependency({ answers: [timedOut], knocks: [true] })
  const { gate, clock } = createTestGate([database], { backoffMinMs: 10_000 })
  const stop = new AbortController()
  const opened = gate.open(stop.signal)
  await pass(clock, 9_900)
  t.equal(database.checked, 1, 'a listener that accepts and is silent keeps its backoff')
  await pass(clock, 100)
  t.equal(database.checked, 2)
  database.knocks = [false, false, true]
  await pass(clock, 600)
  t.equal(database.checked, 3)
  stop.abort(new Error('stop'))
  await t.rejects(opened, { message: 'stop' })
})

t.test('R2.5 what says it is starting is asked again within half a second', async (t) => {
  const database = fakeDependency({ answers: [starting] })
  const { gate, clock } = createTestGate([database])
  const stop = new AbortController()
  const opened = gate.open(stop.signal)
  await pass(clock, 250 + 20 * 500)
  t.equal(database.checked, 22)
  stop.abort(new Error('stop'))
  await t.rejects(opened, { message: 'stop' })
})

t.test('R2.4 the log has each change of reason and a reminder every ten seconds', async (t) => {
  const database = fakeDependency({ answers: [refused, refused, starting, starting, refused] })
  const { gate, clock, lines } = createTestGate([database], { backoffMaxMs: 500 })
  const stop = new AbortController()
  const opened = gate.open(stop.signal)
  await pass(clock, 9_999)
  const said = () => lines.filter(({ event }) => event === 'gate.waiting').map(({ reason }) => reason)
  t.same(said(), ['refused', 'starting'], 'and nothing for coming back to a reason it has just told')
  await pass(clock, 600)
  t.same(said(), ['refused', 'starting', 'refused'])
  await pass(clock, 60_000)
  t.equal(said().length, 9, 'at most six more in a minute')
  t.match(lines[0], {
    level: 'warn',
    dependency: 'database:rpa_db',
    reason: 'refused',
    attempt: 1,
    waitedMs: 0,
    nextDelayMs: 250,
    message: 'waiting for database:rpa_db: db:5432 refused the connection',
  })
  stop.abort(new Error('stop'))
  await t.rejects(opened, { message: 'stop' })
})

t.test('R2.4 pending says what is missing, why, and how often it was tried', async (t) => {
  const database = fakeDependency({ answers: [refused] })
  const service = fakeDependency({ name: 'prefect', kind: 'service', answers: ['hang'] })
  const redact = (text: string) => text.replace('db:5432', '[redacted]')
  const { gate, clock, lines } = createTestGate([database, service], { redact })
  const stop = new AbortController()
  const opened = gate.open(stop.signal)
  await pass(clock, 750)
  t.match(gate.pending(), [
    {
      name: 'rpa_db',
      kind: 'database',
      reason: 'refused',
      attempts: 3,
      message: '[redacted] refused the connection',
    },
    { name: 'prefect', kind: 'service', reason: 'timeout', attempts: 0 },
  ])
  t.notMatch(JSON.stringify(lines), /db:5432/)
  stop.abort(new Error('stop'))
  await t.rejects(opened, { message: 'stop' })
  t.equal(gate.pending().length, 2, 'it is still known after the deadline')
})

t.test('R2.1 optional dependencies are tried and told of, and hold nothing up', async (t) => {
  const database = fakeDependency({ answers: [starting, healthy] })
  const cache = fakeDependency({ name: 'cache', kind: 'service', required: false, answers: [refused] })
  const mail = fakeDependency({ name: 'mail', kind: 'service', required: false })
  const { gate, clock, lines } = createTestGate([database, cache, mail])
  const { signal } = new AbortController()
  const opened = gate.open(signal)
  await pass(clock, 250)
  await opened
  t.equal(getEventListeners(signal, 'abort').length, 0)
  t.match(lines.at(-1), { event: 'gate.open', missing: ['service:cache'] })
  t.ok(lines.some((line) => line.event === 'gate.waiting' && line['dependency'] === 'service:cache'))
  t.ok(lines.some((line) => line.event === 'gate.ready' && line['dependency'] === 'service:mail'))
  await settle()
  t.equal(clock.armed, 0, 'nothing goes on behind the open gate')
})

t.test('§4 a restart waits for databases alone', async (t) => {
  const database = fakeDependency()
  const service = fakeDependency({ name: 'prefect', kind: 'service', answers: [refused] })
  const { gate } = createTestGate([database, service])
  await gate.open(never(), 'databases')
  t.equal(service.checked, 0)
  t.equal(database.checked, 1)
})

t.test('§4 an abort ends everything at once, whatever it was doing', async (t) => {
  for (const [what, answers] of Object.entries({
    'mid-check': ['hang'],
    'mid-backoff': [authentication],
    'between knocks': [refused],
  } satisfies Record<string, (CheckResult | 'hang')[]>)) {
    const database = fakeDependency({ answers })
    const optional = fakeDependency({ name: 'cache', required: false, answers })
    const { gate, clock } = createTestGate([database, optional], { backoffMinMs: 10_000 })
    const stop = new AbortController()
    const reason = new Error('stop')
    const opened = gate.open(stop.signal)
    await pass(clock, 300)
    stop.abort(reason)
    t.equal(await opened.catch((error) => error), reason, what)
    await settle()
    t.equal(clock.armed, 0, `${what}: no timer is left`)
    t.equal(getEventListeners(stop.signal, 'abort').length, 0, `${what}: no listener is left`)
    t.equal(database.checked, 1)
  }
  const { gate } = createTestGate([])
  await t.rejects(gate.open(AbortSignal.abort(new Error('before'))), { message: 'before' })
})

t.test('§10 every result is reported, and a gate with nothing to wait for opens', async (t) => {
  const database = fakeDependency({ answers: [refused, healthy] })
  const told: string[] = []
  const { gate, clock } = createTestGate([database], {
    settled: ({ name }, { ok }) => told.push(`${name} ${ok}`),
  })
  const opened = gate.open(never())
  await pass(clock, 250)
  await opened
  t.same(told, ['rpa_db false', 'rpa_db true'])
  await createTestGate([]).gate.open(never())
})

t.test('R2.1 a check that throws is a failing check', async (t) => {
  const database = fakeDependency({ answers: [healthy] })
  const check = database.check.bind(database)
  let first = true
  database.check = async (signal) => {
    if (first) {
      first = false
      throw new TypeError('undefined is not a function')
    }
    return check(signal)
  }
  const { gate, clock, lines } = createTestGate([database])
  const opened = gate.open(never())
  await pass(clock, 250)
  await opened
  t.match(lines[0], {
    event: 'gate.waiting',
    reason: 'bad_answer',
    message: /the check itself failed: undefined is not/,
  })
})
