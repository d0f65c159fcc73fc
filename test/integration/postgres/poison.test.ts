// Promises 2 and 3 of §7 inside a batch: poison takes nobody along, lanes keep their order, and what an operation does
// to its session or its transaction does not reach the next one.

import t from 'tap'
import { limits } from '../../../supervisor/core/limits.ts'
import type { Delivery } from '../../../supervisor/core/target.ts'
import {
  cleanInbox,
  cleanInboxes,
  inboxRetentionMs,
  keepInboxesClean,
} from '../../../supervisor/postgres/inbox-retention.ts'
import { migrate } from '../../../supervisor/postgres/migrate.ts'
import { PostgresTarget } from '../../../supervisor/postgres/target.ts'
import { startPostgres } from '../../harness/postgres.ts'
import { createTestClock } from '../../harness/test-clock.ts'
import { delivery, never, outcomesOf, statement, statesOf } from './deliveries.ts'
import { poolFor } from './pools.ts'

const server = await startPostgres({ user: 'rpa' })
t.teardown(() => server.stop())
const pool = poolFor(server.url())
await migrate(pool)
const target = new PostgresTarget('rpa_db', pool)
t.teardown(() => target.close())
await pool.query('create table effects (id text primary key)')

const insert = 'insert into effects values ($1)'
let batches = 0

/** A batch of `size` whose poison stands at these places, with ids of its own. */
function poisoned(size: number, places: readonly number[]): Delivery[] {
  batches++
  return Array.from({ length: size }, (_, n) => {
    const id = `poison-${batches}-${n}`
    return delivery(
      id,
      places.includes(n) ? statement('insert into effects values ($1::int / 0)', 1) : statement(insert, id),
    )
  })
}

async function present(deliveries: readonly Delivery[]): Promise<boolean[]> {
  const ids = deliveries.map(({ operation }) => operation.id)
  const { rows } = await pool.query<{ found: boolean }>(
    `select effects.id is not null and inbox.operation_id is not null as found
     from unnest($1::text[]) with ordinality as given (id, place)
       left join effects on effects.id = given.id left join flowkeep.inbox on operation_id = given.id order by place`,
    [ids],
  )
  return rows.map(({ found }) => found)
}

t.test('§7 poison first, in the middle, last, everywhere', async (t) => {
  for (const places of [[0], [5], [9], [0, 4, 9], Array.from({ length: 10 }, (_, n) => n)]) {
    const batch = poisoned(10, places)
    const outcomes = outcomesOf(await target.deliver(batch, never()))
    for (const [n, outcome] of outcomes.entries()) {
      if (places.includes(n))
        t.match(outcome, { state: 'refused', code: '22012', message: 'division by zero' })
      else t.same(outcome, { state: 'applied', result: { rowCounts: [1] } })
    }
    t.same(
      await present(batch),
      batch.map((_, n) => !places.includes(n)),
    )
  }
})

t.test('§7 an operation is all or nothing', async (t) => {
  const half = delivery('half', [statement(insert, 'half'), statement('select 1 / $1::int', 0)])
  t.same(statesOf(await target.deliver([half], never())), ['refused'])
  t.same(await present([half]), [false])
})

t.test(
  '§7 within a lane nothing overtakes what failed or lacks a permission; poison leaves its lane',
  async (t) => {
    await server.query(`create role clerk login password 'p'`)
    await server.query(`grant usage on schema flowkeep to clerk;
    grant select, insert, update, delete on all tables in schema flowkeep to clerk;
    grant select, insert on effects to clerk;
    create table secret (a int);
    create function stuck() returns void language plpgsql as $$ begin raise sqlstate '40001'; end $$`)
    const clerk = new PostgresTarget(
      'rpa_db',
      poolFor(server.url().replace('//rpa:only-for-tests', '//clerk:p')),
    )
    const inLane = (key: string, id: string, sql = insert) =>
      delivery(id, sql.includes('$1') ? statement(sql, id) : statement(sql), { key })
    const batch = [
      inLane('a', 'a1'),
      inLane('a', 'a2', 'insert into secret values (1)'),
      inLane('b', 'b1', 'select stuck()'),
      inLane('a', 'a3'),
      inLane('b', 'b2'),
      inLane('c', 'c1', 'select 1 / 0'),
      inLane('c', 'c2'),
      inLane('a', 'a3'),
      inLane('d', 'd1'),
    ]
    const outcomes = outcomesOf(await clerk.deliver(batch, never()))
    t.same(
      outcomes.map(({ state }) => state),
      ['applied', 'forbidden', 'failed', 'skipped', 'skipped', 'refused', 'applied', 'skipped', 'applied'],
    )
    t.match(outcomes[1], { code: '42501', message: /permission denied for table secret/ })
    t.match(outcomes[2], { code: '40001' })
    await server.query('grant insert on secret to clerk')
    t.same(
      statesOf(await clerk.deliver(batch.slice(0, 4), never())),
      ['earlier', 'applied', 'failed', 'applied'],
      'granted, the lane goes on',
    )
    await clerk.close()
  },
)

