// Records in a real PostgreSQL, each case directly and behind a pgbouncer in transaction mode with few sessions.

import pg from 'pg'
import t, { type Test } from 'tap'
import type { ClaimedRecord, Enqueued, RecordStore } from '../../../supervisor/core/record-store.ts'
import { migrate } from '../../../supervisor/postgres/migrate.ts'
import { migration0001 } from '../../../supervisor/postgres/migrations/0001-inbox.ts'
import type { DatabasePool } from '../../../supervisor/postgres/pool.ts'
import { createRecordStore } from '../../../supervisor/postgres/record-store.ts'
import { startPgbouncer } from '../../harness/pgbouncer.ts'
import { startPostgres } from '../../harness/postgres.ts'
import { poolFor } from '../postgres/pools.ts'

const server = await startPostgres()
t.teardown(() => server.stop())
const pooler = await startPgbouncer(server)
t.teardown(() => pooler.stop())

interface Site {
  readonly database: string
  readonly store: RecordStore
  readonly pool: DatabasePool
  query(sql: string, parameters?: unknown[]): Promise<Record<string, unknown>[]>
  /** Payloads 1, 2 … without keys. */
  fill(queue: string, count: number): Promise<readonly string[]>
  claim(session: string, queue: string, limit?: number): Promise<readonly ClaimedRecord[]>
}

function taken(answer: Enqueued) {
  if (answer === 'conflict') throw new Error('the request is known with other content')
  return answer
}

let databases = 0
let claims = 0

async function site(t: Test, url: (database: string) => string): Promise<Site> {
  const database = `records_${++databases}`
  await server.createDatabase(database)
  const pool = poolFor(url(database))
  t.teardown(() => pool.close())
  await migrate(pool)
  const store = createRecordStore(() => pool)
  const query = async (sql: string, parameters: unknown[] = []) =>
    (await server.query(sql, parameters, database)).rows as Record<string, unknown>[]
  return {
    database,
    store,
    pool,
    query,
    async fill(queue, count) {
      const records = Array.from({ length: count }, (_, index) => ({
        ...{ payload: String(index + 1), key: null, priority: 0, runAt: null },
      }))
      const done = await store.enqueue({ id: `fill-${queue}-${count}`, contentHash: 'h', queue, records })
      return taken(done).ids
    },
    claim: (session, queue, limit = 500) =>
      store.claim({ session, number: ++claims, queue, limit, timeoutMs: 900_000, maxAttempts: 3 }),
  }
}

function both(name: string, run: (t: Test, site: Site) => Promise<void>): void {
  t.test(name, async (t) => {
    await t.test('directly', async (t) => run(t, await site(t, (database) => server.url(database))))
    await t.test('behind pgbouncer', async (t) => run(t, await site(t, (database) => pooler.url(database))))
  })
}

const minute = 60_000
const payloads = (records: readonly ClaimedRecord[]) => records.map(({ payload }) => payload)

both('R3.1 a record is claimed by one session, and completed under its epoch alone', async (t, site) => {
  const { store, query } = site
  const [ours, theirs] = [await store.openSession('a', minute), await store.openSession('b', minute)]
  await site.fill('orders', 5)
  const first = await site.claim(ours, 'orders', 3)
  t.same(payloads(first), ['1', '2', '3'])
  t.same(payloads(await site.claim(theirs, 'orders')), ['4', '5'])
  t.same(await site.claim(theirs, 'orders'), [])
  const [one, two, three] = first as [ClaimedRecord, ClaimedRecord, ClaimedRecord]
  t.same(await store.complete([one, { ...two, epoch: 99 }, three]), [true, false, true])
  t.same(await store.complete([three, two, one]), [true, true, true], 'a repetition is told that it is done')
  const history = await query(
    'select id, outcome, attempts, payload from flowkeep.record_history order by id',
  )
  t.same(
    history,
    first.map(({ id }) => ({ id, outcome: 'completed', attempts: 1, payload: null })),
  )
  await store.giveBack([one], { begun: true, suspect: true, reason: 'late' })
  t.same(await site.claim(ours, 'orders'), [], 'what is completed does not come back')
})

