import t from 'tap'
import { FlowkeepError } from '../../../supervisor/core/errors.ts'
import { limits } from '../../../supervisor/core/limits.ts'
import { StoreFailure } from '../../../supervisor/core/record-store.ts'
import type { HandedRecord } from '../../../supervisor/core/records.ts'
import { away } from '../../harness/memory-record-store.ts'
import { leaseMs, openDesk, settleDown } from './desk-fixture.ts'

const ids = (records: readonly { id: string }[]) => records.map(({ id }) => id)
const refusal = (code: string) => ({ name: 'FlowkeepError', code })

t.test('R3.1 records are handed out, completed together, and counted', async (t) => {
  const { store, desk, claim } = openDesk()
  store.add('q', 3)
  const records = await claim()
  t.same(ids(records), ['1', '2', '3'])
  t.match(records[0], { payload: '{"n":1}', attempt: 1, epoch: 1, key: null })
  const body = records.map(({ id, epoch }) => ({ id, epoch }))
  const done = await desk.completeAll([...body, { id: '3', epoch: 7 }, { id: 'x', epoch: 1 }])
  t.same(
    done.slice(0, 3),
    body.map(({ id }) => ({ id, state: 'applied' })),
  )
  t.match(done.slice(3), [
    { id: '3', state: 'refused', error: { code: 'epoch_stale' } },
    { id: null, state: 'refused', error: { code: 'invalid_request', field: 'id' } },
  ])
  t.same(
    store.calls.filter((call) => call.startsWith('complete')),
    ['complete 4'],
  )
  await desk.count()
  t.match(desk.stats(), { database: 'flows', state: 'ready', held: 0, ahead: 0 })
  t.match(desk.stats().queues['q'], { pending: 0, claimed: 3, completed: 3, fenced: 0 })
  t.equal(desk.stats().queues['other']?.fenced, 1)
})

t.test('R3.1 effects go through the local queue under the epoch, and its answer is the answer', async (t) => {
  const { store, desk, claim, submitted, now } = openDesk()
  store.add('q', 3)
  const [one, two, three] = (await claim()) as [HandedRecord, HandedRecord, HandedRecord]
  const effects = [{ sql: 'insert into t values ($1)', params: [1] }]
  now.answer = { state: 'applied', id: 'any' }
  t.same(await desk.settle('complete', one.id, { epoch: 1, effects }), { state: 'applied' })
  t.same(submitted[0], {
    mode: 'auto',
    operation: {
      ...{ id: 'record:1:1', target: 'flows', key: 'record:1', expiresAtMs: undefined },
      work: {
        kind: 'sql',
        statements: effects,
        record: { action: 'complete', recordId: '1', epoch: 1, queue: 'q' },
      },
    },
  })
  const refused = (code: 'epoch_stale' | 'operation_refused' | 'operation_conflict') => {
    return { state: 'refused', id: 'any', error: { code, message: 'm', hint: 'h' } } as const
  }
  now.answer = refused('operation_refused')
  await t.rejects(desk.settle('complete', two.id, { epoch: 1, effects }), refusal('operation_refused'))
  t.equal(desk.stats().held, 2, 'refused by the database it is still the flow’s')
  now.answer = { state: 'queued', id: 'any' }
  t.same(await desk.settle('fail', two.id, { epoch: 1, reason: 'no', retry: false }), { state: 'queued' })
  t.match(submitted.at(-1)?.operation.work, {
    record: { action: 'fail', reason: 'no', retry: false, alone: true },
  })
  for (const code of ['epoch_stale', 'operation_conflict'] as const) {
    now.answer = refused(code)
    await t.rejects(desk.settle('release', three.id, { epoch: 1 }), refusal('epoch_stale'))
  }
  t.equal(desk.stats().held, 0)
  t.match(desk.stats().queues, { q: { completed: 1, failed: 0, fenced: 1 } })
  desk.operationEnded('q', 'fail', 'applied')
  desk.operationEnded('q', 'complete', 'fenced')
  desk.operationEnded('q', 'release', 'applied')
  t.match(desk.stats().queues['q'], { completed: 1, failed: 1, fenced: 2 })
})

