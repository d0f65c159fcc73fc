// How fast a database takes queued operations: in batches through the inbox, and one transaction each as a client would.

import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { systemClock } from '../../../supervisor/core/clock.ts'
import { parseConnectionUrl } from '../../../supervisor/core/connection-url.ts'
import type { Logger } from '../../../supervisor/core/logger.ts'
import type { Delivery, Target } from '../../../supervisor/core/target.ts'
import { migrate } from '../../../supervisor/postgres/migrate.ts'
import { createPool } from '../../../supervisor/postgres/pool.ts'
import { problemOf } from '../../../supervisor/postgres/sql-text.ts'
import { PostgresTarget } from '../../../supervisor/postgres/target.ts'
import { openJournal } from '../../../supervisor/queue/journal/open-journal.ts'
import { createQueue } from '../../../supervisor/queue/queue.ts'
import { type PostgresServer, startPostgres } from '../../harness/postgres.ts'
import { startPostgresProxy } from '../../harness/postgres-proxy.ts'
import { type Benchmark, ours, type Site } from '../harness/benchmark.ts'
import { comparison, runRounds } from '../harness/rounds.ts'

const oneByOne = 'BEGIN, inbox, effect, COMMIT for each operation'
const withPoison = 'the same with 1 % poison'
const batches = 4
const quiet: Logger = { debug() {}, info() {}, warn() {}, error() {} }
const farRoundTripMs = 10
/** Enough of them to know their pace; at 10 ms a round trip each takes 40. */
const alone = { near: 300, far: 15 }

const sql = 'insert into effects (id, n, at, body) values ($1, $2, $3, $4)'
const broken = 'insert into effects (id, n, at, body) values ($1, $2::integer / 0, $3, $4)'

function deliveries(poisonEvery: number): Delivery[] {
  return Array.from({ length: 500 }, (_, n) => {
    const id = randomUUID()
    const text = poisonEvery > 0 && n % poisonEvery === 0 ? broken : sql
    const params = [id, n, '2030-01-02T03:04:05Z', { note: 'x'.repeat(200) }]
    const work = { kind: 'sql', statements: [{ sql: text, params }] } as const
    const operation = { id, target: 'rpa_db', key: id, work, expiresAtMs: undefined }
    return { operation, contentHash: id.repeat(2), revision: 1 }
  })
}

async function perSecond(count: number, work: () => Promise<void>): Promise<{ rate: number }> {
  const startedMs = performance.now()
  await work()
  return { rate: (count * 1_000) / (performance.now() - startedMs) }
}

async function drain(target: PostgresTarget, poisonEvery = 0): Promise<{ rate: number }> {
  const work = Array.from({ length: batches }, () => deliveries(poisonEvery))
  return await perSecond(batches * 500, async () => {
    for (const batch of work) {
      const delivered = await target.deliver(batch, AbortSignal.timeout(60_000))
      if (!delivered.reached) throw new Error(delivered.message)
      const applied = delivered.outcomes.filter(({ state }) => state === 'applied').length
      if (applied !== batch.filter((_, n) => poisonEvery === 0 || n % poisonEvery !== 0).length)
        throw new Error(`${applied} of ${batch.length} operations were applied`)
    }
  })
}

/** From the journal of a supervisor that finds its target back, through the replay, until the journal is empty. */
async function drainJournal(site: Site, target: PostgresTarget): Promise<{ rate: number }> {
  const directory = mkdtempSync(join(site.directory, 'drain-'))
  const journal = await openJournal({ directory, maxOperations: 1e6, maxBytes: 2 ** 30 })
  const entries = Array.from({ length: batches }, () => deliveries(0)).flat()
  await journal.append(entries.map((delivery) => ({ ...delivery, maybeApplied: false })))
  const empty = Promise.withResolvers<void>()
  let left = entries.length
  const queue = createQueue({
    ...{ clock: systemClock, random: Math.random, logger: quiet, journal, problemOf },
    targets: [leftOpen(target)],
    bounds: { maxOperations: 1e6, maxBytes: 2 ** 30, maxAgeMs: 86_400_000 },
    newId: () => randomUUID(),
    counted() {
      left--
      if (left === 0) empty.resolve()
    },
  })
  try {
    return await perSecond(entries.length, () => empty.promise)
  } finally {
    await queue.close()
    rmSync(directory, { recursive: true })
  }
}