both(
  'R3.1 the most urgent priority goes first, then the oldest; later ones wait for their time',
  async (t, site) => {
    const { store, query } = site
    const session = await store.openSession('a', minute)
    const at = (seconds: number) => new Date(Date.now() + seconds * 1000).toISOString()
    const record = (payload: string, priority: number, runAt: string | null) => ({
      ...{ payload, priority, runAt },
      key: null,
    })
    const records = [
      record('"later"', -9, at(3600)),
      record('"normal"', 0, null),
      record('"urgent"', -1, null),
      record('"old"', 0, at(-60)),
    ]
    await store.enqueue({ id: 'e', contentHash: 'h', queue: 'q', records })
    t.same(payloads(await site.claim(session, 'q')), ['"urgent"', '"old"', '"normal"'])
    await query(`update flowkeep.processing_queue set run_at = now() where status = 'scheduled'`)
    t.same(payloads(await site.claim(session, 'q')), ['"later"'])
  },
)

both('R3.1 a claim from a position finds what became pending before it', async (t, site) => {
  const { store, query } = site
  const session = await store.openSession('a', minute)
  await site.fill('q', 4)
  const [, second] = await site.claim(session, 'q', 2)
  const from = second?.position
  const request = { session, number: 1, queue: 'q', limit: 1, timeoutMs: minute, maxAttempts: 3, from }
  t.same(payloads(await store.claim(request)), ['3'])
  await query(
    `insert into flowkeep.processing_queue (queue, status, run_at, payload) values ('q', 'scheduled', now() - interval '1 hour', '"due"')`,
  )
  t.same(payloads(await store.claim(request)), ['"due"'], 'a scheduled one whose time has come')
  t.same(payloads(await store.claim(request)), ['4'])
})

both('R3.4 what was claimed by a lost answer goes back by the number of its claim', async (t, site) => {
  const { store, query } = site
  const [ours, theirs] = [await store.openSession('a', minute), await store.openSession('b', minute)]
  await site.fill('q', 6)
  const claim = (session: string, number: number) =>
    store.claim({ session, number, queue: 'q', limit: 2, timeoutMs: minute, maxAttempts: 1 })
  const [known] = await claim(ours, 1)
  await claim(ours, 2)
  await claim(theirs, 2)
  t.same(await store.giveBackClaims(ours, [2, 3]), { records: 2, left: 0 })
  t.same(await store.giveBackClaims(ours, [2, 3]), { records: 0, left: 0 })
  const rows = await query(
    'select payload, status, attempts, claim::int from flowkeep.processing_queue order by id',
  )
  const running = (payload: number, claim: number) => ({ payload, status: 'running', attempts: 1, claim })
  const pending = (payload: number) => ({ payload, status: 'pending', attempts: 0, claim: null })
  t.same(rows, [running(1, 1), running(2, 1), pending(3), pending(4), running(5, 2), running(6, 2)])
  t.same(await store.complete([known as ClaimedRecord]), [true])
})

both(
  'R3.4 records somebody else has in hand are told, so that their claim is not forgotten',
  async (t, site) => {
    const { store, query } = site
    const session = await store.openSession('a', minute)
    await site.fill('q', 2)
    await store.claim({ session, number: 7, queue: 'q', limit: 2, timeoutMs: minute, maxAttempts: 1 })
    const other = new pg.Client(server.url(site.database))
    t.teardown(() => other.end())
    await other.connect()
    await other.query('begin')
    await other.query('select from flowkeep.processing_queue limit 1 for update')
    t.same(await store.giveBackClaims(session, [7]), { records: 1, left: 1 })
    t.same(await store.giveBackClaims(session, [7]), { records: 0, left: 1 })
    await other.query('rollback')
    t.same(await store.giveBackClaims(session, [7]), { records: 1, left: 0 })
    t.same(await query('select distinct status from flowkeep.processing_queue'), [{ status: 'pending' }])
  },
)

