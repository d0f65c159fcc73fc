// Promise 1 of §7: an effect is there exactly once, whatever happens to the connection and whenever.

import t from 'tap'
import type { Delivered, Delivery } from '../../../supervisor/core/target.ts'
import { migrate } from '../../../supervisor/postgres/migrate.ts'
import { PostgresTarget } from '../../../supervisor/postgres/target.ts'
import { startPgbouncer } from '../../harness/pgbouncer.ts'
import { startPostgres } from '../../harness/postgres.ts'
import { startPostgresProxy } from '../../harness/postgres-proxy.ts'
import { until } from '../../harness/until.ts'
import { delivery, never, outcomesOf, statement, statesOf } from './deliveries.ts'
import { poolFor } from './pools.ts'

const server = await startPostgres({ user: 'rpa', settings: { deadlock_timeout: '50ms' } })
t.teardown(() => server.stop())
const proxy = await startPostgresProxy(server)
t.teardown(() => proxy.close())
const pool = poolFor(server.url())
t.teardown(() => pool.close())
await migrate(pool)
await pool.query('create table effects (id text)')

const apply = /apply_operations/

function effect(id: string, options?: { key?: string; revision?: number }): Delivery {
  return delivery(id, statement('insert into effects values ($1)', id), options)
}

function effects(prefix: string, count: number): Delivery[] {
  return Array.from({ length: count }, (_, n) => effect(`${prefix}-${String(n).padStart(3, '0')}`))
}

/** How often the effects of these are there. */
async function found(deliveries: readonly Delivery[]): Promise<Record<string, number>> {
  const { rows } = await pool.query<{ times: string; operations: number }>(
    `select times::text, count(*)::int as operations
     from (select count(effects.id) as times
           from unnest($1::text[]) as given (id) left join effects on effects.id = given.id group by given.id) as counted
     group by times`,
    [deliveries.map(({ operation }) => operation.id)],
  )
  return Object.fromEntries(rows.map(({ times, operations }) => [`${times} times`, operations]))
}

async function withTarget<T>(url: string, work: (target: PostgresTarget) => Promise<T>): Promise<T> {
  const target = new PostgresTarget('rpa_db', poolFor(url))
  try {
    return await work(target)
  } finally {
    await target.close()
  }
}

function unknown(delivered: Delivered): unknown {
  return delivered.reached || delivered.outcomeUnknown
}

t.test(
  '§7 a connection cut before, during or after COMMIT: the same ids again are applied once',
  async (t) => {
    const cases = [
      { name: 'before', cut: () => proxy.cutBeforeQuery(apply), again: ['applied'] },
      { name: 'during', cut: () => proxy.cutDuringQuery(apply), again: ['applied', 'earlier'] },
      { name: 'after', cut: () => proxy.swallowAnswer(apply), again: ['earlier'] },
    ]
    for (const { name, cut, again } of cases) {
      const batch = effects(name, 20)
      await withTarget(proxy.url(), async (target) => {
        const happened = cut()
        t.equal(unknown(await target.deliver(batch, never())), true, `${name}: nobody can know`)
        await happened
        const states = new Set(statesOf(await target.deliver(batch, never())))
        t.equal(states.size, 1, `${name}: all or nothing: ${[...states]}`)
        t.ok(again.includes([...states].join()), `${name}: ${[...states]}`)
      })
      t.same(await found(batch), { '1 times': 20 }, name)
    }
  },
)

t.test('§7 cut during COMMIT itself, again and again, in flight with its repetitions', async (t) => {
  const batch = effects('storm', 50)
  await withTarget(proxy.url(), async (target) => {
    proxy.flap(7)
    const attempts = await Promise.all(Array.from({ length: 12 }, () => target.deliver(batch, never())))
    proxy.heal()
    t.comment(`${attempts.filter(({ reached }) => reached).length} of 12 attempts were answered`)
    outcomesOf(await target.deliver(batch, never()))
  })
  t.same(await found(batch), { '1 times': 50 })
})

t.test('§7 who repeats an operation waits until the execution that lost its client is decided', async (t) => {
  const slow = delivery('zombie', [
    statement('insert into effects values ($1)', 'zombie'),
    statement('select pg_sleep(0.5)'),
  ])
  await withTarget(proxy.url(), async (target) => {
    const cut = proxy.cutDuringQuery(apply)
    const lost = target.deliver([slow], never())
    await cut
    t.equal(unknown(await lost), true)
    // The zombie may still be running, or the server may have ended it: both are fine, twice is not.
    t.match(statesOf(await target.deliver([slow], never())).join(), /^(applied|earlier)$/)
  })
  t.same(await found([slow]), { '1 times': 1 })
})

