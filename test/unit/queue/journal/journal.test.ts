import t from 'tap'
import { parseExact } from '../../../../supervisor/core/json.ts'
import type { Journal } from '../../../../supervisor/queue/journal.ts'
import { memoryDirectory, newEntry, openInProcess, takeAll, takenIds } from '../../../harness/journal.ts'
import { createTestClock } from '../../../harness/test-clock.ts'

const reason = { code: '40P01', message: 'deadlock' }

t.test(
  'R8.3 what was stored is taken in its order, with every digit, also by the next process',
  async (t) => {
    const [directory, clock] = [memoryDirectory(t), createTestClock()]
    const first = await openInProcess(directory, clock)
    const params = [
      parseExact('9007199254740993'),
      parseExact('1e400'),
      'a\0b',
      null,
      { __proto__: null, a: 1 },
    ]
    const odd = newEntry('b', { key: 'odd \0 key \ud800', params, expiresAtMs: 1.5e12 })
    t.same(await first.append([newEntry('a'), odd, newEntry('c')]), [
      { state: 'stored', seq: 1 },
      { state: 'stored', seq: 2 },
      { state: 'stored', seq: 3 },
    ])
    await holdsAll(first, false)
    await first.close()
    await holdsAll(await openInProcess(directory, clock), true)

    async function holdsAll(journal: Journal, maybeApplied: boolean) {
      const entries = await journal.take('db', takeAll)
      t.same(
        entries.map((entry) => [entry.seq, entry.maybeApplied]),
        [1, 2, 3].map((seq) => [seq, maybeApplied]),
      )
      t.equal(JSON.stringify(entries[1]?.operation), JSON.stringify(odd.operation))
      t.equal(entries[1]?.operation.key, odd.operation.key)
      t.match(entries[0], { contentHash: 'hash of a', revision: 1, acceptedAtWallMs: clock.wallMs() })
    }
  },
)

t.test('R8.3 a request keeps its body, also none', async (t) => {
  const journal = await openInProcess(memoryDirectory(t), createTestClock())
  for (const body of [undefined, null, { n: parseExact('12345678901234567890') }]) {
    const work = { kind: 'http', method: 'POST', path: '/x', body } as const
    const { operation } = newEntry(`http-${JSON.stringify(body)?.length}`)
    await journal.append([{ operation: { ...operation, work }, contentHash: 'h', maybeApplied: true }])
  }
  const works = (await journal.take('db', takeAll)).map(({ operation }) => operation.work)
  t.equal(
    JSON.stringify(works.map((work) => 'body' in work && work.body)),
    '[null,null,{"n":12345678901234567890}]',
  )
  t.ok(works[0] && 'body' in works[0] && works[0].body === undefined)
})

t.test('R8.3 an id is stored once, whatever became of it, also after a restart', async (t) => {
  const [directory, clock] = [memoryDirectory(t), createTestClock()]
  let journal = await openInProcess(directory, clock)
  const ids = ['queued', 'held', 'dead', 'done']
  await journal.append(ids.map((id) => newEntry(id, { key: id })))
  await journal.settle([
    { to: 'held', seq: 2, notBeforeMs: 1_000, reason },
    { to: 'dead', seq: 3, reason },
    { to: 'done', seq: 4, result: { rows: parseExact('12345678901234567890') } },
  ])
  await journal.close()
  journal = await openInProcess(directory, clock)
  const again = await journal.append([...ids, 'new', 'new'].map((id) => newEntry(id)))
  t.match(again.slice(0, 3), [
    { state: 'known', known: { state: 'queued', contentHash: 'hash of queued' } },
    { state: 'known', known: { state: 'held' } },
    { state: 'known', known: { state: 'dead' } },
  ])
  t.equal(
    JSON.stringify(again[3]),
    '{"state":"known","known":{"state":"done","contentHash":"hash of done","result":{"rows":12345678901234567890}}}',
  )
  t.match(again.slice(4), [
    { state: 'stored', seq: 5 },
    { state: 'known', known: { state: 'queued' } },
  ])
})

t.test('R8.3 positions grow for ever, also when all was done before a restart', async (t) => {
  const [directory, clock] = [memoryDirectory(t), createTestClock()]
  const first = await openInProcess(directory, clock)
  await first.append([newEntry('a'), newEntry('b')])
  await first.settle([
    { to: 'done', seq: 1 },
    { to: 'done', seq: 2 },
  ])
  await first.close()
  const second = await openInProcess(directory, clock)
  t.same(await second.append([newEntry('c')]), [{ state: 'stored', seq: 3 }])
})

