// R6.3: sessions of a database, bounded, shared, replaced when lost; and what is known of a query that failed.

import t from 'tap'
import type { DatabasePool } from '../../../supervisor/postgres/pool.ts'
import { DatabaseUnavailable, QueryRefused } from '../../../supervisor/postgres/unavailable.ts'
import { startPgbouncer } from '../../harness/pgbouncer.ts'
import { startPostgres } from '../../harness/postgres.ts'
import { startSilentServer, unusedPort } from '../../harness/servers.ts'
import { createTestClock } from '../../harness/test-clock.ts'
import { until } from '../../harness/until.ts'
import { poolFor, targetOf } from './pools.ts'

const server = await startPostgres({ user: 'rpa' })
t.teardown(() => server.stop())

function failure(
  work: Promise<unknown>,
): Promise<{ reason: string; outcomeUnknown: boolean; message: string }> {
  return work.then(
    () => Promise.reject(new Error('it did not fail')),
    (error) => {
      if (!(error instanceof DatabaseUnavailable)) throw error
      return error
    },
  )
}

async function sessions(): Promise<number> {
  const { rows } = await server.query(
    `select count(*)::int as n from pg_stat_activity where application_name = 'flowkeep'`,
  )
  return rows[0].n
}

const noSessions = () => until('no session is left', sessions, (open) => open === 0)

async function withPool(
  options: Parameters<typeof poolFor>[1],
  work: (pool: DatabasePool) => Promise<void>,
): Promise<void> {
  const pool = poolFor(server.url(), options)
  try {
    await work(pool)
  } finally {
    await pool.close()
    await noSessions()
  }
}

t.test('R6.3 sessions are bounded, shared in turn, and counted', async () =>
  withPool({ size: 2 }, async (pool) => {
    t.match(pool.figures, { size: 2, inUse: 0, idle: 0, waiting: 0, uses: 0, usedMs: 0, waitedMs: 0 })
    const asked = Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        pool.query<{ n: number }>('select $1::int as n, pg_sleep(0.01)', [n]),
      ),
    )
    t.match(pool.figures, { size: 2, inUse: 2, idle: 0, waiting: 18 })
    const answers = await asked
    t.same(
      answers.map(({ rows }) => rows[0]?.n),
      Array.from({ length: 20 }, (_, n) => n),
    )
    t.match(pool.figures, { size: 2, inUse: 0, idle: 2, waiting: 0, uses: 20 })
    t.ok(pool.figures.usedMs > 0 && pool.figures.waitedMs > 0)
    t.equal(await sessions(), 2)
  }),
)

t.test('R6.3 who waits too long for a session is turned away, and nothing was sent', async () =>
  withPool({ size: 1 }, async (pool) => {
    const stop = new AbortController()
    const held = failure(pool.query('select pg_sleep(60)', [], { signal: stop.signal }))
    const late = await failure(pool.query('select 1', [], { timeoutMs: 30 }))
    t.match(late, { reason: 'pool_exhausted', outcomeUnknown: false, message: /none of 1 sessions/ })
    stop.abort()
    t.match(await held, { reason: 'cancelled' })
    t.equal((await pool.query('select 1')).rowCount, 1, 'the session was replaced')
  }),
)

t.test('R8.1 a query nobody waits for any more ends in the database, too', async () =>
  withPool({ size: 1 }, async (pool) => {
    const stop = new AbortController()
    const given = failure(pool.query('select pg_sleep(3600)', [], { signal: stop.signal }))
    await until('it runs', sessions, (open) => open === 1)
    stop.abort()
    t.match(await given, { reason: 'cancelled', outcomeUnknown: true })
    await noSessions()
  }),
)

t.test('R8.1 a failure says whether the query may have had its effect', async (t) => {
  const port = await unusedPort()
  const nobody = poolFor(server.url().replace(`:${server.port}`, `:${port}`))
  t.match(await failure(nobody.query('select 1')), { reason: 'refused', outcomeUnknown: false })
  await nobody.close()

  const silent = await startSilentServer()
  const mute = poolFor(`postgresql://a:b@${silent.address}/x`, { connectTimeoutMs: 50 })
  t.match(await failure(mute.query('select 1')), { reason: 'timeout', outcomeUnknown: false })
  await mute.close()
  await silent.close()

  await withPool({}, async (pool) => {
    t.match(await failure(pool.query('select pg_sleep(60)', [], { timeoutMs: 200 })), {
      reason: 'timeout',
      outcomeUnknown: true,
    })
    const aborted = AbortSignal.abort()
    t.match(await failure(pool.query('select 1', [], { signal: aborted })), { outcomeUnknown: false })
    const ended = await failure(pool.query('select pg_terminate_backend(pg_backend_pid())'))
    t.match(ended, { reason: 'shutting_down', outcomeUnknown: true })
    const readOnly = await failure(
      pool.query('create table t (a int); set transaction read only; drop table t'),
    )
    t.match(readOnly, { reason: 'read_only', outcomeUnknown: false })
    const refused = await pool.query('select 1/0').catch((error) => error)
    t.ok(refused instanceof QueryRefused)
    t.equal(refused.sqlState, '22012')
  })
})

t.test('R8.1 a transaction whose COMMIT was never sent is known to be undone', async () =>
  withPool({}, async (pool) => {
    const lost = await failure(
      pool.transaction(async (query) => {
        await query('create table never (a int)')
        await query('select pg_terminate_backend(pg_backend_pid())')
      }),
    )
    t.match(lost, { reason: 'shutting_down', outcomeUnknown: false })
    const cause = new Error('changed my mind')
    const thrown = await pool
      .transaction(async (query) => {
        await query('create table never (a int)')
        throw cause
      })
      .catch((error) => error)
    t.equal(thrown, cause)
    const ignoring = pool.transaction((query) => query('select 1/0').catch(() => {}))
    await t.rejects(ignoring, /its failure was ignored/)
    t.same((await pool.query(`select to_regclass('never') as found`)).rows, [{ found: null }])
  }),
)