t.test('§7 who may not use the schema flowkeep, and a database without it: not reached', async (t) => {
  await server.query(`create role outsider login password 'p'`)
  await server.createDatabase('empty')
  for (const [url, reason] of [
    [server.url().replace('//rpa:only-for-tests', '//outsider:p'), 'schema_forbidden'],
    [server.url('empty'), 'schema_missing'],
  ] as const) {
    const other = new PostgresTarget('rpa_db', poolFor(url))
    t.match(await other.deliver([delivery('x', statement('select 1'))], never()), {
      reached: false,
      reason,
      outcomeUnknown: false,
    })
    t.match(await other.cancel([delivery('x', statement('select 1'))], never()), { reached: false, reason })
    await other.close()
  }
})

t.test(
  '§7 a server without disk or memory is no fault of the operation that meets it: nothing is done',
  async (t) => {
    await pool.query(`create function full_disk() returns void language plpgsql as $$
    begin raise exception 'could not extend file: No space left on device' using errcode = '53100'; end $$`)
    const batch = [
      ...poisoned(3, []),
      delivery('unlucky', statement('select full_disk()')),
      ...poisoned(3, [1]),
    ]
    t.match(await target.deliver(batch, never()), {
      reached: false,
      reason: 'out_of_resources',
      message: /No space left on device \(SQLSTATE 53100\)/,
      outcomeUnknown: false,
    })
    t.notOk((await present(batch)).includes(true))
  },
)

t.test(
  '§7 a deferred constraint fails in its own operation, and is deferred again for the next',
  async (t) => {
    await pool.query(`create table parent (id int primary key);
    create table child (parent int references parent deferrable initially deferred);
    create table steady (id int unique deferrable initially immediate)`)
    const child = statement('insert into child values ($1)', 7)
    const parent = statement('insert into parent values ($1)', 7)
    const swap = statement('insert into steady values (1), (1)')
    const batch = [
      delivery('lonely', child),
      delivery('late', [child, parent]),
      delivery('swap', swap),
      delivery('also-late', [
        statement('insert into child values (8)'),
        statement('insert into parent values (8)'),
      ]),
      delivery('swap-again', [swap, statement('delete from steady')]),
    ]
    const outcomes = outcomesOf(await target.deliver(batch, never()))
    t.same(
      outcomes.map((outcome) => ('code' in outcome ? outcome.code : outcome.state)),
      ['23503', 'applied', '23505', 'applied', '23505'],
    )
  },
)

t.test('§7 a statement that makes a table, and later ones that use it, in one batch', async (t) => {
  const batch = [
    delivery('make', statement('create table made (a int, b text)')),
    delivery('use', statement('insert into made values ($1, $2)', '5', 'x')),
    delivery('change', statement('alter table made alter column a type text')),
    delivery('use-again', statement('insert into made values ($1, $2)', 'five', 'x')),
    delivery('gone', [statement('drop table made'), statement('select 1 / 0')]),
    delivery('still', statement('insert into made values ($1, $2)', 'six', 'x')),
  ]
  t.same(statesOf(await target.deliver(batch, never())), [
    ...['applied', 'applied', 'applied', 'applied', 'refused', 'applied'],
  ])
  t.equal((await pool.query('select from made')).rowCount, 3)
})