t.test('R8.3 a completion in a partition becomes an operation under the same epoch', async (t) => {
  const { store, desk, claim, submitted } = openDesk()
  store.add('q', 1)
  await claim()
  store.failure = new StoreFailure('unavailable', 'its answer was lost', true)
  t.same(await desk.settle('complete', '1', { epoch: 1 }), { state: 'queued' })
  t.match(submitted, [
    { mode: 'queue', operation: { id: 'record:1:1', work: { statements: [], record: { alone: true } } } },
  ])
  desk.flowGone('crashed', 'the flow died')
  store.failure = undefined
  await settleDown()
  t.notOk(
    store.calls.some((call) => call.startsWith('giveBack')),
    'it is not given back behind its completion',
  )
})

t.test('R2.5 what cannot be had says why, and what to do', async (t) => {
  const { store, desk, claim, now } = openDesk()
  store.failure = away
  await t.rejects(claim(), refusal('dependency_unavailable'))
  t.equal(desk.stats().state, 'unavailable')
  store.failure = new StoreFailure('schema_missing', 'no table', false)
  await t.rejects(claim(), { code: 'schema_missing', hint: /flowkeep migrate/ })
  t.equal(desk.stats().state, 'schema_missing')
  store.failure = new StoreFailure('unavailable', 'lost', true)
  await t.rejects(desk.enqueue({ queue: 'q', records: [{ payload: 1 }] }), refusal('outcome_unknown'))
  store.failure = undefined
  now.closed = 'draining'
  await t.rejects(claim(), refusal('draining'))
  now.closed = 'no_flow'
  await t.rejects(claim(), refusal('wrong_state'))
})

t.test('R8.4 with a disk all but full nothing is handed out, also to who waits already', async (t) => {
  const { desk, claim, now } = openDesk()
  const waiting = claim(1, 10_000)
  await settleDown()
  now.closed = 'disk_critical'
  desk.shed()
  await t.rejects(waiting, refusal('disk_full'))
  await desk.enqueue({ queue: 'q', records: [{ payload: 1 }] })
  await t.rejects(claim(), refusal('disk_full'))
  now.closed = undefined
  t.equal((await claim()).length, 1)
})

t.test('R8.2 a flow that dies has its records back at once, with an attempt used up', async (t) => {
  const { store, desk, claim } = openDesk()
  store.add('q', 2)
  await claim(1)
  desk.flowGone('crashed', 'the flow died')
  await settleDown()
  t.match(store.records, [{ status: 'pending', attempts: 1, suspect: true, reason: 'the flow died' }, {}])
  t.same(ids(await claim()), ['1'], 'a suspect is handed out alone')
  desk.flowGone('stopped', 'the container stops')
  await settleDown()
  t.match(store.records[0], { status: 'pending', attempts: 1 }, 'a stop by us uses up none')
})

t.test('R8.2 a completion under way when the flow dies is neither doubled nor lost', async (t) => {
  for (const [answer, status] of [
    ['applied', 'running'],
    ['refused', 'pending'],
  ] as const) {
    const answered = Promise.withResolvers<void>()
    const { store, desk, claim } = openDesk({
      async submit() {
        await answered.promise
        if (answer === 'applied') return [{ state: 'applied', id: 'any' }]
        return [{ state: 'refused', id: 'any', error: { code: 'operation_refused', message: '', hint: '' } }]
      },
    })
    store.add('q', 1)
    await claim()
    const settling = desk
      .settle('complete', '1', { epoch: 1, effects: [{ sql: 'select 1' }] })
      .catch(() => {})
    desk.flowGone('crashed', 'the flow died')
    await settleDown()
    t.equal(store.records[0]?.status, 'running')
    answered.resolve()
    await settling
    await settleDown()
    t.equal(store.records[0]?.status, status, answer)
  }
})