both('R3.3 what an owner lost goes to the next one, and the old epoch is worth nothing', async (t, site) => {
  const { store, query } = site
  const [lost, alive] = [await store.openSession('a', minute), await store.openSession('b', minute)]
  await site.fill('q', 3)
  const held = await site.claim(lost, 'q')
  t.same(await store.recover(alive, 100), { late: [], orphans: 0, failed: 0, more: false })
  await query(`update flowkeep.worker_session set lease_expires_at = now() - interval '1 ms' where id = $1`, [
    lost,
  ])
  t.same(await store.recover(alive, 2), { late: [], orphans: 2, failed: 0, more: true })
  t.same(await store.recover(alive, 2), { late: [], orphans: 1, failed: 0, more: false })
  t.equal(await store.renewSession(lost, minute), false, 'its heartbeat fails')
  t.same(await store.complete(held), [false, false, false], 'so do its completions')
  await t.rejects(site.claim(lost, 'q'), { name: 'StoreFailure', reason: 'session_lost' })
  for (const number of [1, 2, 3]) {
    const [again, ...more] = await site.claim(alive, 'q')
    t.same(more, [], 'suspects are handed out alone')
    t.match(again, { suspect: true, attempt: 2, payload: String(number) })
    await store.giveBack([held[number - 1] as ClaimedRecord], { begun: false, suspect: false, reason: '' })
    t.same(
      await store.complete([again as ClaimedRecord]),
      [true],
      'a release by the old owner changes nothing',
    )
  }
})

both('R3.3 records of a session without a row are found, too', async (t, site) => {
  const { store, query } = site
  const [gone, alive] = [await store.openSession('a', minute), await store.openSession('b', minute)]
  await site.fill('q', 4)
  await site.claim(gone, 'q', 3)
  await site.claim(alive, 'q', 1)
  await query('delete from flowkeep.worker_session where id = $1', [gone])
  t.same(await store.recover(undefined, 100), { late: [], orphans: 3, failed: 0, more: false })
})

both('R8.2 a record held too long is taken back although its owner lives', async (t, site) => {
  const { store, query } = site
  const session = await store.openSession('a', minute)
  const [id] = await site.fill('q', 2)
  const held = await site.claim(session, 'q')
  await query('update flowkeep.processing_queue set expires_at = now() where id = $1', [id])
  t.same(await store.recover(session, 100), { late: [id], orphans: 0, failed: 0, more: false })
  t.same(await store.complete(held), [false, true])
})

both(
  'R3.4 the last attempt ends in a failed record with its reason, which an operator can retry',
  async (t, site) => {
    const { store, query } = site
    const session = await store.openSession('a', minute)
    const [id] = await site.fill('q', 1)
    for (const attempt of [1, 2, 3]) {
      const held = await site.claim(session, 'q')
      t.match(held, [{ attempt }])
      await store.giveBack(held, { begun: true, suspect: true, reason: 'the flow died' })
    }
    t.same(await site.claim(session, 'q'), [])
    const failed = await query(
      `select id, reason, attempts, payload from flowkeep.record_history where outcome = 'failed'`,
    )
    t.same(failed, [{ id, reason: 'the flow died', attempts: 3, payload: 1 }])
    t.match(await store.count(), [{ queue: 'q', pending: 0, running: 0, failed: 1 }])
    t.same(await query('select flowkeep.retry_failed_record($1) as done', [id]), [{ done: true }])
    t.match(await site.claim(session, 'q'), [{ id, attempt: 1 }])
  },
)

both('R3.3 what was not begun costs no attempt', async (t, site) => {
  const { store } = site
  const session = await store.openSession('a', minute)
  await site.fill('q', 1)
  for (let turn = 0; turn < 5; turn++) {
    const held = await site.claim(session, 'q')
    t.match(held, [{ attempt: 1, suspect: false }])
    await store.giveBack(held, { begun: false, suspect: false, reason: '' })
  }
})