t.test('§7 a black hole: given up in time, applied once when it heals', async (t) => {
  const batch = effects('hole', 10)
  await withTarget(proxy.url(), async (target) => {
    await target.deliver([], never())
    outcomesOf(await target.deliver(effects('warm', 1), never()))
    proxy.blackHole()
    const late = await target.deliver(batch, AbortSignal.timeout(50))
    t.match(late, { reached: false, reason: 'cancelled', outcomeUnknown: true })
    proxy.heal()
    outcomesOf(await target.deliver(batch, never()))
  })
  t.same(await found(batch), { '1 times': 10 })
})

t.test('§7 two containers that replay overlapping ids in opposite order', async (t) => {
  const batch = effects('opposite', 200)
  const middle = batch[100] as Delivery
  let replays: Promise<Delivered>[] = []
  const targets = [0, 1].map(() => new PostgresTarget('rpa_db', poolFor(server.url())))
  // Both are in the middle of their claims at the same time, because a third holds the id there.
  await pool
    .transaction(async (query) => {
      await query(`insert into flowkeep.inbox values ($1, '', 1, 'applied')`, [middle.operation.id])
      replays = targets.map((target, n) => target.deliver(n === 0 ? batch : batch.toReversed(), never()))
      await until(
        'both wait',
        async () =>
          (await pool.query(`select from pg_stat_activity where wait_event_type = 'Lock'`)).rowCount,
        (count) => count === 2,
      )
      throw new Error('taken back')
    })
    .catch(() => {})
  const states = (await Promise.all(replays)).flatMap(statesOf)
  t.same(
    ['applied', 'earlier'].map((state) => states.filter((s) => s === state).length),
    [200, 200],
  )
  t.notMatch(server.log(), /deadlock detected/)
  t.same(await found(batch), { '1 times': 200 })
  await Promise.all(targets.map((target) => target.close()))
})

t.test('§7 the same id twice in one batch', async (t) => {
  const one = effect('twice')
  const other = delivery('twice', statement('insert into effects values ($1)', 'other'), { key: 'twice' })
  const refusedFirst = delivery('second', statement('insert into nowhere values (1)'))
  await withTarget(server.url(), async (target) => {
    const states = await target.deliver(
      [one, one, other, effect('between'), one, refusedFirst, effect('second')],
      never(),
    )
    t.same(statesOf(states), ['applied', 'earlier', 'conflict', 'applied', 'earlier', 'refused', 'applied'])
    t.same(statesOf(await target.deliver([other], never())), ['conflict'], 'another day, too')
  })
  t.same(await found([one, effect('between'), effect('second')]), { '1 times': 3 })
})

t.test('§7 what is cancelled is never applied, what is applied is not cancelled', async (t) => {
  await withTarget(server.url(), async (target) => {
    const applied = effect('cancel-applied')
    const cancelled = effect('cancel-never')
    outcomesOf(await target.deliver([applied], never()))
    t.match(await target.cancel([cancelled, applied, cancelled], never()), {
      outcomes: ['cancelled', 'applied', 'cancelled'],
    })
    t.same(statesOf(await target.deliver([cancelled], never())), ['cancelled'])
    const broken = delivery('cancel-never', statement('insert into effects values ($1)', 'cancel-never'), {
      revision: 2,
    })
    t.same(broken.contentHash, cancelled.contentHash)
    await pool.query('alter table effects rename to elsewhere')
    t.same(statesOf(await target.deliver([broken], never())), ['refused'], 'revived, and refused again')
    await pool.query('alter table elsewhere rename to effects')
    t.same(
      statesOf(await target.deliver([cancelled], never())),
      ['cancelled'],
      'the first one stays cancelled',
    )
    t.same(statesOf(await target.deliver([broken], never())), ['applied'], 'a later revision goes on')
    t.match(await target.cancel([{ ...broken, revision: 9 }], never()), { outcomes: ['applied'] })
    t.same(await found([applied, cancelled]), { '1 times': 2 })
  })
})