t.test('R3.3 what nobody receives goes back', async (t) => {
  const { store, desk, claim } = openDesk()
  store.add('q', 2)
  const gone = new AbortController()
  const arrival = Promise.withResolvers<void>()
  store.beforeClaim = () => arrival.promise
  const left = claim(2, 0, gone.signal)
  gone.abort()
  t.same(await left, [])
  arrival.resolve()
  await settleDown()
  t.same(ids(await claim(1)), ['1'], 'claimed for somebody who left, it goes to the next')
  const handed = await desk.claim({ queue: 'q', limit: 1 }, new AbortController().signal)
  handed.undelivered()
  await settleDown()
  t.match(store.records[1], { status: 'pending', attempts: 0 })
  t.equal(desk.stats().held, 1)
})

t.test(
  'R3.3 records that cannot be given back now are given back later, while the lease lives',
  async (t) => {
    const { clock, store, desk, claim } = openDesk()
    store.add('q', 2)
    await claim()
    store.failure = away
    desk.flowGone('crashed', 'the flow died')
    await settleDown()
    t.equal(store.records[0]?.status, 'running')
    store.failure = undefined
    clock.advance(limits.recordsRetryMs)
    await settleDown()
    t.match(store.records, [{ status: 'pending' }, { status: 'pending' }])
  },
)

t.test('R3.3 the lease is renewed three times within its length; one that is lost loses all', async (t) => {
  const { clock, store, desk, claim, logged } = openDesk()
  store.add('q', 2)
  const records = await claim(1)
  for (let turn = 0; turn < 5; turn++) {
    clock.advance(leaseMs / 3)
    await settleDown()
  }
  t.equal(store.calls.filter((call) => call === 'renewSession').length, 5)
  store.failure = away
  clock.advance(leaseMs / 3)
  await settleDown()
  store.failure = undefined
  clock.advance(limits.recordsRetryMs)
  await settleDown()
  t.same(logged, [], 'it outlasts a short outage')
  store.sessions.clear()
  clock.advance(leaseMs / 3)
  await settleDown()
  t.same(logged, ['records.lease_lost'])
  t.equal(desk.stats().held, 0)
  desk.flowGone('crashed', '')
  await settleDown()
  t.notOk(
    store.calls.some((call) => call.startsWith('giveBack')),
    'what is lost is not ours to give back',
  )
  t.same(ids(await claim(1)), ['2'], 'a new session goes on')
  t.equal(records.length, 1)
})

t.test('R3.4 records claimed by a request whose answer was lost go back, and no others', async (t) => {
  const { clock, store, desk, claim, logged } = openDesk()
  store.add('q', 3)
  const [first] = await claim(1)
  store.afterClaim = () => {
    throw new StoreFailure('unavailable', 'the connection was lost', true)
  }
  await t.rejects(claim(1), refusal('dependency_unavailable'))
  store.afterClaim = () => {}
  t.same(ids(await claim(1)), ['3'])
  await desk.recover()
  await settleDown()
  t.match(store.records, [{ status: 'running' }, { status: 'pending', attempts: 0 }, { status: 'running' }])
  t.same(logged, ['records.claim_lost'])
  t.same(ids(await claim(1)), ['2'])

  t.same(await desk.settle('complete', first?.id ?? '', { epoch: 1 }), { state: 'applied' })
  clock.advance(limits.recordsLostClaimMs)
  store.calls.length = 0
  for (const _ of [1, 2]) await desk.recover()
  t.equal(
    store.calls.filter((call) => call.startsWith('giveBackClaims')).length,
    1,
    'asked for once more when it cannot be carried out any longer, and then no more',
  )
})

t.test('R3.3 a claim finds its session lost and opens another', async (t) => {
  const { store, claim } = openDesk()
  store.add('q', 2)
  await claim(1)
  store.sessions.clear()
  t.same(ids(await claim(1)), ['2'])
})

