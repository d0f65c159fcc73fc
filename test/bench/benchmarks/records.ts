// Claim and complete, at several sizes of a batch, by four workers: the store as the supervisor uses it, and the whole
// way over the socket; beside it two queues on PostgreSQL. The peers get their jobs by their own bulk insert, which is
// not measured. Then what a claim takes beside a million pending and a million done records, and under an old snapshot.

import { createRequire } from 'node:module'
import pg from 'pg'
import { systemClock } from '../../../supervisor/core/clock.ts'
import { parseConnectionUrl } from '../../../supervisor/core/connection-url.ts'
import type { ClaimedRecord, Position, RecordStore } from '../../../supervisor/core/record-store.ts'
import { migrate } from '../../../supervisor/postgres/migrate.ts'
import { createPool, type DatabasePool } from '../../../supervisor/postgres/pool.ts'
import { createRecordStore } from '../../../supervisor/postgres/record-store.ts'
import { type PostgresServer, startPostgres } from '../../harness/postgres.ts'
import { callSocket } from '../../harness/raw-http.ts'
import { startSupervised } from '../../harness/supervised.ts'
import { type Benchmark, type Comparison, ours, type Site } from '../harness/benchmark.ts'
import type { Peer } from '../harness/peers.ts'
import { type Contender, comparison, runRounds } from '../harness/rounds.ts'

const workers = 4
const sizes = [
  { batch: 1, jobs: 500 },
  { batch: 10, jobs: 3_000 },
  { batch: 100, jobs: 20_000 },
  { batch: 500, jobs: 40_000 },
] as const
const graphile = { name: 'graphile-worker', version: '0.18.0' }
const boss = { name: 'pg-boss', version: '12.38.0' }
const require = createRequire(import.meta.url)

export const recordsBenchmark: Benchmark = {
  name: 'records',
  about:
    'claim and complete records: store and socket, against graphile-worker and pg-boss; claims at a million',
  budgetSeconds: 240,
  async run(site) {
    const server = await startPostgres({
      durable: true,
      settings: { shared_buffers: '512MB', max_wal_size: '8GB', checkpoint_timeout: '30min' },
    })
    const closing: (() => unknown)[] = []
    try {
      const pool = poolOf(server, workers)
      closing.push(() => pool.close())
      await migrate(pool)
      const store = createRecordStore(() => pool)
      await store.keepHistory()
      const peers = [await graphilePeer(server, closing), await bossPeer(server, closing)]
      const absent = peers.flatMap((peer) => ('install' in peer ? [peer] : []))
      const comparisons = [
        ...(await throughput(site, server, store, peers)),
        await overSocket(site, server, store, closing),
        ...(await claimsAmongMany(site, server, store)),
      ]
      return { comparisons, absent }
    } finally {
      for (const close of closing.reverse()) await close()
      await server.stop()
    }
  },
}

interface QueuePeer {
  readonly name: string
  /** It has nothing that compares with other sizes. */
  readonly batches: readonly number[]
  /** Jobs per second. */
  run(batch: number, jobs: number): Promise<number>
}

function poolOf(server: PostgresServer, size: number): DatabasePool {
  const parsed = parseConnectionUrl(server.url('postgres', { sslmode: 'disable' }))
  if (!parsed.ok) throw new Error(parsed.problem)
  return createPool({ target: () => parsed.target, size, connectTimeoutMs: 5_000, clock: systemClock })
}

async function fill(server: PostgresServer, queue: string, count: number): Promise<void> {
  await server.query(
    `insert into flowkeep.processing_queue (queue, payload) select $1, '{"order":1}' from generate_series(1, $2)`,
    [queue, count],
  )
}

