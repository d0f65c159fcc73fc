import t from 'tap'
import { limits } from '../../../supervisor/core/limits.ts'
import type { JournalFigures } from '../../../supervisor/queue/journal.ts'
import { newEntry } from '../../harness/journal.ts'
import { createMemoryJournal, emptyDisk } from '../../harness/memory-journal.ts'
import { away, createScriptedTarget } from '../../harness/scripted-target.ts'
import { createTestClock } from '../../harness/test-clock.ts'
import { createTestQueue, maxAgeMs, op, states } from './queue-fixture.ts'

const queue = { mode: 'queue' }
const deadlock = { state: 'failed', code: '40P01', message: 'deadlock' } as const
const applied = { state: 'applied' } as const
const refused = { state: 'refused', code: '22012', message: 'division by zero' } as const

t.test('R8.3 poison becomes a dead letter with its reason, and its lane goes on', async (t) => {
  const { submit, target, settle, journal, counts, lines, queue: local } = createTestQueue()
  target.judge = ({ operation }) =>
    operation.id.startsWith('poison')
      ? { state: 'refused', code: '23502', message: 'null value' }
      : { state: 'applied' }
  const ids = ['poison-first', 'a', 'poison-middle', 'b', 'poison-last']
  await submit(...ids.map((id) => op(id, queue)))
  await settle()
  t.same(target.effects, ['a', 'b'])
  const dead = await local.list({ state: 'dead', limit: 10 })
  t.same(
    dead.operations.map(({ id, reason }) => [id, reason?.code]),
    ['poison-first', 'poison-middle', 'poison-last'].map((id) => [id, '23502']),
  )
  t.equal(journal.figures.operations, 0)
  t.equal(counts.filter((count) => count === 'dead rpa_db').length, 3)
  t.equal(lines.filter(({ event }) => event === 'operation.dead').length, 3)
})

t.test('R8.1 a failure burns an attempt and pauses its lane; the eighth is the last', async (t) => {
  const { submit, target, pass, settle, queue: local } = createTestQueue()
  target.judge = ({ operation }) => (operation.id === 'bad' ? deadlock : applied)
  await submit(op('bad', { ...queue, key: 'k' }), op('next', { ...queue, key: 'k' }), op('x', queue))
  await settle()
  t.same(target.effects, ['x'])
  for (const [attempts, waitMs] of [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000].entries()) {
    t.equal((await local.show('bad'))?.attempts, attempts + 1)
    const asked = target.batches.length
    await pass(waitMs - 1)
    t.equal(target.batches.length, asked, 'it pauses')
    await pass(1)
  }
  t.match(await local.show('bad'), {
    state: 'dead',
    reason: { code: 'attempts_exhausted', message: /40P01/ },
  })
  t.same(target.effects, ['x', 'next'])
})

t.test('R8.2 attempts survive a restart', async (t) => {
  const disk = emptyDisk()
  const first = createTestQueue({ disk })
  first.target.judge = () => deadlock
  await first.submit(op('bad', queue))
  await first.settle()
  await first.pass(1_000)
  await first.queue.close()
  const second = createTestQueue({ disk })
  second.target.judge = () => deadlock
  await second.settle()
  t.equal((await second.queue.show('bad'))?.attempts, 3)
})

t.test('R8.1 what is wrong with the connection poisons nothing and burns nothing', async (t) => {
  const { submit, target, pass, queue: local, journal } = createTestQueue()
  for (const reason of ['authentication', 'missing_database', 'http_401', 'http_407', 'timeout']) {
    target.trouble = { away: { reason, message: 'no' } }
    await submit(op(reason, queue))
    for (let n = 0; n < 40; n++) await pass(15_000)
  }
  const { operations } = await local.list({ state: 'queued', limit: 10 })
  t.same(
    operations.map(({ attempts }) => attempts),
    [0, 0, 0, 0, 0],
  )
  t.equal(journal.figures.byTarget.get('rpa_db')?.dead, 0)
  target.trouble = undefined
  await pass(15_000)
  t.equal(target.effects.length, 5)
})

