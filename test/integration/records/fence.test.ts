// Late owners: paused past their lease, restored from a snapshot, on a host with the same name. Each promise is broken
// once on purpose, to see that its case would notice.

import t, { type Test } from 'tap'
import type { Operation } from '../../../supervisor/core/operation.ts'
import type { ClaimedRecord, RecordStore } from '../../../supervisor/core/record-store.ts'
import { migrate } from '../../../supervisor/postgres/migrate.ts'
import { createRecordStore } from '../../../supervisor/postgres/record-store.ts'
import { changeRecordWithRecords } from '../../../supervisor/postgres/sql/records/change-record.ts'
import { giveBackRecords } from '../../../supervisor/postgres/sql/records/give-back-records.ts'
import { takeBack } from '../../../supervisor/postgres/sql/records/take-back.ts'
import { PostgresTarget } from '../../../supervisor/postgres/target.ts'
import { startPostgres } from '../../harness/postgres.ts'
import { poolFor } from '../postgres/pools.ts'

const server = await startPostgres()
t.teardown(() => server.stop())

interface Site {
  readonly store: RecordStore
  query(sql: string, parameters?: unknown[]): Promise<Record<string, unknown>[]>
  openSession(): Promise<string>
  claim(session: string): Promise<ClaimedRecord>
  expire(session: string): Promise<void>
  /** With an effect in the ledger. */
  complete(record: ClaimedRecord): Promise<string>
  release(record: ClaimedRecord): Promise<string>
  /** What has gone wrong; nothing where all is well. */
  effects(): Promise<number>
}

let databases = 0

/** @param planted SQL that breaks something */
async function site(t: Test, planted = ''): Promise<Site> {
  const database = `fence_${++databases}`
  await server.createDatabase(database)
  const pool = poolFor(server.url(database))
  t.teardown(() => pool.close())
  await migrate(pool)
  const query = async (sql: string, parameters: unknown[] = []) =>
    (await server.query(sql, parameters, database)).rows
  await query('create table ledger (record_id bigint)')
  if (planted !== '') await query(planted)
  const store = createRecordStore(() => pool)
  const target = new PostgresTarget('flows', pool)
  await store.enqueue({
    id: 'e',
    contentHash: 'h',
    queue: 'q',
    records: [{ payload: '1', key: null, priority: 0, runAt: null }],
  })
  const deliver = async (record: ClaimedRecord, action: 'complete' | 'release') => {
    const { id, epoch } = record
    const sql = 'insert into ledger (record_id) values ($1)'
    const operation: Operation = {
      ...{ id: `record:${id}:${epoch}`, target: 'flows', key: `record:${id}`, expiresAtMs: undefined },
      work: {
        kind: 'sql',
        statements: action === 'complete' ? [{ sql, params: [id] }] : [],
        record: { action, recordId: id, epoch },
      },
    }
    const delivered = await target.deliver(
      [{ operation, contentHash: action, revision: 1 }],
      new AbortController().signal,
    )
    return delivered.reached ? (delivered.outcomes[0]?.state ?? 'none') : 'unreached'
  }
  return {
    store,
    query,
    openSession: () => store.openSession('the same host', 60_000),
    async claim(session) {
      const [record] = await store.claim({
        session,
        number: 1,
        queue: 'q',
        limit: 1,
        timeoutMs: 60_000,
        maxAttempts: 9,
      })
      if (!record) throw new Error('nothing to claim')
      return record
    },
    async expire(session) {
      await query(
        `update flowkeep.worker_session set lease_expires_at = now() - interval '1 ms' where id = $1`,
        [session],
      )
    },
    complete: (record) => deliver(record, 'complete'),
    release: (record) => deliver(record, 'release'),
    effects: async () => Number((await query('select count(*) as n from ledger'))[0]?.['n']),
  }
}

const replacing = (sql: string) => sql.replace('create function', 'create or replace function')