async function throughput(
  site: Site,
  server: PostgresServer,
  store: RecordStore,
  peers: readonly (QueuePeer | Peer)[],
): Promise<Comparison[]> {
  const comparisons: Comparison[] = []
  for (const { batch, jobs } of sizes) {
    const contenders: Contender<'rate'>[] = [
      {
        name: ours,
        version: site.version,
        run: async () => ({ rate: await claimAndComplete(server, store, batch, jobs) }),
      },
    ]
    for (const peer of peers) {
      if ('install' in peer || !peer.batches.includes(batch)) continue
      contenders.push({
        name: peer.name,
        run: async () => ({ rate: await peer.run(batch, jobs) }),
      })
    }
    const series = await runRounds(site, contenders, { rounds: 3, warmUps: 0 })
    const targets = [
      ...(batch === 500 ? [{ peer: graphile.name, limit: 1.5 }] : []),
      ...(batch === 100 ? [{ peer: boss.name, limit: 2 }] : []),
      ...(batch === 1 ? [{ peer: graphile.name, limit: 1 }] : []),
    ].filter(({ peer }) => contenders.some(({ name }) => name === peer))
    comparisons.push(
      comparison(
        { metric: `claim and complete, ${batch} at a time`, unit: 'records/s', better: 'more', targets },
        series('rate'),
      ),
    )
  }
  return comparisons
}

async function claimAndComplete(
  server: PostgresServer,
  store: RecordStore,
  batch: number,
  jobs: number,
): Promise<number> {
  await fill(server, 'bench', jobs)
  const startedMs = performance.now()
  let done = 0
  await Promise.all(
    Array.from({ length: workers }, async () => {
      const session = await store.openSession('bench', 600_000)
      let from: Position | undefined
      for (;;) {
        const records = await claimSome(store, session, 'bench', batch, from)
        if (records.length === 0) break
        from = records.at(-1)?.position
        const completed = await store.complete(records)
        done += completed.filter(Boolean).length
      }
      await store.endSession(session)
    }),
  )
  if (done !== jobs) throw new Error(`${done} of ${jobs} records were completed`)
  return (jobs * 1_000) / (performance.now() - startedMs)
}

function claimSome(
  store: RecordStore,
  session: string,
  queue: string,
  limit: number,
  from?: Position,
): Promise<readonly ClaimedRecord[]> {
  return store.claim({ session, number: 1, queue, limit, from, timeoutMs: 900_000, maxAttempts: 5 })
}

/** A supervisor with an idle flow, and a client that claims and completes over its socket. */
async function overSocket(
  site: Site,
  server: PostgresServer,
  store: RecordStore,
  closing: (() => unknown)[],
): Promise<Comparison> {
  const supervised = await startSupervised(
    { teardown: (close) => void closing.push(close) },
    {
      command: ['sleep', 'infinity'],
      program: site.program,
      environment: {
        CONTAINER_DATABASE_FLOWS_URL: server.url('postgres', { sslmode: 'disable' }),
        CONTAINER_SECURITY_ENFORCE: 'off',
      },
    },
  )
  await supervised.record(({ event, to }) => event === 'state.changed' && to === 'running')
  const post = (path: string, body: unknown) =>
    callSocket(supervised.socketPath, 'POST', path, JSON.stringify(body), {
      'content-type': 'application/json',
    })
  const overIt = async (batch: number, jobs: number) => {
    await fill(server, 'socket', jobs)
    const startedMs = performance.now()
    let done = 0
    await Promise.all(
      Array.from({ length: workers }, async () => {
        for (;;) {
          const { json } = await post('/v1/records/claim', { queue: 'socket', limit: batch })
          const records = (json['records'] ?? []) as { id: string; epoch: number }[]
          if (records.length === 0) break
          await post(
            '/v1/records/complete',
            records.map(({ id, epoch }) => ({ id, epoch })),
          )
          done += records.length
        }
      }),
    )
    if (done !== jobs) throw new Error(`${done} of ${jobs} records were completed`)
    return { rate: (jobs * 1_000) / (performance.now() - startedMs) }
  }
  const contenders = [
    { name: `${ours}, over the socket, 1 at a time`, version: site.version, run: () => overIt(1, 500) },
    {
      name: 'store, 1 at a time',
      run: async () => ({ rate: await claimAndComplete(server, store, 1, 500) }),
    },
    { name: 'over the socket, 100 at a time', run: () => overIt(100, 10_000) },
    {
      name: 'store, 100 at a time',
      run: async () => ({ rate: await claimAndComplete(server, store, 100, 10_000) }),
    },
  ]
  const series = await runRounds(site, contenders, { rounds: 3 })
  const targets = [{ peer: 'store, 1 at a time', limit: 1 }]
  return comparison({ metric: 'over the socket', unit: 'records/s', better: 'more', targets }, series('rate'))
}