t.test(
  'R8.3 a missing permission holds its lane alone, with growing pauses and no attempt burnt',
  async (t) => {
    const { submit, target, pass, settle, queue: local, lines } = createTestQueue()
    let granted = false
    target.judge = ({ operation }) =>
      operation.key === 'k' && !granted
        ? { state: 'forbidden', code: '42501', message: 'permission denied for table t' }
        : { state: 'applied' }
    await submit(op('a', { ...queue, key: 'k' }), op('b', { ...queue, key: 'k' }), op('x', queue))
    await settle()
    t.same(target.effects, ['x'])
    for (let n = 0; n < 12; n++) await pass(60_000)
    t.match(await local.show('a'), { state: 'held', attempts: 0, reason: { code: '42501' } })
    t.equal(local.stats().targets['rpa_db']?.held, 1)
    t.equal(lines.filter(({ event }) => event === 'operation.held').length, 1, 'said once')
    granted = true
    await pass(59_999)
    t.same(target.effects, ['x'], 'the pause has grown to a minute')
    await pass(1)
    t.same(target.effects, ['x', 'a', 'b'])
  },
)

t.test('R8.3 an operator lets a held lane go on at once', async (t) => {
  const { submit, target, settle, queue: local } = createTestQueue()
  target.judge = () => ({ state: 'forbidden', code: '42501', message: 'no' })
  await submit(op('a', queue))
  await settle()
  target.judge = () => applied
  await local.retry('a')
  await settle()
  t.same(target.effects, ['a'])
})

t.test('R3.1 a lost answer in replay is marked, tried again and applied once', async (t) => {
  const { submit, target, pass, settle, journal } = createTestQueue()
  target.next.push('lose_answer')
  await submit(op('a', queue), op('b', queue))
  await settle()
  t.same(
    journal.disk.rows.map(({ maybeApplied }) => maybeApplied),
    [true, true],
  )
  await pass(250)
  t.same(target.effects, ['a', 'b'])
  t.equal(journal.figures.operations, 0)
})

t.test(
  'R3.1 applied and not yet written down: it stays, is delivered again, and has one effect',
  async (t) => {
    const disk = emptyDisk()
    const target = createScriptedTarget()
    const first = createTestQueue({ disk, target })
    first.journal.fail('settle', 100)
    await first.submit(op('a', { ...queue, key: 'k' }), op('b', { ...queue, key: 'k' }))
    await first.settle()
    t.same(target.effects, ['a', 'b'])
    t.equal(first.journal.figures.operations, 2)
    await first.queue.close()
    const second = createTestQueue({ disk, target })
    await second.settle()
    t.same(target.effects, ['a', 'b'])
    t.equal(second.journal.figures.operations, 0)
    t.same(second.counts, ['applied rpa_db', 'applied rpa_db'])
  },
)

t.test('R8.4 what cannot be written down is tried until it can, and its lane waits', async (t) => {
  const { submit, target, pass, settle, journal, counts } = createTestQueue()
  journal.fail('settle', 3)
  await submit(op('a', { ...queue, key: 'k' }))
  await settle()
  await submit(op('b', { ...queue, key: 'k' }), op('x', queue))
  await settle()
  t.same(target.batches, [['a'], ['x']])
  for (let n = 0; n < 4; n++) await pass(5_000)
  t.same(target.batches, [['a'], ['x'], ['b']], 'and nothing was sent twice')
  t.same(counts.filter((count) => count.startsWith('applied')).length, 3)
  t.equal(journal.figures.operations, 0)
})

t.test('R8.3 what may be on disk after a write that failed is drained like all the rest', async (t) => {
  const { submit, target, pass, journal } = createTestQueue()
  journal.fail('append', 1, 'after')
  t.same(states(await submit(op('a', queue))), ['outcome_unknown'])
  await pass(limits.overdueCheckMs)
  t.same(target.effects, ['a'])
})

t.test('R8.3 batches under way never share a lane', async (t) => {
  const { submit, target, settle } = createTestQueue({ target: createScriptedTarget({ batchMax: 2 }) })
  target.trouble = 'hang'
  const keys = ['k', 'k', 'k', 'l', 'l', 'm']
  await submit(...keys.map((key, n) => op(`${key}${n}`, { ...queue, key })))
  await settle()
  t.same(target.batches, [
    ['k0', 'k1'],
    ['l3', 'l4'],
  ])
  target.trouble = undefined
  target.go()
  await settle()
  t.same(
    target.effects.filter((id) => id.startsWith('k')),
    ['k0', 'k1', 'k2'],
  )
  t.equal(target.effects.length, 6)
})

t.test('R8.3 an idle queue asks nobody and arms no timer', async (t) => {
  const { submit, settle, clock, journal, target } = createTestQueue()
  await submit(op('a', queue))
  await settle()
  clock.advance(limits.overdueCheckMs)
  await settle()
  t.equal(clock.armed, 0)
  const { take } = journal.calls
  await submit(op('b'))
  await settle()
  t.equal(journal.calls['take'], take)
  t.same(target.effects, ['a', 'b'])
})

