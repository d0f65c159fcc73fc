// What a claim, a completion and a recovery touch, in pages, as the queue grows. PostgreSQL counts them itself, so that
// nothing here depends on how fast the machine is.

import pg from 'pg'
import { migrate } from '../../supervisor/postgres/migrate.ts'
import { startPostgres } from '../harness/postgres.ts'
import { poolFor } from '../integration/postgres/pools.ts'

export interface PlanReport {
  /** Pages touched by a claim of 50, with so many records around. */
  readonly claim: Readonly<
    Record<'few' | 'pending' | 'done' | 'scheduled' | 'heldFromPlace' | 'heldFromBeginning', number>
  >
  /** Of 50 records, with few and with many around. */
  readonly complete: Readonly<Record<'few' | 'pending', number>>
  /** With nothing to recover, and many records in work. */
  readonly recover: number
}

const batch = 50
const beginning = [-2_147_483_648, '-infinity', 0]

export async function plans(rows: number, say: (line: string) => void): Promise<PlanReport> {
  // Statistics are as old as they can be: nothing is ever analysed, and dead rows stay.
  const server = await startPostgres({
    settings: { autovacuum: 'off', shared_buffers: '512MB', max_wal_size: '8GB' },
  })
  const client = new pg.Client(server.url())
  const other = new pg.Client(server.url())
  try {
    const pool = poolFor(server.url())
    await migrate(pool)
    await pool.close()
    await client.connect()
    await other.connect()
    return await measure(client, other, rows, say)
  } finally {
    await client.end()
    await other.end()
    await server.stop()
  }
}

async function measure(
  client: pg.Client,
  other: pg.Client,
  rows: number,
  say: (line: string) => void,
): Promise<PlanReport> {
  const one = async (sql: string, values: unknown[] = []) => (await client.query(sql, values)).rows[0]
  const { id: session } = await one(
    `insert into flowkeep.worker_session (instance, lease_expires_at) values ('a', now() + interval '1 hour') returning id`,
  )
  const fill = (queue: string, count: number, status = 'pending') =>
    client.query(
      `insert into flowkeep.processing_queue (queue, status, run_at, payload)
         select $1, $3, now() + case $3 when 'scheduled' then interval '1 hour' else interval '0' end, to_json(n)
         from generate_series(1, $2) as n`,
      [queue, count, status],
    )
  const claimOf = (queue: string, from: unknown[]) => [
    session,
    queue,
    batch,
    16_777_216,
    '15 min',
    5,
    ...from,
  ]
  const claim = 'select * from flowkeep.claim_records($1, 1, $2, $3, $4, $5, $6, $7, $8, $9)'
  const pages = async (sql: string, values: unknown[]) => {
    const explained = await one(`explain (analyze, buffers, timing off, format json) ${sql}`, values)
    const [{ Plan: plan }] = explained['QUERY PLAN']
    return plan['Shared Hit Blocks'] + plan['Shared Read Blocks']
  }
  const claimPages = (queue: string, from: unknown[] = beginning) => pages(claim, claimOf(queue, from))
  const completePages = async (queue: string) => {
    const { rows: claimed } = await client.query(claim, claimOf(queue, beginning))
    const columns = [claimed.map(({ id }) => id), claimed.map(({ epoch }) => epoch)]
    return pages('select * from flowkeep.complete_records($1, $2)', columns)
  }
  const workThrough = async (queue: string) => {
    let from = beginning
    for (;;) {
      const { rows: claimed } = await client.query(
        `select *, run_at::text as place from (${claim}) as claimed order by priority, run_at, id`,
        claimOf(queue, from),
      )
      const last = claimed.at(-1)
      if (!last) return
      await client.query('select flowkeep.complete_records($1, $2)', [
        claimed.map(({ id }) => id),
        claimed.map(({ epoch }) => epoch),
      ])
      from = [last.priority, last.place, last.id]
    }
  }

  // Once, so that what is read for the first time in a session is not counted.
  await fill('warm', 3 * batch)
  await claimPages('warm')
  await completePages('warm')
  await client.query('select from flowkeep.recover_records($1, 500)', [session])
  await fill('few', 1_000)
  const few = await claimPages('few')
  const completeFew = await completePages('few')

  say(`${rows} pending`)
  await fill('many', rows)
  const pending = await claimPages('many')
  const completePending = await completePages('many')
  say(`${rows} scheduled`)
  await fill('later', rows, 'scheduled')
  await fill('later', 1_000)
  const scheduled = await claimPages('later')
  say(`${rows} in work`)
  await client.query(
    `update flowkeep.processing_queue set status = 'running', session_id = $1, expires_at = now() + interval '1 hour'
       where queue = 'later' and status = 'scheduled'`,
    [session],
  )
  const recover = await pages('select * from flowkeep.recover_records($1, 500)', [session])

  const worked = Math.min(rows, 20_000)
  say(`${rows} done, and ${worked} more under an old snapshot`)
  await client.query(
    `with gone as (delete from flowkeep.processing_queue where queue = 'many' returning id, queue, created_at)
     insert into flowkeep.record_history (id, queue, outcome, epoch, attempts, created_at)
       select id, queue, 'completed', 1, 1, created_at from gone`,
  )
  await client.query('vacuum flowkeep.processing_queue')
  await fill('many', 1_000)
  const done = await claimPages('many')

  await other.query('begin isolation level repeatable read')
  await other.query('select 1 from flowkeep.processing_queue limit 1')
  await fill('held', worked)
  await workThrough('held')
  const { rows: placed } = await client.query(
    `insert into flowkeep.processing_queue (queue, payload) select 'held', to_json(n) from generate_series(1, 1000) as n
       returning run_at::text as place, id`,
  )
  const place = [0, placed[0].place, placed[0].id]
  const heldFromPlace = await claimPages('held', place)
  const heldFromBeginning = await claimPages('held')
  await other.query('rollback')
  return {
    claim: { few, pending, done, scheduled, heldFromPlace, heldFromBeginning },
    complete: { few: completeFew, pending: completePending },
    recover,
  }
}