/** The median of claims of 50, in ms. */
async function claimsAmongMany(
  site: Site,
  server: PostgresServer,
  store: RecordStore,
): Promise<Comparison[]> {
  const session = await store.openSession('bench', 3_600_000)
  const many = site.quick ? 100_000 : 1_000_000
  await fill(server, 'few', 60_000)
  await fill(server, 'many', many)
  await server.query(
    `insert into flowkeep.record_history (id, queue, outcome, epoch, attempts, created_at)
       select n, 'many', 'completed', 1, 1, now() from generate_series(1, $1) as n`,
    [many],
  )
  await server.query('vacuum analyze flowkeep.processing_queue')
  let from: Position | undefined
  const claims = async (queue: string, onwards: boolean) => {
    const took: number[] = []
    for (let turn = 0; turn < 60; turn++) {
      const startedMs = performance.now()
      const records = await claimSome(store, session, queue, 50, onwards ? from : undefined)
      took.push(performance.now() - startedMs)
      if (records.length !== 50) throw new Error(`${records.length} records were claimed`)
      if (onwards) from = records.at(-1)?.position
    }
    return { ms: took.sort((a, b) => a - b)[30] as number }
  }
  const words = { unit: 'ms', better: 'less' } as const
  const among = await runRounds(
    site,
    [
      { name: ours, version: site.version, run: () => claims('many', false) },
      { name: 'with few', run: () => claims('few', false) },
    ],
    { rounds: 5 },
  )
  const holder = new pg.Client(server.url())
  // When something else has failed, the server ends under it.
  holder.on('error', () => {})
  await holder.connect()
  await holder.query('begin isolation level repeatable read')
  await holder.query('select 1 from flowkeep.processing_queue limit 1')
  await claimAndComplete(server, store, 500, 100_000)
  await fill(server, 'bench', 60_000)
  const held = await runRounds(
    site,
    [
      { name: ours, version: site.version, run: () => claims('bench', true) },
      { name: 'from the beginning', run: () => claims('bench', false) },
      { name: 'with few', run: () => claims('few', false) },
    ],
    { rounds: 5 },
  )
  await holder.end()
  return [
    comparison(
      {
        ...words,
        metric: `p50 of a claim of 50, ${many} pending and ${many} done`,
        targets: [{ peer: 'with few', limit: 1.5 }],
      },
      among('ms'),
    ),
    comparison(
      {
        ...words,
        metric: 'p50 of a claim of 50, 100000 gone under an old snapshot',
        targets: [{ peer: 'from the beginning', limit: 0.5 }],
      },
      held('ms'),
    ),
  ]
}

// Peers

function absentPeer({ name, version }: { name: string; version: string }): Peer {
  return { name, program: name, install: `npm install --no-save ${name}@${version}`, version: undefined }
}