t.test('R3.1 an operation past its expiry is a dead letter and is never applied', async (t) => {
  const { submit, target, pass, clock, queue: local, counts } = createTestQueue()
  target.trouble = away
  const expiresAt = new Date(clock.wallMs() + 60_000).toISOString()
  await submit(op('a', { expiresAt, ...queue }), op('b', queue))
  await pass(59_000)
  t.equal((await local.show('a'))?.state, 'queued')
  await pass(1_000)
  await pass(limits.overdueCheckMs)
  t.match(
    await local.show('a'),
    { state: 'dead', reason: { code: 'expired' } },
    'also while its target is away',
  )
  target.trouble = undefined
  await pass(60_000)
  t.same(target.effects, ['b'])
  t.same(target.cancels, [], 'it was never sent')
  t.ok(counts.includes('expired rpa_db'))
  await t.rejects(local.retry('a'), { code: 'wrong_state' })
})

t.test('R3.1 expiry is looked at when a batch is delivered, not only now and then', async (t) => {
  const { submit, target, pass, clock, queue: local } = createTestQueue()
  target.trouble = away
  const expiresAt = new Date(clock.wallMs() + 1_000).toISOString()
  await submit(op('a', { expiresAt, ...queue }))
  await pass(1_000)
  target.trouble = undefined
  local.targetSeen('rpa_db')
  await pass(250)
  await pass(500)
  t.same(target.effects, [])
  t.match(await local.show('a'), { state: 'dead', reason: { code: 'expired' } })
})

t.test('R3.1 expired, but its answer was lost: the target says whether it was applied', async (t) => {
  for (const trouble of ['lose_answer', 'lose_request'] as const) {
    const { submit, target, pass, clock, queue: local } = createTestQueue()
    const expiresAt = new Date(clock.wallMs() + 10_000).toISOString()
    target.trouble = away
    target.next.push(trouble)
    t.same(states(await submit(op('a', { expiresAt }))), ['queued'])
    await submit(op('b'))
    for (let n = 0; n < 10; n++) await pass(15_000)
    t.equal((await local.show('a'))?.state, 'queued', 'while the target is away it waits')
    target.trouble = undefined
    await pass(15_000)
    const view = await local.show('a')
    if (trouble === 'lose_answer') t.equal(view, undefined, 'applied')
    else t.match(view, { state: 'dead', reason: { code: 'expired' } })
    t.same(target.effects, trouble === 'lose_answer' ? ['a', 'b'] : ['b'])
    t.ok(target.cancels.flat().includes('a'))
  }
})

t.test('R3.1 expired in a lane that pauses: settled by the sweep, with the target', async (t) => {
  const { submit, target, pass, settle, clock, queue: local } = createTestQueue()
  target.judge = ({ operation }) => (operation.id === 'bad' ? deadlock : applied)
  await submit(op('bad', queue))
  await settle()
  for (let n = 0; n < 6; n++) await pass(32_000)
  const expiresAt = new Date(clock.wallMs() + 1_000).toISOString()
  t.same(states(await submit(op('late', { expiresAt }))), ['queued'])
  await pass(limits.overdueCheckMs)
  await pass(limits.overdueCheckMs)
  t.match(await local.show('late'), { state: 'dead', reason: { code: 'expired' } })
  t.equal((await local.show('bad'))?.state, 'queued')
})

t.test('R8.3 the journal is asked until it answers, where a write has failed', async (t) => {
  const { submit, target, pass, journal, queue: local } = createTestQueue()
  const { overdue, retry } = journal
  const { get } = Object.getOwnPropertyDescriptor(journal, 'figures') as { get(): JournalFigures }
  let known = true
  let asked = 0
  const asItWas = journal.figures
  Object.defineProperty(journal, 'figures', { get: () => (known ? get() : asItWas) })
  journal.overdue = async (bounds) => {
    if (++asked % 3 !== 0) throw new Error('EIO: overdue')
    known = true
    return await overdue(bounds)
  }
  known = false
  journal.fail('append', 1, 'after')
  t.same(states(await submit(op('a', queue))), ['outcome_unknown'])
  for (let looks = 0; looks < 3; looks++) await pass(limits.overdueCheckMs)
  t.same(target.effects, ['a'])

  target.judge = ({ revision }) => (revision === 1 ? refused : applied)
  await submit(op('b', queue))
  await pass(limits.overdueCheckMs)
  journal.retry = async (id) => {
    known = false
    await retry(id)
    throw new Error('EIO: retry')
  }
  await t.rejects(local.retry('b'), { message: /EIO/ })
  for (let looks = 0; looks < 3; looks++) await pass(limits.overdueCheckMs)
  t.same(target.effects, ['a', 'b'])
  await pass(600_000)
  t.ok(asked < 20, 'and an empty queue is left alone')
})