t.test('R8.3 lanes: one that waits, or is under way, holds up no other', async (t) => {
  const clock = createTestClock()
  const journal = await openInProcess(memoryDirectory(t), clock)
  await journal.append(
    ['a1', 'b2', 'a3', 'c4', 'b5', 'a6'].map((id) => newEntry(id, { key: id.slice(0, 1) })),
  )
  t.same(await takenIds(journal), ['a1', 'b2', 'a3', 'c4', 'b5', 'a6'])
  t.same(await takenIds(journal, { limit: 4 }), ['a1', 'b2', 'a3', 'c4'])
  t.same(await takenIds(journal, { except: ['a', 'c'] }), ['b2', 'b5'])
  t.equal(await journal.nextDueMs('db'), undefined)

  await journal.settle([{ to: 'deferred', seq: 1, notBeforeMs: 500, attempts: 3, reason }])
  t.same(await takenIds(journal, { nowMs: 499 }), ['b2', 'c4', 'b5'])
  t.equal(await journal.nextDueMs('db'), 500)
  t.same(await takenIds(journal, { nowMs: 500 }), ['a1', 'b2', 'a3', 'c4', 'b5', 'a6'])
  t.equal(await journal.nextDueMs('db'), undefined)
  t.match(await journal.show('a1'), { state: 'queued', attempts: 3, reason })

  await journal.settle([
    { to: 'done', seq: 1 },
    { to: 'held', seq: 3, notBeforeMs: 900, reason },
  ])
  t.same(await takenIds(journal, { nowMs: 600 }), ['b2', 'c4', 'b5'])
  t.match(await journal.show('a3'), { state: 'held', attempts: 0 })
  await journal.settle([{ to: 'dead', seq: 3, reason }])
  t.same(await takenIds(journal, { nowMs: 600 }), ['b2', 'c4', 'b5', 'a6'], 'a dead letter holds no lane')
  t.same(await takenIds(journal, { bytes: 1 }), ['b2'], 'one entry always fits')
  t.same(await journal.take('other', takeAll), [])
})

t.test('R8.3 a lane of one that waits lets what is behind it wait, too', async (t) => {
  const journal = await openInProcess(memoryDirectory(t), createTestClock())
  await journal.append([newEntry('a'), newEntry('b')])
  await journal.settle([{ to: 'deferred', seq: 1, notBeforeMs: 500, reason }])
  await journal.append([newEntry('c')])
  t.same(await takenIds(journal), [])
  await journal.discard('a')
  t.same(await takenIds(journal), ['b', 'c'])
})

t.test('R8.3 a delay does not outlive the process, attempts do', async (t) => {
  const [directory, clock] = [memoryDirectory(t), createTestClock()]
  const first = await openInProcess(directory, clock)
  await first.append([newEntry('a'), newEntry('b', { key: 'k' })])
  await first.settle([{ to: 'deferred', seq: 1, notBeforeMs: 1e9, attempts: 7, reason }])
  await first.settle([{ to: 'held', seq: 2, notBeforeMs: 1e9, reason }])
  await first.close()
  const second = await openInProcess(directory, clock)
  t.equal(await second.nextDueMs('db'), 0)
  t.match(await second.take('db', takeAll), [
    { seq: 1, attempts: 7, maybeApplied: true },
    { seq: 2, maybeApplied: true },
  ])
  t.match(await second.show('b'), { state: 'held' })
})

t.test('R8.3 what was sent without an answer stays in doubt', async (t) => {
  const journal = await openInProcess(memoryDirectory(t), createTestClock())
  await journal.append([newEntry('a'), newEntry('b', { maybeApplied: true })])
  await journal.settle([{ to: 'maybe_applied', seq: 1 }])
  await journal.settle([{ to: 'deferred', seq: 1, notBeforeMs: 0, attempts: 1, reason }])
  t.match(await journal.take('db', takeAll), [{ maybeApplied: true }, { maybeApplied: true }])
})