t.test(
  'R5.5 draining tells who waits, gives back what was not begun, and lets the rest be completed',
  async (t) => {
    const { clock, store, desk, claim, now } = openDesk()
    store.add('q', 1)
    const [first] = await claim(1)
    const waiting = claim(1, 10_000)
    await settleDown()
    now.closed = 'draining'
    desk.drain()
    await t.rejects(waiting, refusal('draining'))
    t.same(await desk.settle('complete', first?.id ?? '', { epoch: 1 }), { state: 'applied' })
    await desk.close()
    t.equal(store.sessions.size, 0)
    clock.advance(leaseMs)
    await settleDown()
    t.notOk(store.calls.includes('renewSession'))
  },
)

t.test('R3.3 recovery forgets what was held too long and wakes who waits', async (t) => {
  const { clock, store, desk, claim, logged } = openDesk({ timeoutMs: () => 1_000 })
  store.add('q', 1)
  await claim()
  clock.advance(1_001)
  const waiting = claim(1, 10_000)
  await settleDown()
  await desk.recover()
  await settleDown()
  t.same(ids(await waiting), ['1'])
  t.same(logged, ['records.late'])
})

t.test('R3.4 a request that is wrong says which field, before anything is asked', async (t) => {
  const { store, desk } = openDesk()
  const never = new AbortController().signal
  const cases: [string, () => Promise<unknown>][] = [
    ['body', () => desk.enqueue(undefined)],
    ['queue', () => desk.enqueue({ records: [{ payload: 1 }] })],
    ['queue', () => desk.enqueue({ queue: 'a\0b', records: [{ payload: 1 }] })],
    ['records', () => desk.enqueue({ queue: 'q', records: [] })],
    ['records[0].payload', () => desk.enqueue({ queue: 'q', records: [{}] })],
    ['records[1].key', () => desk.enqueue({ queue: 'q', records: [{ payload: 1 }, { payload: 1, key: 7 }] })],
    ['records[0].priority', () => desk.enqueue({ queue: 'q', records: [{ payload: 1, priority: 2 ** 31 }] })],
    ['records[0].runAt', () => desk.enqueue({ queue: 'q', records: [{ payload: 1, runAt: '2030-01-01' }] })],
    ['records[0].prio', () => desk.enqueue({ queue: 'q', records: [{ payload: 1, prio: 1 }] })],
    ['id', () => desk.enqueue({ id: '../x', queue: 'q', records: [{ payload: 1 }] })],
    ['limit', () => desk.claim({ queue: 'q', limit: 501 }, never)],
    ['waitMs', () => desk.claim({ queue: 'q', waitMs: -1 }, never)],
    ['id', () => desk.settle('complete', '0', { epoch: 1 })],
    ['id', () => desk.settle('complete', '9223372036854775808', { epoch: 1 })],
    ['epoch', () => desk.settle('complete', '1', {})],
    ['epoch', () => desk.settle('fail', '1', { epoch: '1' })],
    ['reason', () => desk.settle('fail', '1', { epoch: 1, reason: 7 })],
    ['retry', () => desk.settle('fail', '1', { epoch: 1, retry: 'no' })],
    ['effects', () => desk.settle('complete', '1', { epoch: 1, effects: 'select 1' })],
    ['effects[0].sql', () => desk.settle('complete', '1', { epoch: 1, effects: [{ sql: 'commit' }] })],
    [
      'effects[0].params',
      () => desk.settle('complete', '1', { epoch: 1, effects: [{ sql: 'select 1', params: 1 }] }),
    ],
    ['effects', () => desk.settle('release', '1', { epoch: 1, effects: [] })],
    ['body', () => desk.completeAll({})],
  ]
  for (const [field, call] of cases) {
    const error = await call().then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
    t.ok(error instanceof FlowkeepError, field)
    t.match(error, { field, hint: /./ }, field)
  }
  t.same(store.calls, [])
})

t.test(
  'R3.1 the same request to enqueue, by its id, is one; with other content it is a conflict',
  async (t) => {
    const { desk } = openDesk()
    const request = { id: 'a', queue: 'q', records: [{ payload: { b: 1, a: 2 } }] }
    const first = await desk.enqueue(request)
    t.same(await desk.enqueue({ ...request, records: [{ payload: { a: 2, b: 1 } }] }), first)
    await t.rejects(desk.enqueue({ ...request, records: [{ payload: 1 }] }), refusal('operation_conflict'))
  },
)