t.test('R3.1 sent while the sweep was reading: settled with the target all the same', async (t) => {
  const { submit, target, pass, clock, journal } = createTestQueue()
  target.judge = ({ operation }) => (operation.id === 'bad' ? deadlock : applied)
  await submit(op('bad', queue))
  for (let n = 0; n < 6; n++) await pass(32_000)
  const expiresAt = new Date(clock.wallMs() + 1_000).toISOString()
  t.same(states(await submit(op('late', { expiresAt }))), ['queued'])
  const { overdue } = journal
  journal.overdue = async (bounds) => {
    const entries = await overdue(bounds)
    await journal.settle(entries.map(({ seq }) => ({ to: 'maybe_applied', seq })))
    return entries
  }
  await pass(limits.overdueCheckMs)
  await pass(limits.overdueCheckMs)
  t.same(target.cancels, [['late']])
})

t.test('R3.1 taken over from an earlier process and too old: settled with the target', async (t) => {
  const disk = emptyDisk()
  const target = createScriptedTarget()
  const first = createTestQueue({ disk, target })
  first.journal.fail('settle', 100)
  await first.submit(op('applied', queue))
  await first.settle()
  target.trouble = away
  await first.submit(op('not', { ...queue, key: 'k' }))
  await first.queue.close()
  target.trouble = undefined
  first.clock.advance(maxAgeMs)
  const second = createTestQueue({ disk, target, clock: first.clock })
  await second.settle()
  t.same(target.effects, ['applied'])
  t.equal(await second.queue.show('applied'), undefined)
  t.match(await second.queue.show('not'), { state: 'dead', reason: { code: 'too_old' } })
  t.same(target.cancels.flat().sort(), ['applied', 'not'])
})

t.test('R8.3 a dead letter goes behind what its lane holds, under a new revision', async (t) => {
  const { submit, target, settle, pass, queue: local } = createTestQueue()
  const revisions: number[] = []
  target.judge = ({ operation, revision }) => {
    if (operation.id === 'a') revisions.push(revision)
    return operation.id === 'a' && revision === 1
      ? { state: 'refused', code: '42P01', message: 'no table' }
      : { state: 'applied' }
  }
  await submit(op('a', queue))
  await settle()
  target.trouble = away
  await submit(op('b', queue))
  await local.retry('a')
  await t.rejects(local.retry('nobody'), { code: 'not_found' })
  target.trouble = undefined
  for (let n = 0; n < 3; n++) await pass(1_000)
  t.same(target.effects, ['b', 'a'])
  t.same(revisions, [1, 2])
})

t.test('R8.3 discard forgets what waits, and refuses what is being delivered', async (t) => {
  const { submit, target, settle, pass, queue: local } = createTestQueue()
  target.next.push('hang')
  await submit(op('a', queue))
  await settle()
  await t.rejects(local.discard('a'), { code: 'wrong_state' })
  target.trouble = away
  target.go()
  await submit(op('b', queue))
  await settle()
  await local.discard('b')
  await t.rejects(local.discard('b'), { code: 'not_found' })
  target.trouble = undefined
  for (let n = 0; n < 4; n++) await pass(15_000)
  t.same(target.effects, ['a'])
})

t.test('R8.3 a discard while the journal is being read is not delivered all the same', async (t) => {
  const { submit, target, settle, queue: local, journal } = createTestQueue()
  const { take } = journal
  journal.take = async (name, bounds) => {
    const entries = await take(name, bounds)
    // What was read is on its way to the replay when the discard comes.
    if (entries.some(({ operation }) => operation.id === 'a')) await local.discard('a')
    return entries
  }
  await submit(op('a', queue), op('b', { ...queue, key: 'k' }))
  await settle()
  t.same(target.effects, ['b'])
  t.equal(await local.show('a'), undefined)
})

