// A Python flow works on records under a real supervisor, with a real PostgreSQL behind a real pgbouncer.

import { spawnSync } from 'node:child_process'
import t, { type Test } from 'tap'
import { migrate } from '../../../supervisor/postgres/migrate.ts'
import { checkout } from '../../harness/checkout.ts'
import { startPgbouncer } from '../../harness/pgbouncer.ts'
import { startPostgres } from '../../harness/postgres.ts'
import { callSocket } from '../../harness/raw-http.ts'
import { noNamespace, startSupervised } from '../../harness/supervised.ts'
import { poolFor } from '../postgres/pools.ts'

const python = spawnSync('python3', ['-c', 'import sys; sys.exit(sys.version_info < (3, 11))'])
const skip = noNamespace || (python.status === 0 ? false : 'needs Python 3.11 or newer as python3')

const server = await startPostgres()
t.teardown(() => server.stop())
const pooler = await startPgbouncer(server, 5)
t.teardown(() => pooler.stop())

let databases = 0

async function newDatabase(): Promise<string> {
  const name = `flow_${++databases}`
  await server.createDatabase(name)
  const pool = poolFor(server.url(name))
  await migrate(pool)
  await pool.close()
  await server.query('create table ledger (record_id bigint)', [], name)
  return name
}

async function start(
  t: Test,
  database: string,
  args: readonly string[],
  environment: Record<string, string> = {},
) {
  const supervised = await startSupervised(t, {
    command: ['python3', '-B', `${checkout}/test/fixtures/flows/records.py`, ...args],
    environment: {
      CONTAINER_DATABASE_FLOWS_URL: pooler.url(database),
      CONTAINER_RECORDS_LEASE: '2s',
      CONTAINER_RESTART_POLICY: 'on-failure',
      CONTAINER_RESTART_BACKOFF_MIN: '10ms',
      PYTHONPATH: `${checkout}/images/python`,
      ...environment,
    },
  })
  return {
    ...supervised,
    call: (method: string, path: string, body?: unknown) =>
      callSocket(supervised.socketPath, method, path, body === undefined ? undefined : JSON.stringify(body), {
        'content-type': 'application/json',
      }),
  }
}

const ledger = async (database: string) => {
  const { rows } = await server.query(
    'select record_id::int as id, count(*)::int as times from ledger group by 1 order by 1',
    [],
    database,
  )
  return rows as { id: number; times: number }[]
}
const once = (count: number) => Array.from({ length: count }, (_, index) => ({ id: index + 1, times: 1 }))

/** Asks until it is so. */
async function until(database: string, sql: string): Promise<void> {
  while (!(await server.query(`select ${sql} as so`, [], database)).rows[0].so)
    await new Promise((resolve) => setTimeout(resolve, 50))
}

const allDone = `not exists (select from flowkeep.processing_queue)`

t.test(
  'R8.2 a flow that dies with a record goes on with it after its restart, and nothing happens twice',
  { skip },
  async (t) => {
    const database = await newDatabase()
    const supervised = await start(t, database, ['orders', '10', 'here'])
    await supervised.line('ready')
    const records = Array.from({ length: 100 }, (_, index) => ({
      payload: index === 42 ? { crash: 'here' } : { n: index },
    }))
    const enqueued = await supervised.call('POST', '/v1/records/enqueue', { queue: 'orders', records })
    t.equal((enqueued.json['ids'] as string[]).length, 100)
    await supervised.record('flow.exited')
    await until(database, allDone)
    t.same(await ledger(database), once(100))
    const { rows } = await server.query(
      'select attempts from flowkeep.record_history where id = 43',
      [],
      database,
    )
    t.same(rows, [{ attempts: 2 }])
    const status = (await supervised.call('GET', '/v1/status')).json as { records: unknown }
    t.match(status.records, {
      database: 'flows',
      state: 'ready',
      held: 0,
      queues: { orders: { completed: 100, fenced: 0 } },
    })
    t.match(
      (await supervised.get('/metrics')).body,
      /^flowkeep_records_completed_total\{queue="orders"\} 100$/m,
    )

    supervised.signal('SIGTERM')
    await supervised.exited
    const { rows: left } = await server.query('select from flowkeep.worker_session', [], database)
    t.same(left, [], 'the lease ends with the container')
  },
)

t.test(
  'R8.2 a flow that hangs on a record, however much it says, is restarted and goes on',
  { skip },
  async (t) => {
    const database = await newDatabase()
    const supervised = await start(t, database, ['orders'], { CONTAINER_FLOW_STUCK_AFTER: '2s' })
    await supervised.line('ready')
    const records = Array.from({ length: 20 }, (_, index) => ({
      payload: index === 7 ? { hang: true } : { n: index },
    }))
    await supervised.call('POST', '/v1/records/enqueue', { queue: 'orders', records })
    t.match(await supervised.record('flow.stuck'), {
      held: 1,
      message: /a record in its hands and none settled/,
    })
    await until(database, allDone)
    t.same(await ledger(database), once(20))
    const { rows } = await server.query(
      'select attempts from flowkeep.record_history where id = 8',
      [],
      database,
    )
    t.same(rows, [{ attempts: 2 }])
    t.equal(supervised.records.filter(({ event }) => event === 'flow.stuck').length, 1)
  },
)

