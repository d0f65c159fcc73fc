import t from 'tap'
import { limits } from '../../../supervisor/core/limits.ts'
import { emptyDisk } from '../../harness/memory-journal.ts'
import { away, createScriptedTarget } from '../../harness/scripted-target.ts'
import { createTestQueue, op, states } from './queue-fixture.ts'

t.test(
  'R8.3 auto is applied at once while its target is up, and leaves nothing in the journal',
  async (t) => {
    const { submit, target, journal, counts } = createTestQueue()
    t.same(states(await submit(op('a'))), ['applied'])
    t.same(target.effects, ['a'])
    t.notOk(journal.calls['append'])
    t.same(counts, ['applied rpa_db'])
  },
)

t.test('R8.3 auto is queued while its target is away, and applied when it is back', async (t) => {
  const { submit, target, journal, pass, queue } = createTestQueue()
  target.trouble = away
  for (const id of ['a', 'b', 'c', 'd']) t.same(states(await submit(op(id))), ['queued'])
  t.equal(journal.figures.operations, 4)
  await pass(250)
  await pass(500)
  t.equal(queue.stats().targets['rpa_db']?.breaker, 'open')
  const asked = target.batches.length
  t.same(states(await submit(op('e'))), ['queued'])
  t.equal(target.batches.length, asked, 'under an open breaker nobody is asked')
  target.trouble = undefined
  await pass(60_000)
  t.same(target.effects, ['a', 'b', 'c', 'd', 'e'])
  t.equal(journal.figures.operations, 0)
  t.equal(queue.stats().targets['rpa_db']?.breaker, 'closed')
})

t.test('R8.3 queued is answered only when it is on disk', async (t) => {
  const { submit, journal, target } = createTestQueue()
  target.trouble = away
  journal.fail('append')
  t.same(states(await submit(op('a', { mode: 'queue' }))), ['outcome_unknown'])
  journal.fail('append', 1, 'after')
  t.same(states(await submit(op('b', { mode: 'queue' }))), ['outcome_unknown'])
  t.same(states(await submit(op('b', { mode: 'queue' }))), ['queued'], 'and the same id finds out')
})

t.test('R8.3 mode queue never waits for the target', async (t) => {
  const { submit, target, settle } = createTestQueue()
  target.trouble = 'hang'
  t.same(states(await submit(op('a', { mode: 'queue' }))), ['queued'])
  t.same(states(await submit(op('b', { mode: 'queue' }), op('c', { mode: 'queue' }))), ['queued', 'queued'])
  await settle()
  target.trouble = undefined
  target.go()
  await settle()
  t.same(target.effects, ['a', 'b', 'c'])
})

t.test('R8.3 direct is answered 503 while its target is away, and leaves nothing', async (t) => {
  const { submit, target, journal } = createTestQueue()
  target.trouble = away
  const [answer] = await submit(op('a', { mode: 'direct' }))
  t.match(answer, { state: 'refused', error: { code: 'dependency_unavailable', message: /nothing listens/ } })
  t.equal(answer?.state === 'refused' && answer.retryAfterSeconds, 1)
  target.trouble = { away: { reason: 'schema_missing', message: 'there is no schema' } }
  t.same(states(await submit(op('a', { mode: 'direct' }))), ['schema_missing'])
  const asked = target.batches.length
  t.same(states(await submit(op('a', { mode: 'direct' }))), ['schema_missing'])
  t.equal(target.batches.length, asked, 'under an open breaker nobody is asked')
  t.equal(journal.figures.operations, 0)
})

t.test('R3.1 an auto operation whose answer was lost is applied once', async (t) => {
  for (const trouble of ['lose_answer', 'lose_request'] as const) {
    const { submit, target, journal, pass } = createTestQueue()
    target.next.push(trouble)
    t.same(states(await submit(op('a'))), ['queued'], trouble)
    t.equal(journal.disk.rows[0]?.maybeApplied, true)
    await pass(1_000)
    t.same(target.effects, ['a'], trouble)
    t.equal(journal.figures.operations, 0)
  }
})