t.test('R8.2 slots of supervisors that are gone are drained and let go', async (t) => {
  const disk = emptyDisk()
  const gone = createTestQueue({ disk })
  gone.target.trouble = away
  await gone.submit(op('a', queue), op('b', queue))
  await gone.queue.close()
  const wallMs = gone.clock.wallMs
  const left = [createMemoryJournal({ wallMs }, disk)]
  const {
    queue: local,
    target,
    settle,
    pass,
    events,
  } = createTestQueue({ adopt: async () => left.splice(0) })
  const [journal] = left
  target.trouble = away
  await local.adopt()
  await settle()
  t.equal(local.stats().adoptedSlots, 1)
  target.trouble = undefined
  await pass(15_000)
  t.same(target.effects, ['a', 'b'])
  t.equal(local.stats().adoptedSlots, 0)
  t.ok(journal?.closed)
  t.ok(events().includes('queue.slot_adopted'))
})

t.test('R8.2 a slot that holds dead letters alone is given back at once', async (t) => {
  const journal = createMemoryJournal({ wallMs: () => 0 })
  const { queue: local, events } = createTestQueue({ adopt: async () => [journal] })
  await local.adopt()
  t.ok(journal.closed)
  t.equal(local.stats().adoptedSlots, 0)
  t.same(events(), [])
})

t.test('R8.3 one that waits for a lock for ever holds its own lane only', async (t) => {
  const target = createScriptedTarget()
  const { deliver } = target
  let isLocked = true
  const slow = { ...target, name: 'rpa_db', deliver: deliverUnlessLocked }
  async function deliverUnlessLocked(...[batch, signal]: Parameters<typeof deliver>) {
    const waits = isLocked && batch.some(({ operation: { id } }) => id === 'locked')
    if (!waits) return deliver(batch, signal)
    return { reached: false, reason: 'timeout', message: 'no answer', outcomeUnknown: true } as const
  }
  const { submit, pass, queue: local, journal } = createTestQueue({ targets: [slow] })
  await submit(op('locked', { ...queue, key: 'a' }), op('behind', { ...queue, key: 'a' }))
  await submit(op('b', { ...queue, key: 'b' }), op('c', { ...queue, key: 'c' }))
  for (let turn = 0; turn < 20; turn++) await pass(5_000)
  t.same(target.effects, ['b', 'c'])
  t.match(await local.show('locked'), { state: 'queued', attempts: 0, reason: { code: 'timeout' } })
  isLocked = false
  for (let turn = 0; turn < 20; turn++) await pass(5_000)
  t.same(target.effects, ['b', 'c', 'locked', 'behind'])
  t.equal(journal.figures.operations, 0)
})

t.test('R6.5 no more slots than a few are drained at one time, however many are left', async (t) => {
  const left = Array.from({ length: 10 }, (_, n) => {
    const journal = createMemoryJournal({ wallMs: createTestClock().wallMs })
    return { journal, filled: journal.append([newEntry(`op-${n}`, { target: 'rpa_db' })]) }
  })
  await Promise.all(left.map(({ filled }) => filled))
  const {
    target,
    queue: local,
    settle,
    pass,
  } = createTestQueue({
    adopt: async (atMost) => left.splice(0, atMost).map(({ journal }) => journal),
  })
  target.trouble = away
  for (let turn = 0; turn < 5; turn++) await local.adopt()
  await settle()
  t.equal(local.stats().adoptedSlots, limits.queueAdoptedSlots)
  target.trouble = undefined
  for (let turn = 0; turn < 10; turn++) {
    await pass(15_000)
    await local.adopt()
  }
  t.equal(target.effects.length, 10)
  t.equal(local.stats().adoptedSlots, 0)
})

t.test('R8.2 slots whose target is away give way to one whose target is there', async (t) => {
  const names = [...Array.from({ length: limits.queueAdoptedSlots }, () => 'rpa_db'), 'other']
  const journals = names.map(() => createMemoryJournal({ wallMs: createTestClock().wallMs }))
  for (const [n, journal] of journals.entries())
    await journal.append([newEntry(`op-${n}`, { target: names[n] ?? '' })])
  const [target, other] = [createScriptedTarget(), createScriptedTarget({ name: 'other' })]
  target.trouble = away
  const { queue: local, settle } = createTestQueue({
    targets: [target, other],
    adopt: async (atMost) => journals.splice(0, atMost),
    othersWait: () => journals.length > 0,
  })
  for (let turn = 0; turn < 3; turn++) {
    await local.adopt()
    await settle()
  }
  t.same(other.effects, ['op-4'])
  t.equal(local.stats().adoptedSlots, limits.queueAdoptedSlots - 1)
})