/** Its pool is closed by whoever made it. */
function leftOpen(target: PostgresTarget): Target {
  const { name, kind, batchMax } = target
  return {
    ...{ name, kind, batchMax },
    deliver: (batch, signal) => target.deliver(batch, signal),
    cancel: (batch, signal) => target.cancel(batch, signal),
    close: async () => {},
  }
}

async function drainOneByOne(client: pg.Client, count: number): Promise<{ rate: number }> {
  return await perSecond(count, async () => {
    for (const { operation, contentHash } of deliveries(0).slice(0, count)) {
      await client.query('begin')
      await client.query(
        `insert into flowkeep.inbox (operation_id, content_hash, revision, outcome) values ($1, $2, 1, 'applied')`,
        [operation.id, contentHash],
      )
      const { work } = operation
      if (work.kind === 'sql') await client.query(sql, [...(work.statements[0]?.params ?? [])])
      await client.query('commit')
    }
  })
}

/** Our target and the peer's session over the same road. */
async function road(url: string) {
  const parsed = parseConnectionUrl(url)
  if (!parsed.ok) throw new Error(parsed.problem)
  const pool = createPool({
    target: () => parsed.target,
    size: 1,
    connectTimeoutMs: 5_000,
    clock: systemClock,
  })
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  return {
    target: new PostgresTarget('rpa_db', pool),
    client,
    async close() {
      await client.end()
      await pool.close()
    },
  }
}

async function prepare(server: PostgresServer): Promise<void> {
  const { target, client, close } = await road(server.url('postgres', { sslmode: 'disable' }))
  const parsed = parseConnectionUrl(server.url())
  if (!parsed.ok) throw new Error(parsed.problem)
  const pool = createPool({
    target: () => parsed.target,
    size: 1,
    connectTimeoutMs: 5_000,
    clock: systemClock,
  })
  await migrate(pool)
  await pool.close()
  await client.query('create table effects (id uuid primary key, n integer, at timestamptz, body jsonb)')
  await target.close()
  await close()
}

export const drainBenchmark: Benchmark = {
  name: 'drain',
  about: 'queued operations given to PostgreSQL, 500 in a batch, at no round trip and at 10 ms',
  budgetSeconds: 60,
  async run(site) {
    // It really writes to the disk, as a database does.
    const server = await startPostgres({ user: 'rpa', durable: true })
    const proxy = await startPostgresProxy(server)
    try {
      await prepare(server)
      const near = await road(server.url('postgres', { sslmode: 'disable' }))
      proxy.delay(farRoundTripMs)
      const far = await road(proxy.url())
      try {
        const contenders = (at: typeof near, count: number) => [
          { name: ours, version: site.version, run: () => drain(at.target) },
          { name: oneByOne, run: () => drainOneByOne(at.client, count) },
        ]
        const nearSeries = await runRounds(site, contenders(near, alone.near), { rounds: 7 })
        const poisonSeries = await runRounds(
          site,
          [
            { name: withPoison, version: site.version, run: () => drain(near.target, 100) },
            { name: ours, version: site.version, run: () => drain(near.target) },
          ],
          { rounds: 7 },
        )
        const journalSeries = await runRounds(
          site,
          [
            { name: ours, version: site.version, run: () => drainJournal(site, near.target) },
            { name: oneByOne, run: () => drainOneByOne(near.client, alone.near) },
          ],
          { rounds: 5 },
        )
        const farSeries = await runRounds(site, contenders(far, alone.far), { rounds: 5 })
        const words = { unit: 'op/s', better: 'more' } as const
        return {
          comparisons: [
            comparison(
              { ...words, metric: 'no round trip', targets: [{ peer: oneByOne, limit: 20 }] },
              nearSeries('rate'),
            ),
            comparison(
              { ...words, metric: '1 % poison', targets: [{ peer: ours, limit: 0.9 }] },
              poisonSeries('rate'),
            ),
            comparison({ ...words, metric: 'no round trip, out of the journal' }, journalSeries('rate')),
            comparison(
              { ...words, metric: '10 ms round trip', targets: [{ peer: oneByOne, limit: 300 }] },
              farSeries('rate'),
            ),
          ],
        }
      } finally {
        await near.close()
        await far.close()
      }
    } finally {
      await proxy.close()
      await server.stop()
    }
  },
}