t.test('R3.1 a direct operation whose answer was lost says so, and the same id resolves it', async (t) => {
  const { submit, target } = createTestQueue()
  target.next.push('lose_answer')
  t.same(states(await submit(op('a', { mode: 'direct' }))), ['outcome_unknown'])
  t.same(states(await submit(op('a', { mode: 'direct' }))), ['applied'])
  t.same(target.effects, ['a'])
})

t.test('R3.1 lost answer and full queue: the truth is that nobody knows', async (t) => {
  const { submit, target } = createTestQueue({ maxOperations: 0 })
  target.next.push('lose_answer')
  t.same(states(await submit(op('a'))), ['outcome_unknown'])
})

t.test('R3.1 the same id twice in one call, in flight, queued, done: one effect, one answer', async (t) => {
  const { submit, target, settle, pass } = createTestQueue()
  target.next.push('hang')
  const first = submit(op('a'), op('a'))
  await settle()
  const second = submit(op('a'))
  await settle()
  target.go()
  t.same(states([...(await first), ...(await second)]), ['applied', 'applied', 'applied'])
  t.same(target.effects, ['a'])
  target.trouble = away
  t.same(states(await submit(op('b'))), ['queued'])
  t.same(states(await submit(op('b'))), ['queued'])
  target.trouble = undefined
  await pass(60_000)
  t.same(states(await submit(op('b'))), ['applied'])
  t.same(target.effects, ['a', 'b'])
})

t.test('R3.1 the same id with other content is a conflict wherever the first one is', async (t) => {
  const disk = emptyDisk()
  const target = createScriptedTarget()
  const { submit, settle, journal, queue } = createTestQueue({ disk, target })
  const other = (id: string, more = {}) => op(id, { params: ['other'], ...more })
  t.same(states(await submit(op('a'), other('a'))), ['applied', 'operation_conflict'], 'in one call')
  target.next.push('hang')
  const first = submit(op('b'))
  await settle()
  t.same(states(await submit(other('b'))), ['operation_conflict'], 'in flight')
  target.go()
  await first
  t.same(states(await submit(other('b'))), ['operation_conflict'], 'at the target')
  target.trouble = away
  await submit(op('c'))
  t.same(states(await submit(other('c'), other('c', { mode: 'direct' }))).includes('queued'), false)
  t.same(states(await submit(other('c', { mode: 'queue' }))), ['operation_conflict'], 'in the journal')
  await queue.close()
  t.ok(journal.closed)
  const again = createTestQueue({ disk, target: createScriptedTarget() })
  again.target.trouble = away
  t.same(states(await again.submit(other('c', { mode: 'queue' }))), ['operation_conflict'], 'after a restart')
  t.same(states(await again.submit(op('c'))), ['queued'])
})

t.test('R8.3 a lane with something queued is not overtaken; other lanes go on', async (t) => {
  const { submit, target } = createTestQueue()
  target.judge = ({ operation }) =>
    operation.id === 'first' ? { state: 'failed', code: '40P01', message: 'deadlock' } : { state: 'applied' }
  t.same(states(await submit(op('first', { key: 'k' }))), ['queued'])
  t.same(states(await submit(op('second', { key: 'k' }), op('other', { key: 'l' }))), ['queued', 'applied'])
  t.same(states(await submit(op('third', { key: 'k', mode: 'direct' }))), ['lane_busy'])
  t.same(target.effects, ['other'])
})

t.test('R8.3 two of one lane that come together keep their order, also when the first is slow', async (t) => {
  const { submit, target, settle } = createTestQueue()
  target.next.push('hang')
  const first = submit(op('a', { key: 'k' }))
  await settle()
  const rest = Promise.all([
    submit(op('b', { key: 'k', mode: 'queue' })),
    submit(op('c', { key: 'k' })),
    submit(op('x', { key: 'l' })),
  ])
  await settle()
  t.same(target.effects, ['x'], 'another lane does not wait')
  t.same(target.batches, [['a'], ['x']])
  target.go()
  t.same(states(await first), ['applied'])
  t.same((await rest).flatMap(states), ['queued', 'queued', 'applied'])
  await settle()
  t.same(target.effects, ['x', 'a', 'b', 'c'])
})