/** As shipped with one at a time; tuned (24 at once, a local queue of 500) with 500. */
async function graphilePeer(server: PostgresServer, closing: (() => unknown)[]): Promise<QueuePeer | Peer> {
  let library: GraphileWorker
  try {
    library = require('graphile-worker')
  } catch {
    return absentPeer(graphile)
  }
  await server.createDatabase('graphile')
  const connectionString = server.url('graphile', { sslmode: 'disable' })
  const quiet = new library.Logger(() => () => {})
  const tools = await library.makeWorkerUtils({ connectionString, logger: quiet })
  closing.push(() => tools.release())
  await tools.migrate()
  return {
    name: graphile.name,
    batches: [1, 500],
    async run(batch, jobs) {
      await server.query(
        `select graphile_worker.add_jobs(array(
           select row('work', '{"order":1}'::json, null, null, null, null, null, null)::graphile_worker.job_spec
           from generate_series(1, $1)))`,
        [jobs],
        'graphile',
      )
      const done = Promise.withResolvers<void>()
      let count = 0
      const startedMs = performance.now()
      const runner = await library.run({
        taskList: {
          work: async () => {
            if (++count === jobs) done.resolve()
          },
        },
        preset: {
          worker: {
            connectionString,
            logger: quiet,
            maxPoolSize: batch === 1 ? workers : 10,
            concurrentJobs: batch === 1 ? workers : 24,
            ...(batch === 500 && {
              localQueue: { size: 500 },
              completeJobBatchDelay: 0,
              failJobBatchDelay: 0,
            }),
          },
        },
      })
      await done.promise
      // Its completions may still be on their way.
      for (;;) {
        const { rows } = await server.query(
          'select count(*)::int as left from graphile_worker._private_jobs',
          [],
          'graphile',
        )
        if (rows[0].left === 0) break
      }
      const rate = (jobs * 1_000) / (performance.now() - startedMs)
      await runner.stop()
      return rate
    },
  }
}

interface GraphileWorker {
  readonly Logger: new (factory: () => () => void) => unknown
  makeWorkerUtils(options: object): Promise<{ migrate(): Promise<void>; release(): Promise<void> }>
  run(options: object): Promise<{ stop(): Promise<void> }>
}

async function bossPeer(server: PostgresServer, closing: (() => unknown)[]): Promise<QueuePeer | Peer> {
  let library: { PgBoss?: BossClass; default?: BossClass }
  try {
    library = require('pg-boss')
  } catch {
    return absentPeer(boss)
  }
  const Boss = (library.PgBoss ?? library.default) as BossClass
  await server.createDatabase('boss')
  const client = new Boss({
    connectionString: server.url('boss', { sslmode: 'disable' }),
    max: workers,
    supervise: false,
    schedule: false,
  })
  client.on('error', () => {})
  await client.start()
  closing.push(() => client.stop({ graceful: false }))
  await client.createQueue('work')
  return {
    name: boss.name,
    batches: [1, 10, 100, 500],
    async run(batch, jobs) {
      for (let left = jobs; left > 0; left -= 5_000) {
        await client.insert(
          'work',
          Array.from({ length: Math.min(left, 5_000) }, () => ({ data: { order: 1 } })),
        )
      }
      const startedMs = performance.now()
      let done = 0
      await Promise.all(
        Array.from({ length: workers }, async () => {
          for (;;) {
            const fetched = await client.fetch('work', { batchSize: batch })
            if (!fetched || fetched.length === 0) break
            await client.complete(
              'work',
              fetched.map(({ id }) => id),
            )
            done += fetched.length
          }
        }),
      )
      if (done !== jobs) throw new Error(`pg-boss completed ${done} of ${jobs} jobs`)
      return (jobs * 1_000) / (performance.now() - startedMs)
    },
  }
}

interface BossClass {
  new (
    options: object,
  ): {
    on(event: 'error', listener: () => void): void
    start(): Promise<unknown>
    stop(options: object): Promise<void>
    createQueue(name: string): Promise<void>
    insert(queue: string, jobs: readonly object[]): Promise<unknown>
    fetch(queue: string, options: object): Promise<{ id: string }[] | null>
    complete(queue: string, ids: readonly string[]): Promise<unknown>
  }
}