t.test('R8.3 a dead letter is revived behind its lane, with a new revision and a new age', async (t) => {
  const clock = createTestClock()
  const journal = await openInProcess(memoryDirectory(t), clock)
  await journal.append([newEntry('a'), newEntry('b'), newEntry('c')])
  await journal.settle([
    { to: 'deferred', seq: 1, notBeforeMs: 0, attempts: 4, reason },
    { to: 'dead', seq: 1, reason: { code: '22P02', message: 'not a number' } },
    { to: 'dead', seq: 2, reason },
  ])
  t.match(await journal.list({ state: 'dead', afterSeq: 0, limit: 10 }), [
    { seq: 1, state: 'dead', reason: { code: '22P02', message: 'not a number' } },
    { seq: 2 },
  ])
  clock.advance(60_000)
  t.equal(await journal.retry('a'), 'retried')
  t.equal(await journal.retry('b'), 'retried')
  t.match(await journal.take('db', { ...takeAll, nowMs: 60_000 }), [
    { seq: 3, operation: { id: 'c' }, revision: 1 },
    { seq: 4, operation: { id: 'a' }, revision: 2, attempts: 0, acceptedAtWallMs: clock.wallMs() },
    { seq: 5, operation: { id: 'b' }, revision: 2 },
  ])
  t.equal(await journal.retry('c'), 'not_waiting')
  t.equal(await journal.retry('nobody'), 'unknown')
})

t.test('R8.3 retry lets a lane go on that waits; discard forgets an entry wherever it is', async (t) => {
  const journal = await openInProcess(memoryDirectory(t), createTestClock())
  await journal.append(['a', 'b', 'c', 'd'].map((id) => newEntry(id)))
  await journal.settle([{ to: 'dead', seq: 4, reason }])
  await journal.settle([{ to: 'held', seq: 1, notBeforeMs: 1e9, reason }])
  t.equal(await journal.retry('a'), 'retried')
  t.same(await takenIds(journal), ['a', 'b', 'c'])
  for (const id of ['a', 'c', 'd']) t.equal(await journal.discard(id), 'discarded')
  t.equal(await journal.discard('a'), 'unknown')
  t.same(await takenIds(journal), ['b'])
  t.match(await journal.append([newEntry('a')]), [{ state: 'stored' }], 'its id is free again')
})

t.test('R8.3 a change to what is gone or dead changes nothing', async (t) => {
  const journal = await openInProcess(memoryDirectory(t), createTestClock())
  await journal.append([newEntry('a'), newEntry('b')])
  await journal.settle([{ to: 'dead', seq: 1, reason }])
  await journal.settle([
    { to: 'done', seq: 1 },
    { to: 'held', seq: 1, notBeforeMs: 1e9, reason },
    { to: 'done', seq: 99 },
  ])
  t.same(await takenIds(journal), ['b'])
  t.match(await journal.show('a'), { state: 'dead' })
})

t.test('R8.3 look-ups tell what is known of an id and whether its lane is free', async (t) => {
  const journal = await openInProcess(memoryDirectory(t), createTestClock())
  await journal.append([newEntry('a', { key: 'k' }), newEntry('b', { key: 'l' })])
  await journal.settle([{ to: 'dead', seq: 2, reason }])
  t.same(
    await journal.lookUp([
      { id: 'a', target: 'db', key: 'k' },
      { id: 'x', target: 'db', key: 'k' },
      { id: 'b', target: 'db', key: 'l' },
      { id: 'x', target: 'other', key: 'k' },
    ]),
    [
      { known: { state: 'queued', contentHash: 'hash of a' }, laneQueued: true },
      { known: undefined, laneQueued: true },
      { known: { state: 'dead', contentHash: 'hash of b' }, laneQueued: false },
      { known: undefined, laneQueued: false },
    ],
  )
})

t.test('R8.3 what is overdue is found: expired ones in any place, old ones from the front', async (t) => {
  const clock = createTestClock()
  const startMs = clock.wallMs()
  const journal = await openInProcess(memoryDirectory(t), clock)
  await journal.append([
    newEntry('a'),
    newEntry('b', { expiresAtMs: startMs + 50 }),
    newEntry('c', { key: 'k' }),
  ])
  clock.advance(100)
  await journal.append([newEntry('d'), newEntry('e', { key: 'k' })])
  const overdue = async (acceptedBeforeWallMs: number, limit = 10) =>
    (await journal.overdue({ nowWallMs: clock.wallMs(), acceptedBeforeWallMs, limit })).map(({ seq }) => seq)
  t.same(await overdue(startMs), [2])
  t.same(await overdue(startMs + 1), [1, 2, 3])
  t.same(await overdue(startMs + 1, 2), [1, 2])
  t.same(await overdue(startMs + 101), [1, 2, 3, 4, 5])
  await journal.settle([{ to: 'deferred', seq: 1, notBeforeMs: 1e9, reason }])
  t.same(await overdue(startMs + 1), [1, 2, 3], 'also where the lane waits')
})