t.test('§7 a cancellation waits for an execution under way and tells how it ended', async (t) => {
  const slow = delivery('race', [
    statement('insert into effects values ($1)', 'race'),
    statement('select pg_sleep(0.2)'),
  ])
  await withTarget(server.url(), async (target) => {
    const running = target.deliver([slow], never())
    await until(
      'it runs',
      async () => (await pool.query(`select from pg_stat_activity where wait_event = 'PgSleep'`)).rowCount,
      (count) => count === 1,
    )
    t.match(await target.cancel([slow], never()), { outcomes: ['applied'] })
    t.same(statesOf(await running), ['applied'])
  })
})

t.test('§7 a cancellation that fails of a lock is no word about the schema', async (t) => {
  const other = effect('cancel-locked')
  await server.query(`create role hasty login superuser password 'p'`)
  await server.query(`alter role hasty set lock_timeout = '50ms'`)
  const url = server.url().replace('//rpa:only-for-tests', '//hasty:p')
  await pool
    .transaction(async (query) => {
      await query(`insert into flowkeep.inbox values ($1, '', 1, 'applied')`, [other.operation.id])
      const said = await withTarget(url, (target) => target.cancel([other], never()))
      t.match(said, { reached: false, reason: 'server_fault', message: /55P03/, outcomeUnknown: false })
      const delivered = await withTarget(url, (target) => target.deliver([other], never()))
      t.match(delivered, { outcomes: [{ state: 'failed', code: '55P03' }] })
      throw new Error('taken back')
    })
    .catch((error) => t.equal(error.message, 'taken back'))
})

t.test('§7 through a transaction pooler, with sessions changing under it', async (t) => {
  const pooler = await startPgbouncer(server, 2)
  const batches = Array.from({ length: 20 }, (_, n) => effects(`pooled-${n % 10}`, 10))
  await withTarget(pooler.url(), async (target) => {
    const all = await Promise.all(batches.map((batch) => target.deliver(batch, never())))
    const states = all.flatMap(statesOf)
    t.equal(states.filter((state) => state === 'applied').length, 100)
    t.equal(states.filter((state) => state === 'earlier').length, 100)
    await server.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'flowkeep'`,
    )
    // Statements that a pooler has lost mean nothing: none is expected to be there.
    await server.query('select 1')
    outcomesOf(await deliverUntilReached(target, effects('after', 10)))
  })
  t.same(await found(batches.slice(0, 10).flat()), { '1 times': 100 })
  await pooler.stop()
})

async function deliverUntilReached(target: PostgresTarget, batch: Delivery[]): Promise<Delivered> {
  return until(
    'the database answers',
    () => target.deliver(batch, never()),
    ({ reached }) => reached,
  )
}

t.test(
  '§7 after a fail-over the old primary only reads: not reached, nothing is known to be wrong',
  async (t) => {
    const batch = effects('failover', 5)
    await withTarget(server.url(), async (target) => {
      await server.query('alter system set default_transaction_read_only = on')
      await server.query('select pg_reload_conf()')
      await until(
        'the setting is there',
        async () =>
          (await server.query('show default_transaction_read_only')).rows[0].default_transaction_read_only,
        (shown) => shown === 'on',
      )
      t.match(await target.deliver(batch, never()), {
        reached: false,
        reason: 'read_only',
        outcomeUnknown: false,
      })
      t.match(await target.cancel(batch, never()), { reached: false, reason: 'read_only' })
      await server.query('alter system reset default_transaction_read_only')
      await server.query('select pg_reload_conf()')
      outcomesOf(await deliverUntilReached(target, batch))
    })
    t.same(await found(batch), { '1 times': 5 })
  },
)

t.test(
  '§7 an expired password, a database that is missing, a server that is full: not reached',
  async (t) => {
    await server.query(`create role expired login password 'p' valid until '2001-01-01'`)
    await server.query(`create role crowded login password 'p' connection limit 0`)
    const as = (role: string, database = 'postgres') =>
      `postgresql://${role}:p@127.0.0.1:${server.port}/${database}?sslmode=disable`
    for (const [url, reason] of [
      [as('expired'), 'authentication'],
      [server.url('missing'), 'missing_database'],
      [as('crowded'), 'too_many_connections'],
    ] as const) {
      const said = await withTarget(url, (target) => target.deliver([effect('nobody')], never()))
      t.match(said, { reached: false, reason, outcomeUnknown: false })
    }
  },
)