t.test('R1.5 a reload with a new password takes over at once and loses nothing', async (t) => {
  const { submit, target, queue: local, settle } = createTestQueue()
  target.trouble = { away: { reason: 'authentication', message: 'wrong password' } }
  t.same(states(await submit(op('a'))), ['queued'])
  const renewed = createScriptedTarget()
  const bounds = { maxOperations: 10, maxBytes: 1_000, maxAgeMs }
  await local.reconfigure([renewed], bounds)
  await settle()
  t.same(renewed.effects, ['a'])
  t.ok(target.closed)
  await local.reconfigure([], bounds)
  t.match(await submit(op('b')), [{ error: { code: 'invalid_request', field: 'target' } }])
  t.equal(local.stats().targets['rpa_db']?.reason, 'not_configured')
  await local.reconfigure([renewed], bounds)
  t.same(states(await submit(op('b'))), ['applied'])
})

t.test('R5.5 drain finishes what is under way, drains the rest, and refuses what is new', async (t) => {
  const { submit, target, queue: local, settle, clock, journal } = createTestQueue()
  target.trouble = 'hang'
  const direct = submit(op('a', { key: 'k' }))
  await submit(op('b', queue), op('c', queue))
  await settle()
  const drained = local.drain(clock.monotonicMs() + 5_000)
  t.same(states(await submit(op('d'))), ['draining'])
  target.trouble = undefined
  target.go()
  t.same(states(await direct), ['applied'])
  t.same(await drained, { remaining: 0 })
  t.equal(target.effects.length, 3)
  await local.close()
  t.ok(journal.closed)
  t.equal(clock.armed, 0)
})

t.test('R5.5 drain ends with its time, and keeps what could not be applied', async (t) => {
  const { submit, target, queue: local, settle, pass, clock, journal } = createTestQueue()
  target.trouble = 'hang'
  const direct = submit(op('a', { key: 'k', mode: 'direct' }))
  await submit(op('b', queue))
  await settle()
  const drained = local.drain(clock.monotonicMs() + 5_000)
  await pass(5_000)
  t.same(await drained, { remaining: 1 })
  t.same(states(await direct), ['outcome_unknown'])
  t.equal(journal.disk.rows[0]?.maybeApplied, true)
})

t.test('R5.5 drain does not wait for a target that is away', async (t) => {
  const { submit, target, queue: local, pass, clock } = createTestQueue()
  target.trouble = { away: { reason: 'authentication', message: 'no' } }
  await submit(op('a', queue))
  await pass(0)
  t.same(await local.drain(clock.monotonicMs() + 5_000), { remaining: 1 })
})

t.test('R5.5 with new work refused, what the supervisor itself completes is still taken', async (t) => {
  const { queue: local, submit, target } = createTestQueue()
  local.refuseNew()
  t.same(states(await submit(op('a'))), ['draining'])
  const operation = {
    ...{ id: 'own', target: 'rpa_db', key: '', expiresAtMs: undefined },
    work: { kind: 'sql', statements: [], record: { action: 'complete', recordId: '1', epoch: 2 } },
  } as const
  t.same(states(await local.submitOwn([{ operation, mode: 'auto' }])), ['applied'])
  t.same(target.effects, ['own'])
})

t.test('R5.2 the figures: pages, ages, breakers', async (t) => {
  const { queue: local, submit, target, pass } = createTestQueue()
  target.trouble = away
  await submit(...['a', 'b', 'c'].map((id) => op(id, queue)))
  await pass(1_000)
  const first = await local.list({ state: 'queued', limit: 2 })
  t.same(
    first.operations.map(({ id }) => id),
    ['a', 'b'],
  )
  const second = await local.list({ state: 'queued', limit: 2, after: first.next ?? '' })
  t.same(
    second.operations.map(({ id }) => id),
    ['c'],
  )
  t.notOk(second.next)
  await t.rejects(local.list({ state: 'queued', limit: 2, after: "1' or" }), { code: 'invalid_request' })
  const { targets, oldestAgeMs } = local.stats()
  t.equal(oldestAgeMs, 1_000)
  t.match(targets['rpa_db'], { queued: 3, held: 0, dead: 0, oldestAgeMs: 1_000 })
  t.match(await local.show('a'), { key: null, work: { effects: [{ params: ['a'] }] } })
})