/** @returns the first thing that is not as promised */
async function paused({
  claim,
  complete,
  effects,
  expire,
  openSession,
  release,
  store,
}: Site): Promise<string | undefined> {
  const [late, next] = [await openSession(), await openSession()]
  const lateRecord = await claim(late)
  await expire(late)
  await store.recover(next, 10)
  if (await store.renewSession(late, 60_000)) return 'the late owner has its lease back'
  if ((await complete(lateRecord)) !== 'fenced')
    return 'a late completion was taken while nobody had the record'
  const record = await claim(next)
  if ((await complete(lateRecord)) !== 'fenced') return 'a late completion was taken'
  if ((await release(lateRecord)) !== 'fenced') return 'a late release was taken'
  if ((await complete(record)) !== 'applied') return 'the owner was fenced'
  if ((await complete(lateRecord)) !== 'fenced') return 'a late completion was taken after the end'
  if ((await effects()) !== 1) return `${await effects()} effects`
  return undefined
}

t.test('R3.1 who was paused past its lease can neither renew, complete nor release', async (t) => {
  t.equal(await paused(await site(t)), undefined)
})

t.test(
  'R3.1 that case notices when the fence is missing, an epoch is ignored, or it does not grow',
  async (t) => {
    const noFence = changeRecordWithRecords.replace(/return found or/, 'return true or')
    t.equal(await paused(await site(t, noFence)), 'a late completion was taken while nobody had the record')
    const noEpoch = changeRecordWithRecords.replace(' and queued.epoch = given_epoch', '')
    t.equal(await paused(await site(t, noEpoch)), 'a late completion was taken while nobody had the record')
    const releaseWithoutEpoch = replacing(giveBackRecords).replace(' and queued.epoch = given.epoch', '')
    t.equal(await paused(await site(t, releaseWithoutEpoch)), 'a late release was taken')
    const sameEpoch = replacing(takeBack).replace('epoch = queued.epoch + 1, ', '')
    t.equal(await paused(await site(t, sameEpoch)), 'a late completion was taken while nobody had the record')
  },
)

/** The owner's own clock is an hour behind. */
async function skewed(
  { claim, complete, openSession, store, query }: Site,
  localClock: boolean,
): Promise<string | undefined> {
  const [owner, other] = [await openSession(), await openSession()]
  const record = await claim(owner)
  if (localClock) {
    const local = new Date(Date.now() - 3_600_000 + 60_000)
    await query('update flowkeep.worker_session set lease_expires_at = $1 where id = $2', [local, owner])
  } else {
    await store.renewSession(owner, 60_000)
  }
  const { orphans } = await store.recover(other, 10)
  if (orphans > 0) return 'an owner that lives has lost its record'
  return (await complete(record)) === 'applied' ? undefined : 'the owner was fenced'
}

t.test('R3.1 a clock that is wrong costs nobody a record; a lease by that clock would', async (t) => {
  t.equal(await skewed(await site(t), false), undefined)
  t.equal(await skewed(await site(t), true), 'an owner that lives has lost its record')
})

t.test('R3.1 a clone that holds the same epoch, and both complete: one effect', async (t) => {
  const { claim, complete, effects, openSession } = await site(t)
  const record = await claim(await openSession())
  t.same(await Promise.all([complete(record), complete({ ...record }), complete({ ...record })]), [
    'applied',
    'applied',
    'applied',
  ])
  t.equal(await effects(), 1)
})

t.test('R3.1 a clone from before the record changed hands is fenced', async (t) => {
  const { claim, complete, effects, expire, openSession, store } = await site(t)
  const old = await openSession()
  const snapshot = await claim(old)
  await expire(old)
  const next = await openSession()
  await store.recover(next, 10)
  t.equal(await complete(await claim(next)), 'applied')
  t.equal(await complete(snapshot), 'fenced')
  t.equal(await effects(), 1)
})

t.test('R3.1 a completion and a recovery at the same moment: one of them', async (t) => {
  for (let round = 0; round < 10; round++) {
    const { claim, complete, effects, expire, openSession, store } = await site(t)
    const [late, next] = [await openSession(), await openSession()]
    const record = await claim(late)
    await expire(late)
    const [state, { orphans }] = await Promise.all([complete(record), store.recover(next, 10)])
    t.equal(state === 'applied' ? 1 : 0, 1 - orphans, `${state}, ${orphans}`)
    t.equal(await effects(), 1 - orphans)
  }
})