both('R3.1 the same key is the same record, also at the same moment and after its end', async (t, site) => {
  const { store } = site
  const session = await store.openSession('a', minute)
  const request = (id: string, keys: readonly (string | null)[]) => {
    const records = keys.map((key) => ({ key, payload: '1', priority: 0, runAt: null }))
    return { id, contentHash: id, queue: 'q', records }
  }
  const done = await Promise.all(
    ['a', 'b', 'c', 'd'].map((id) => store.enqueue(request(id, ['k', 'l', 'k', null]))),
  )
  const enqueued = done.map(taken)
  t.equal(new Set(enqueued.map(({ ids }) => ids[0])).size, 1, 'one record')
  const duplicates = enqueued.map(({ duplicates }) => duplicates)
  t.same(duplicates.sort(), [1, 3, 3, 3])
  const held = await site.claim(session, 'q')
  t.equal(held.length, 6)
  await store.complete(held)
  t.match(await store.enqueue(request('e', ['k'])), { duplicates: 1 })
  t.same(await site.claim(session, 'q'), [])
  t.same(
    await store.enqueue(request('a', ['k', 'l', 'k', null])),
    done[0],
    'the same request has the same answer',
  )
  t.equal(await store.enqueue({ ...request('a', ['k']), contentHash: 'other' }), 'conflict')
})

both('R6.4 a claim has as many bytes as are agreed, and one record at least', async (t, site) => {
  const { store, query } = site
  const session = await store.openSession('a', minute)
  await query(`insert into flowkeep.processing_queue (queue, payload)
    select 'q', to_json(repeat('x', 7 * 1024 * 1024)) from generate_series(1, 4)`)
  const sizes = []
  for (let turn = 0; turn < 2; turn++) sizes.push((await site.claim(session, 'q')).length)
  t.same(sizes, [2, 2])
})

both('R3.4 history is kept in days, and goes with its keys', async (t, site) => {
  const { store, query } = site
  const session = await store.openSession('a', minute)
  const partitions = async () =>
    (
      await query(
        `select relname from pg_class where relname ~ '^record_history_[0-9]' and relkind = 'r' order by 1`,
      )
    ).map(({ relname }) => relname)
  await store.keepHistory()
  await store.keepHistory()
  t.equal((await partitions()).length, 4)
  await query(`create table flowkeep.record_history_20200101 partition of flowkeep.record_history
    for values from ('2020-01-01 00:00+00') to ('2020-01-02 00:00+00')`)
  const records = [{ key: 'k', payload: '1', priority: 0, runAt: null }]
  await store.enqueue({ id: 'e', contentHash: 'h', queue: 'q', records })
  await store.complete(await site.claim(session, 'q'))
  await query(`update flowkeep.record_history set finished_at = '2020-01-01 12:00+00'`)
  await store.keepHistory()
  t.equal((await partitions()).length, 4)
  t.same(await query('select from flowkeep.record_key'), [])
  t.same(await query('select from flowkeep.record_history'), [])
})

both('R5.2 everyone reads the same counts', async (t, site) => {
  const { store, query } = site
  const session = await store.openSession('a', minute)
  await site.fill('q', 3)
  await site.claim(session, 'q', 1)
  const counted = { queue: 'q', pending: 2, scheduled: 0, running: 1, failed: 0 }
  // One counts; whoever asks meanwhile reads what was counted before.
  await Promise.all([store.count(), store.count(), store.count()])
  t.same(await store.count(), [counted])
  await site.fill('q', 5)
  t.same(await store.count(), [counted], 'not counted anew within a few seconds')
  await query(`update flowkeep.figures_count set counted_at = '-infinity'`)
  t.match(await store.count(), [{ pending: 7 }])
})

t.test('§8 a database without the tables, or with older ones, is told from one that is away', async (t) => {
  await server.createDatabase('older')
  const pool = poolFor(server.url('older'))
  const store = createRecordStore(() => pool)
  t.teardown(() => pool.close())
  await t.rejects(store.openSession('a', minute), { name: 'StoreFailure', reason: 'schema_missing' })
  await migrate(pool, {}, [migration0001])
  await t.rejects(store.openSession('a', minute), { name: 'StoreFailure', reason: 'schema_missing' })
  await migrate(pool)
  const session = await store.openSession('a', minute)
  await server.halt()
  t.teardown(() => server.start())
  await t.rejects(store.renewSession(session, minute), { name: 'StoreFailure', reason: 'unavailable' })
})