t.test('R8.3 the one whose answer was lost stays before those that came after it', async (t) => {
  const { submit, target, settle, pass, journal } = createTestQueue()
  target.next.push('hang')
  const first = submit(op('a', { key: 'k' }))
  await settle()
  const second = submit(op('b', { key: 'k', mode: 'queue' }))
  await settle()
  target.trouble = away
  // The delivery is given up: nobody knows what became of it.
  await pass(limits.deliveryMs)
  t.same([...states(await first), ...states(await second)], ['queued', 'queued'])
  t.same(
    journal.disk.rows.map(({ operation }) => operation.id),
    ['a', 'b'],
  )
  target.trouble = undefined
  await pass(60_000)
  t.same(target.effects, ['a', 'b'])
})

t.test('R6.5 what arrives together is one batch and one write', async (t) => {
  const { submit, target, journal } = createTestQueue()
  const many = Array.from({ length: 50 }, (_, n) => submit(op(`a${n}`, { key: `k${n % 7}` })))
  await Promise.all(many)
  t.same(
    target.batches.map(({ length }) => length),
    [50],
  )
  t.equal(journal.calls['lookUp'], 1)
  await Promise.all(Array.from({ length: 50 }, (_, n) => submit(op(`b${n}`, { mode: 'queue' }))))
  t.equal(journal.calls['append'], 1)
})

t.test('R8.3 what the target refuses for good is answered, not queued', async (t) => {
  const { submit, target, journal, counts } = createTestQueue()
  target.judge = () => ({ state: 'refused', code: '23505', message: 'duplicate key' })
  const [answer] = await submit(op('a'))
  t.match(answer, { error: { code: 'operation_refused', message: /23505.*duplicate key/ } })
  target.judge = () => ({ state: 'fenced' })
  t.same(states(await submit(op('b'))), ['epoch_stale'])
  target.judge = () => ({ state: 'forbidden', code: '42501', message: 'permission denied' })
  t.same(states(await submit(op('c', { mode: 'direct' }))), ['dependency_unavailable'])
  t.equal(journal.figures.operations, 0)
  t.same(counts, ['refused rpa_db', 'fenced rpa_db', 'refused rpa_db'])
})

t.test('R8.3 a full queue refuses with 429, a full disk with 507; what is in still drains', async (t) => {
  const { submit, target, journal, pass, events, queue } = createTestQueue({ maxOperations: 2 })
  target.trouble = away
  t.same(states(await submit(op('a'), op('b'), op('c'))), ['queued', 'queued', 'queue_full'])
  t.equal(queue.stats().full, 'operations')
  const [answer] = await submit(op('c'))
  t.match(answer, { retryAfterSeconds: 5, error: { message: /CONTAINER_QUEUE_MAX_OPERATIONS/ } })
  t.same(
    events().filter((event) => event === 'queue.full'),
    ['queue.full'],
    'said once',
  )
  journal.diskFull = true
  t.same(states(await submit(op('d'))), ['disk_full'])
  t.equal(queue.stats().full, 'disk')
  target.trouble = undefined
  await pass(60_000)
  t.same(target.effects, ['a', 'b'])
})

t.test('R6.5 what no queue of this size could hold is refused with 413, and is no full queue', async (t) => {
  const { submit, target, events, queue } = createTestQueue({ maxBytes: 300 })
  target.trouble = away
  const [large, small] = await submit(op('a', { params: ['x'.repeat(300)] }), op('b'))
  t.match(large, { error: { code: 'operation_too_large', message: /CONTAINER_QUEUE_MAX_BYTES allows 300 / } })
  t.match(small, { state: 'queued' })
  t.notOk(events().includes('queue.full'))
  t.equal(queue.stats().full, null)
})

t.test('R6.5 beyond a bound of answers still due a submission is told to come back', async (t) => {
  const { queue, target, settle } = createTestQueue()
  target.trouble = 'hang'
  const raw = Array.from({ length: limits.submissions + 3 }, (_, n) => op(`a${n}`))
  const all = queue.submit(raw)
  await settle()
  target.trouble = undefined
  target.go()
  const found = states(await all)
  t.equal(found.filter((state) => state === 'applied').length, limits.submissions)
  t.same(found.slice(-3), ['queue_full', 'queue_full', 'queue_full'])
})