t.test('R3.3 a container that vanishes loses nothing, and a paused one is fenced', { skip }, async (t) => {
  const database = await newDatabase()
  await server.query(
    `create function slow() returns trigger language plpgsql as 'begin perform pg_sleep(0.005); return new; end';
     create trigger slow before insert on ledger for each row execute function slow()`,
    [],
    database,
  )
  const three = await Promise.all([1, 2, 3].map(() => start(t, database, ['orders', '5'])))
  const [first, second, third] = three as [(typeof three)[0], (typeof three)[0], (typeof three)[0]]
  await Promise.all(three.map(({ line }) => line('ready')))
  const records = Array.from({ length: 600 }, (_, index) => ({ payload: { n: index } }))
  await first.call('POST', '/v1/records/enqueue', { queue: 'orders', records })
  await until(database, '(select count(*) > 50 from ledger)')
  first.signal('SIGKILL')
  second.signal('SIGSTOP')
  await until(database, allDone)
  second.signal('SIGCONT')
  t.same(await ledger(database), once(600))
  await second.record('records.lease_lost')
  await second.call('POST', '/v1/records/enqueue', { queue: 'orders', records: [{ payload: 'after' }] })
  await until(database, allDone)
  t.equal((await ledger(database)).length, 601)
  t.ok(third.records.some(({ event }) => event === 'records.recovered'))
})

t.test(
  'R5.5 a drain ends the loop of the flow, and what was not begun is free at once',
  { skip },
  async (t) => {
    const database = await newDatabase()
    const supervised = await start(t, database, ['orders'], {
      CONTAINER_STOP_GRACE: '20s',
      CONTAINER_STOP_DRAIN: '10s',
    })
    await supervised.line('ready')
    await supervised.call('POST', '/v1/records/enqueue', { queue: 'orders', records: [{ payload: 1 }] })
    await until(database, allDone)
    supervised.signal('SIGTERM')
    await supervised.line('drained')
    t.match(await supervised.exited, { code: 0 })
  },
)

t.test(
  'R8.3 a completion in a partition is applied when it heals, unless the record has a newer owner',
  { skip },
  async (t) => {
    const database = await newDatabase()
    const other = poolFor(server.url(database))
    t.teardown(() => other.close())
    const supervised = await start(t, database, ['nothing'], {
      CONTAINER_DATABASE_FLOWS_URL: server.url(database),
    })
    await supervised.line('ready')
    await supervised.call('POST', '/v1/records/enqueue', {
      queue: 'q',
      records: [{ payload: 1 }, { payload: 2 }, { payload: 3 }],
    })
    const claimed = await supervised.call('POST', '/v1/records/claim', { queue: 'q', limit: 3 })
    t.equal((claimed.json['records'] as unknown[]).length, 3)
    await server.halt()
    const effects = (id: number) => [{ sql: 'insert into ledger (record_id) values ($1)', params: [id] }]
    const complete = (id: number, body: unknown) =>
      supervised.call('POST', `/v1/records/${id}/complete`, body)
    t.match(await complete(1, { epoch: 1, effects: effects(1) }), { status: 202, json: { state: 'queued' } })
    t.match(await complete(2, { epoch: 1, effects: effects(2) }), { status: 202 })
    t.match(await complete(3, { epoch: 1 }), { status: 202 })
    t.match(await supervised.call('POST', '/v1/records/claim', { queue: 'q' }), {
      status: 503,
      json: { error: { code: 'dependency_unavailable' } },
    })
    // While it was away, the database itself was busy: record 2 has a new owner by the time it is back.
    supervised.signal('SIGSTOP')
    await server.start()
    await server.query(`update flowkeep.processing_queue set epoch = 7 where id = 2`, [], database)
    supervised.signal('SIGCONT')
    await until(database, '(select count(*) = 2 from flowkeep.record_history)')
    const status = async () =>
      (await supervised.call('GET', '/v1/status')).json as {
        queue: { operations: number }
        records: { queues: unknown }
      }
    while ((await status()).queue.operations > 0) await new Promise((resolve) => setTimeout(resolve, 50))
    t.same(await ledger(database), once(1))
    t.match((await status()).records.queues, { q: { completed: 2, fenced: 1 } })
    const { rows } = await server.query(
      'select id::int, epoch::int from flowkeep.processing_queue',
      [],
      database,
    )
    t.same(rows, [{ id: 2, epoch: 7 }])
  },
)

t.test('§6 without the tables every call says to migrate', { skip }, async (t) => {
  await server.createDatabase('bare')
  const supervised = await start(t, 'bare', ['orders'])
  await supervised.line('ready')
  const refused = await supervised.call('POST', '/v1/records/claim', { queue: 'q' })
  t.match(refused, { status: 503, json: { error: { code: 'schema_missing', hint: /flowkeep migrate/ } } })
})