t.test('R8.3 bounds refuse what is new and keep what is in', async (t) => {
  const clock = createTestClock()
  const byCount = await openInProcess(memoryDirectory(t), clock, { maxOperations: 2 })
  t.match(await byCount.append(['a', 'b', 'c', 'a'].map((id) => newEntry(id))), [
    { state: 'stored' },
    { state: 'stored' },
    { state: 'full', bound: 'operations' },
    { state: 'known' },
  ])
  await byCount.settle([{ to: 'dead', seq: 1, reason }])
  t.match(
    await byCount.append([newEntry('d')]),
    [{ state: 'full', bound: 'operations' }],
    'dead ones take room',
  )
  await byCount.settle([{ to: 'done', seq: 2 }])
  t.match(await byCount.append([newEntry('d')]), [{ state: 'stored' }])

  const byBytes = await openInProcess(memoryDirectory(t), clock, { maxBytes: 2_000 })
  t.match(
    await byBytes.append([newEntry('a'), newEntry('b', { params: ['x'.repeat(1_400)] }), newEntry('c')]),
    [{ state: 'stored' }, { state: 'full', bound: 'bytes' }, { state: 'stored' }],
  )
  t.match(
    await byBytes.append([newEntry('d', { params: ['x'.repeat(2_000)] })]),
    [{ state: 'too_large', maxBytes: 2_000 }],
    'it would not fit even if the queue was empty',
  )
  t.ok(byBytes.figures.bytes > 500 && byBytes.figures.bytes < 2_000)

  const noDisk = await openInProcess(memoryDirectory(t), clock, { diskFloorBytes: 1e18 })
  t.match(await noDisk.append([newEntry('a')]), [{ state: 'full', bound: 'disk' }])
  t.equal(noDisk.figures.diskFull, true)
})

t.test('R8.3 the figures count each state of each target', async (t) => {
  const [directory, clock] = [memoryDirectory(t), createTestClock()]
  let journal = await openInProcess(directory, clock)
  await journal.append([newEntry('a'), newEntry('b'), newEntry('c', { target: 'prefect' })])
  const acceptedAtWallMs = clock.wallMs()
  clock.advance(5)
  await journal.append([newEntry('d', { key: 'k' }), newEntry('e', { key: 'k' })])
  await journal.settle([
    { to: 'done', seq: 1 },
    { to: 'held', seq: 2, notBeforeMs: 1e9, reason },
    { to: 'dead', seq: 4, reason },
  ])
  const expected = {
    operations: 3,
    diskFull: false,
    corruptEntries: 0,
    byTarget: new Map([
      ['db', { queued: 1, held: 1, dead: 1, oldestAcceptedAtWallMs: acceptedAtWallMs }],
      ['prefect', { queued: 1, held: 0, dead: 0, oldestAcceptedAtWallMs: acceptedAtWallMs }],
    ]),
  }
  t.match(journal.figures, expected)
  await journal.close()
  journal = await openInProcess(directory, clock)
  t.match(journal.figures, expected, 'and after a restart')
  t.same(
    (await journal.list({ state: 'held', afterSeq: 0, limit: 9 })).map(({ seq }) => seq),
    [2],
  )
  t.same(
    (await journal.list({ state: 'queued', afterSeq: 3, limit: 9 })).map(({ seq }) => seq),
    [5],
  )
  t.same((await journal.list({ state: 'queued', target: 'prefect', afterSeq: 0, limit: 9 })).length, 1)
})

t.test('R8.3 names of the prototype are ids, keys and targets like any other', async (t) => {
  const journal = await openInProcess(memoryDirectory(t), createTestClock())
  const entry = newEntry('__proto__', { target: 'constructor', key: '__proto__' })
  t.match(await journal.append([entry]), [{ state: 'stored' }])
  t.match(await journal.take('constructor', takeAll), [{ operation: { id: '__proto__', key: '__proto__' } }])
  t.same([...journal.figures.byTarget.keys()], ['constructor'])
})