t.test('R2.5 lost sessions are replaced, idle ones closed', async () => {
  const clock = createTestClock()
  await withPool({ clock, idleMs: 5_000 }, async (pool) => {
    await pool.query('select 1')
    await server.restart()
    await until(
      'the loss is noticed',
      async () => pool.figures.idle,
      (idle) => idle === 0,
    )
    t.equal((await pool.query('select 1')).rowCount, 1)
    t.equal(pool.figures.idle, 1)
    clock.advance(4_999)
    t.equal(pool.figures.idle, 1)
    clock.advance(1)
    t.equal(pool.figures.idle, 0)
    await noSessions()
    await pool.query('select 1')
    clock.advance(1)
    await pool.query('select 1')
    t.equal(clock.armed, 1, 'one timer for one idle session')
  })
})

t.test(
  'R6.3 a session is closed in the end, so that a new address and new credentials take hold',
  async () => {
    const clock = createTestClock()
    await withPool({ clock, idleMs: 3_600_000 * 24 }, async (pool) => {
      const pid = async () =>
        (await pool.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0]?.pid
      const first = await pid()
      t.equal(await pid(), first)
      clock.advance(30 * 60_000)
      t.equal(await pid(), first, 'it is closed when it is given back, never under a query')
      t.not(await pid(), first)
    })
  },
)

t.test('R1.5 credentials are read anew for each session', async (t) => {
  await server.query(`create role rotated login password 'first'`)
  let password = 'first'
  const url = () => `postgresql://rotated:${password}@127.0.0.1:${server.port}/postgres?sslmode=disable`
  const pool = poolFor(url)
  await pool.query('select 1')
  await server.query(`alter role rotated password 'second'`)
  await server.query(`select pg_terminate_backend(pid) from pg_stat_activity where usename = 'rotated'`)
  await until(
    'the loss is noticed',
    async () => pool.figures.idle,
    (idle) => idle === 0,
  )
  const refused = await failure(pool.query('select 1'))
  t.match(refused, { reason: 'authentication', outcomeUnknown: false })
  t.notMatch(refused.message, /first/)
  password = 'second'
  t.equal((await pool.query('select 1')).rowCount, 1)
  await pool.close()
})

t.test('R6.3 a long-lived session may receive any amount, one answer may not', async () =>
  withPool({ size: 1 }, async (pool) => {
    for (let n = 0; n < 5; n++) {
      const { rows } = await pool.query<{ a: string }>(`select repeat('x', 20 * 1024 * 1024) as a`)
      t.equal(rows[0]?.a.length, 20 * 1024 * 1024)
    }
    const pid = (await pool.query('select pg_backend_pid() as pid')).rows[0]
    const endless = await failure(pool.query(`select repeat('x', 1024 * 1024) from generate_series(1, 100)`))
    t.match(endless, { reason: 'bad_answer', message: /more than \d+ bytes/ })
    t.notSame((await pool.query('select pg_backend_pid() as pid')).rows[0], pid)
  }),
)

t.test('§8 behind a transaction pooler nothing is expected of the session', async (t) => {
  const pooler = await startPgbouncer(server)
  const pool = poolFor(pooler.url(), { size: 4 })
  await pool.query('create table pooled (a int)')
  await Promise.all(Array.from({ length: 40 }, (_, n) => pool.query('insert into pooled values ($1)', [n])))
  await Promise.all(
    Array.from({ length: 8 }, () =>
      pool.transaction(async (query) => {
        await query('insert into pooled values ($1)', [100])
        await query('insert into pooled values ($1)', [200])
      }),
    ),
  )
  t.same((await pool.query('select count(*)::int as n from pooled')).rows, [{ n: 56 }])
  await pool.close()
  await pooler.stop()
})

t.test(
  'R1.5 R6.3 renewed credentials hold from the next query on, and nobody who waits is turned away',
  async (t) => {
    await server.query(`create role renewed login password 'first'`)
    const url = (password: string) => {
      const given = new URL(server.url())
      given.username = 'renewed'
      given.password = password
      return given.href
    }
    const renewed = (password: string, size: number) => ({
      ...{ size, connectTimeoutMs: 20_000 },
      target: () => targetOf(url(password)),
    })
    const whoAndWhich = 'select pg_backend_pid() as pid, pg_sleep(0.05)'
    const pid = (answer: { rows: readonly { pid?: number }[] }) => answer.rows[0]?.pid
    const pool = poolFor(url('first'), { size: 1 })
    try {
      const first = pid(await pool.query(whoAndWhich))
      await server.query(`alter role renewed password 'second'`)
      const underWay = pool.query(whoAndWhich)
      const waiting = [pool.query(whoAndWhich), pool.query(whoAndWhich)]
      pool.renew(renewed('second', 2))
      t.equal(pid(await underWay), first, 'what is under way ends on its session')
      for (const answer of await Promise.all(waiting)) t.not(pid(answer), first)
      t.equal(pool.figures.size, 2)

      await server.query(`alter role renewed password 'third'`)
      pool.renew(renewed('wrong', 2))
      const early = pool.query('select 1')
      // Its attempt has begun with what is renewed at this moment.
      pool.renew(renewed('third', 2))
      t.equal((await early).rowCount, 1, 'a refusal of replaced credentials is none')
      pool.renew(renewed('wrong', 2))
      t.match(await failure(pool.query('select 1')), { reason: 'authentication', outcomeUnknown: false })
    } finally {
      await pool.close()
      await noSessions()
    }
  },
)
