// The schema `flowkeep`: made by many containers at once, also through a transaction pooler, and by neighbouring
// versions of the supervisor.

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'
import { FlowkeepError } from '../../../supervisor/core/errors.ts'
import { migrate } from '../../../supervisor/postgres/migrate.ts'
import { type Migration, migrations, schemaVersion } from '../../../supervisor/postgres/migrations/index.ts'
import type { DatabasePool } from '../../../supervisor/postgres/pool.ts'
import { checkout } from '../../harness/checkout.ts'
import { startPgbouncer } from '../../harness/pgbouncer.ts'
import { startPostgres } from '../../harness/postgres.ts'
import { poolFor } from './pools.ts'

const server = await startPostgres({ user: 'rpa' })
t.teardown(() => server.stop())
const pooler = await startPgbouncer(server, 4)
t.teardown(() => pooler.stop())

async function withPools<T>(
  urls: readonly string[],
  work: (pools: DatabasePool[]) => Promise<T>,
): Promise<T> {
  const pools = urls.map((url) => poolFor(url))
  try {
    return await work(pools)
  } finally {
    await Promise.all(pools.map((pool) => pool.close()))
  }
}

const next: Migration = {
  version: schemaVersion + 1,
  name: 'next',
  statements: ['create table flowkeep.later (a integer)', 'alter table flowkeep.later add column b integer'],
}

t.test('§8 many containers migrate at once, and one does the work', async (t) => {
  for (const [name, url] of [
    ['direct', (database: string) => server.url(database)],
    ['pooled', (database: string) => pooler.url(database)],
  ] as const) {
    await server.createDatabase(name)
    const done = await withPools(
      Array.from({ length: 6 }, () => url(name)),
      (pools) => Promise.all(pools.map((pool) => migrate(pool))),
    )
    t.equal(done.filter(({ from }) => from === 0).length, 1, `${name}: one began with nothing`)
    t.ok(done.every(({ to }) => to === schemaVersion))
    const { rows } = await server.query('select version, name from flowkeep.schema_version', [], name)
    t.same(
      rows,
      migrations.map(({ version, name }) => ({ version, name })),
      name,
    )
  }
})

t.test('§8 versions are numbered without gaps', async (t) => {
  t.same(
    migrations.map(({ version }) => version),
    migrations.map((_, index) => index + 1),
  )
})

t.test(
  '§8 an older schema is brought up to date, and an older supervisor leaves a newer one alone',
  async (t) => {
    await server.createDatabase('neighbours')
    await withPools([server.url('neighbours')], async ([pool]) => {
      const both = [...migrations, next]
      t.same(await migrate(pool as DatabasePool), { from: 0, to: schemaVersion })
      t.same(await migrate(pool as DatabasePool, {}, both), { from: schemaVersion, to: schemaVersion + 1 })
      t.same(await migrate(pool as DatabasePool), { from: schemaVersion + 1, to: schemaVersion + 1 })
      t.equal((await server.query('select b from flowkeep.later', [], 'neighbours')).rowCount, 0)
    })
  },
)

t.test('§8 a migration that fails leaves the schema as it was', async (t) => {
  await server.createDatabase('broken')
  const broken = { ...next, statements: ['create table flowkeep.half (a integer)', 'select 1/0'] }
  await withPools([server.url('broken')], async ([pool]) => {
    const error = await migrate(pool as DatabasePool, {}, [...migrations, broken]).catch((thrown) => thrown)
    t.ok(error instanceof FlowkeepError)
    t.match(error, { code: 'migration_refused', message: /division by zero \(SQLSTATE 22012\)/ })
    const { rows } = await server.query(`select to_regnamespace('flowkeep') as found`, [], 'broken')
    t.same(rows, [{ found: null }])
    t.same(await migrate(pool as DatabasePool), { from: 0, to: schemaVersion })
  })
})

t.test('§3 flowkeep migrate, run as a command', async (t) => {
  await server.createDatabase('by_command')
  const run = (...args: string[]) =>
    spawnSync(process.execPath, [join(checkout, 'supervisor/bin.mjs'), 'migrate', ...args], {
      env: {
        CONTAINER_FLOW_NAME: 'orders',
        CONTAINER_DATABASE_ORDERS_URL: server.url('by_command'),
        CONTAINER_DATABASE_AWAY_URL: server.url('no_such_database'),
      },
      encoding: 'utf8',
    })
  const first = run('--database', 'orders', '--json')
  t.equal(first.stdout, `{"databases":[{"name":"orders","from":0,"to":${schemaVersion}}]}\n`, first.stderr)
  t.equal(first.status, 0)
  const all = run()
  t.equal(all.status, 69)
  t.match(all.stdout, /^orders: the schema flowkeep is up to date/)
  t.match(all.stderr, /^away: .*has no database "no_such_database".*\(dependency_unavailable\)/)
  t.notMatch(all.stdout + all.stderr, /only-for-tests/)
})

t.test('§8 who may not create is told what to grant; who need not create is not asked to', async (t) => {
  await server.createDatabase('guarded')
  await server.query(`create role flow login password 'only-for-tests'`)
  const url = server.url('guarded').replace('//rpa:', '//flow:')
  await withPools([url, server.url('guarded')], async ([flow, owner]) => {
    const error = await migrate(flow as DatabasePool).catch((thrown) => thrown)
    t.match(error, {
      code: 'migration_refused',
      message: /permission denied.*42501/,
      hint: /GRANT CREATE ON DATABASE/,
    })
    await migrate(owner as DatabasePool)
    await server.query(
      'grant usage on schema flowkeep to flow; grant select on all tables in schema flowkeep to flow',
      [],
      'guarded',
    )
    t.same(await migrate(flow as DatabasePool), { from: schemaVersion, to: schemaVersion })
  })
})