t.test('R8.2 what a recovery took back whose answer was lost is not held any more', async (t) => {
  const { clock, store, desk, claim } = openDesk()
  store.add('q', 2)
  await claim(1)
  clock.advance(1_000)
  await claim(1)
  clock.advance(900_000 - 500)
  const { recover } = store
  store.recover = async (...asked) => {
    await recover(...asked)
    throw new StoreFailure('unavailable', 'the connection was lost', true)
  }
  await desk.recover()
  t.match(store.records, [{ status: 'pending' }, { status: 'running' }])
  t.equal(desk.stats().held, 2)
  store.recover = recover
  await desk.recover()
  t.equal(desk.stats().held, 1, 'the other one has time left')
})

t.test('R3.3 what arrives for a session that is lost is handed to nobody', async (t) => {
  const { store, desk } = openDesk()
  store.add('q', 1)
  store.add('r', 1)
  const { promise: arrived, resolve: arrive } = Promise.withResolvers<void>()
  const { claim } = store
  store.claim = async (request) => {
    const records = await claim(request)
    if (request.number === 1) await arrived
    return records
  }
  const of = async (queue: string) => (await desk.claim({ queue, limit: 1 }, never)).records
  const first = of('q')
  await settleDown()
  store.sessions.clear()
  t.match(await of('r'), [{ id: '2' }])
  arrive()
  t.match(await first, [{ id: '1', epoch: 3, attempt: 1 }], 'it was given back, and claimed anew')
  t.equal(store.records[0]?.session, [...store.sessions.keys()][0])
})

t.test('R3.3 a record that was late and is claimed again while we are told so is held', async (t) => {
  const { clock, desk, store, claim } = openDesk()
  store.add('q', 1)
  const [first] = await claim()
  clock.advance(900_001)
  await settleDown()
  const { recover } = store
  store.recover = async (...asked) => {
    const recovered = await recover(...asked)
    t.match(await claim(), [{ id: first?.id, epoch: (first?.epoch ?? 0) + 2 }])
    return recovered
  }
  await desk.recover()
  t.equal(desk.stats().held, 1)
  desk.flowGone('crashed', 'it died')
  await settleDown()
  t.match(store.records, [{ status: 'pending' }], 'and given back')
})

t.test('R3.3 late news of a lost session mean nothing to the one after it', async (t) => {
  const { store, desk, logged } = openDesk()
  store.add('q', 1)
  store.add('r', 1)
  const { promise: told, resolve: tell } = Promise.withResolvers<void>()
  const { claim } = store
  store.claim = async (request) => {
    if (request.number !== 1) return claim(request)
    await told
    throw new StoreFailure('session_lost', 'taken for dead', false)
  }
  const of = async (queue: string) => (await desk.claim({ queue, limit: 1 }, never)).records
  const first = of('q')
  await settleDown()
  store.sessions.clear()
  t.match(await of('r'), [{ id: '2' }])
  tell()
  t.match(await first, [{ id: '1' }])
  t.equal(desk.stats().held, 2)
  t.same(logged, ['records.lease_lost'], 'once')
})

t.test('R6.3 under a lease that may have run out nothing is claimed before it is renewed', async (t) => {
  const { clock, store, desk, claim } = openDesk()
  store.add('q', 2)
  await claim(1)
  store.failure = away
  clock.advance(leaseMs)
  await settleDown()
  store.calls.length = 0
  await t.rejects(claim(1), refusal('dependency_unavailable'))
  t.same(store.calls, ['renewSession'])
  store.failure = undefined
  store.calls.length = 0
  t.same(ids(await claim(1)), ['2'])
  t.same(store.calls.slice(0, 2), ['renewSession', 'claim 1'])
  t.equal(desk.stats().held, 2)
})

const never = new AbortController().signal