t.test('R3.1 what is past its expiry is not applied, unless it already was', async (t) => {
  const { submit, target, clock, journal } = createTestQueue()
  const soon = { expiresAt: new Date(clock.wallMs() + 1_000).toISOString(), mode: 'direct' }
  target.next.push('lose_answer')
  t.same(states(await submit(op('a', soon))), ['outcome_unknown'])
  clock.advance(1_000)
  t.same(states(await submit(op('a', soon))), ['applied'], 'the target knows')
  t.same(states(await submit(op('b', soon))), ['operation_refused'])
  t.same(target.effects, ['a'])
  t.same(target.cancels, [['a'], ['b']], 'and it keeps them from being applied later')
  t.same(states(await submit(op('q', { ...soon, mode: 'queue' }))), ['operation_refused'])
  target.trouble = away
  t.same(states(await submit(op('c', soon))), ['dependency_unavailable'], 'nobody can tell now')
  t.equal(journal.figures.operations, 0)
})

t.test('R8.3 what is being written to the journal is not overtaken either', async (t) => {
  const { submit, target, journal, settle } = createTestQueue()
  const { append } = journal
  const written = Promise.withResolvers<void>()
  journal.append = async (entries) => {
    await written.promise
    return append(entries)
  }
  const first = submit(op('a', { mode: 'queue' }))
  const second = submit(op('b'))
  await settle()
  t.same(states(await submit(op('c', { mode: 'direct' }))), ['lane_busy'])
  t.same(target.effects, [])
  written.resolve()
  t.same([...states(await first), ...states(await second)], ['queued', 'queued'])
  await settle()
  t.same(target.effects, ['a', 'b'])
})

t.test('R8.3 a dead letter that is tried again waits for what is on its way in its lane', async (t) => {
  const { submit, target, queue, settle } = createTestQueue()
  target.judge = ({ revision, operation }) =>
    operation.id === 'dead' && revision === 1
      ? { state: 'refused', code: '23505', message: 'no' }
      : { state: 'applied' }
  await submit(op('dead', { mode: 'queue' }))
  await settle()
  target.next.push('hang')
  const direct = submit(op('a'))
  await settle()
  await queue.retry('dead')
  await settle()
  t.same(target.effects, [])
  target.go()
  await direct
  await settle()
  t.same(target.effects, ['a', 'dead'])
})

t.test('R3.1 the completion of a record said again is the same one, its queue known or not', async (t) => {
  const { queue: local, target } = createTestQueue()
  const completion = (more: object) => {
    const record = { action: 'complete', recordId: '1', epoch: 2, ...more } as const
    const work = { kind: 'sql', statements: [], record } as const
    return { id: 'record:1:2', target: 'rpa_db', key: 'record:1', expiresAtMs: undefined, work } as const
  }
  const first = local.submitOwn([{ operation: completion({ queue: 'orders' }), mode: 'auto' }])
  const again = local.submitOwn([{ operation: completion({}), mode: 'auto' }])
  t.same([...states(await first), ...states(await again)], ['applied', 'applied'])
  t.same(target.effects, ['record:1:2'])
  const other = local.submitOwn([{ operation: completion({ queue: 'orders' }), mode: 'queue' }])
  const failing = local.submitOwn([{ operation: completion({ action: 'fail' }), mode: 'auto' }])
  t.same([...states(await other), ...states(await failing)], ['queued', 'operation_conflict'])
})

t.test('R3.1 a queued completion that was overtaken is stale when it is said again', async (t) => {
  const { queue: local, target, pass, journal } = createTestQueue()
  const record = { action: 'complete', recordId: '1', epoch: 2 } as const
  const operation = {
    ...{ id: 'record:1:2', target: 'rpa_db', key: 'record:1', expiresAtMs: undefined },
    work: { kind: 'sql', statements: [{ sql: 'insert into t values (1)', params: [] }], record },
  } as const
  target.trouble = away
  t.same(states(await local.submitOwn([{ operation, mode: 'auto' }])), ['queued'])
  target.trouble = undefined
  target.judge = () => ({ state: 'fenced' })
  await pass(60_000)
  t.equal(journal.figures.operations, 0)
  t.same(states(await local.submitOwn([{ operation, mode: 'auto' }])), ['epoch_stale'])
  t.same(states(await local.submitOwn([{ operation, mode: 'queue' }])), ['epoch_stale'])
})