t.test(
  '§7 what cannot run in a transaction, or would control it, is refused also where a text cannot tell',
  async (t) => {
    await pool.query('create procedure committing() language plpgsql as $$ begin commit; end $$')
    const tried = [
      'vacuum effects',
      'call committing()',
      'do $$ begin rollback; end $$',
      'commit',
      'select 1; select 2',
      'set search_path = nowhere',
      'copy effects from stdin',
      'create database other',
    ]
    const outcomes = outcomesOf(
      await target.deliver(
        tried.map((sql, n) => delivery(`control-${n}`, statement(sql))),
        never(),
      ),
    )
    t.same(
      outcomes.map(({ state }) => state),
      tried.map(() => 'refused'),
      JSON.stringify(outcomes),
    )
    t.same(statesOf(await target.deliver([delivery('call', statement('call committing()'))], never())), [
      'refused',
    ])
  },
)

t.test(
  '§7 one operation that takes too long does not keep the others of its batch from their effect',
  async (t) => {
    await pool.query(`create role hasty login password 'p'; grant usage on schema flowkeep to hasty;
    grant all on all tables in schema flowkeep to hasty; grant all on effects to hasty;
    alter role hasty set statement_timeout = '200ms'`)
    const hasty = new PostgresTarget(
      'rpa_db',
      poolFor(server.url().replace('//rpa:only-for-tests', '//hasty:p')),
    )
    const batch = [
      ...poisoned(4, []),
      delivery('sleepy', statement('select pg_sleep(5)')),
      ...poisoned(4, []),
    ]
    const outcomes = outcomesOf(await hasty.deliver(batch, never()))
    t.match(outcomes[4], { state: 'failed', code: '57014' })
    t.equal(outcomes.filter(({ state }) => state === 'applied').length, 8)
    await hasty.close()
  },
)

t.test('§7 the inbox forgets in bounded steps, later than any queue repeats', async (t) => {
  const queueMaxAgeMs = 7 * 86_400_000
  const retentionMs = inboxRetentionMs(queueMaxAgeMs)
  t.ok(retentionMs > queueMaxAgeMs)
  const [old, young] = poisoned(2, []) as [Delivery, Delivery]
  outcomesOf(await target.deliver([old, young], never()))
  const age = (delivery: Delivery, ms: number) =>
    pool.query(
      `update flowkeep.inbox set applied_at = now() - $2::int * interval '1 second' where operation_id = $1`,
      [delivery.operation.id, ms / 1_000],
    )
  await age(old, retentionMs + 60_000)
  await age(young, retentionMs - 60_000)
  await pool.query(`insert into flowkeep.inbox select 'ancient-' || n, '', 1, 'applied', null, now() - interval '1 year'
    from generate_series(1, 12000) n`)
  const cleaned = await Promise.all([cleanInbox(pool, retentionMs), cleanInbox(pool, retentionMs)])
  const away = poolFor(server.url('no_such_database'))
  const pools = new Map([
    ['away', away],
    ['rpa_db', pool],
  ])
  await t.rejects(cleanInboxes(pools, queueMaxAgeMs), /^away: .*no_such_database/)
  t.ok(cleaned[0] + cleaned[1] > 0)
  const left = await pool.query<{ id: string }>(
    `select operation_id as id from flowkeep.inbox where operation_id like 'ancient-%' or operation_id = any ($1)`,
    [[old.operation.id, young.operation.id]],
  )
  t.same(
    left.rows.map(({ id }) => id),
    [young.operation.id],
  )
  t.same(statesOf(await target.deliver([young], never())), ['earlier'])
  const clock = createTestClock()
  const said = new Promise<string>((resolve) => {
    const logger = {
      debug() {},
      info() {},
      error() {},
      warn: (_fields: object, text: string) => resolve(text),
    }
    const cleaning = {
      clock,
      logger,
      random: () => 0.5,
      pools: () => pools,
      queueMaxAgeMs: () => queueMaxAgeMs,
    }
    keepInboxesClean(cleaning)
  })
  clock.advance(limits.inboxCleanFirstMs)
  t.match(await said, /^the inbox was not cleaned up: away: /)
  t.equal(clock.nextInMs, limits.inboxCleanEveryMs, 'and about a day later again')
  await away.close()
})
