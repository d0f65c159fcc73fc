// Many real supervisors with a flow each work on the records of one real PostgreSQL, behind a pgbouncer, while containers
// are killed and stopped, flows are killed, connections are cut and the database crashes. Afterwards every record must
// have had its effect exactly once: a ledger without unique keys and a counter tell.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { migrate } from '../../supervisor/postgres/migrate.ts'
import { checkout } from '../harness/checkout.ts'
import { startPgbouncer } from '../harness/pgbouncer.ts'
import { type PostgresServer, startPostgres } from '../harness/postgres.ts'
import { type PostgresProxy, startPostgresProxy } from '../harness/postgres-proxy.ts'
import { type Supervised, startSupervised } from '../harness/supervised.ts'
import { poolFor } from '../integration/postgres/pools.ts'

export interface RecordsChaos {
  readonly supervisors: number
  readonly records: number
  readonly batch: number
  readonly seed: number
  /** Each fault once, or faults for as long as there is work. */
  readonly faults: 'once' | 'until_done'
  /** How long the database takes for the effect of one record. */
  readonly effectMs: number
  /** Pause between two faults, at most. */
  readonly faultEveryMs: number
  /** After which what is not done is taken for stuck. */
  readonly patienceMs: number
  say(line: string): void
}

export const faultNames = [
  'kill container',
  'kill flow',
  'stop container',
  'cut',
  'black hole',
  'crash database',
] as const
export type FaultName = (typeof faultNames)[number]

export interface RecordsReport {
  readonly records: number
  readonly lost: number
  readonly doubled: number
  readonly phantom: number
  /** Of the counter, less what it should be. */
  readonly counterOff: number
  readonly left: number
  readonly failed: number
  readonly fenced: number
  readonly takenBack: number
  readonly seconds: number
  readonly faults: Readonly<Record<FaultName, number>>
  /** Longest time that a lease stood after it had run out, in seconds, while the database could be asked. */
  readonly longestDeadLeaseSeconds: number
}

interface Seat {
  readonly number: number
  readonly proxy: PostgresProxy
  readonly close: (() => unknown)[]
  supervised: Supervised
  busy: boolean
  /** Over all containers that sat here. */
  fenced: number
  takenBack: number
}

const leaseMs = 2_000
const queue = 'chaos'

export async function recordsChaos(options: RecordsChaos): Promise<RecordsReport> {
  const closing: (() => unknown)[] = []
  const later = (close: () => unknown) => void closing.unshift(close)
  try {
    return await run(options, later)
  } finally {
    for (const close of closing) await close()
  }
}

async function run(options: RecordsChaos, later: (close: () => unknown) => void): Promise<RecordsReport> {
  const { records, say, supervisors } = options
  const server = await startPostgres({ durable: true, settings: { max_connections: '200' } })
  later(() => server.stop())
  await prepare(server, options)
  const pooler = await startPgbouncer(server, 20)
  later(() => pooler.stop())
  const state = mkdtempSync(join(tmpdir(), 'fk-chaos-'))
  later(() => rmSync(state, { recursive: true, force: true }))

  const startedAtMs = performance.now()
  const seats: Seat[] = []
  for (let number = 0; number < supervisors; number++) {
    const proxy = await startPostgresProxy({ ...server, host: '127.0.0.1', port: pooler.port })
    later(() => proxy.close())
    const seat = { number, proxy, close: [], busy: false, fenced: 0, takenBack: 0 } as unknown as Seat
    seats.push(seat)
    later(() => leave(seat))
  }
  await Promise.all(seats.map((seat) => sit(seat, state, options.batch)))
  const watch = watchLeases(server)
  later(watch.stop)

  const faults = await disturb(server, seats, state, options)
  say('healed; what is left must be done now')
  await Promise.all(seats.map((seat) => heal(seat, state, options.batch)))
  const left = await untilDone(server, options.patienceMs)
  await watch.stop()
  const seconds = (performance.now() - startedAtMs) / 1000
  await Promise.all(seats.map(leave))
  return {
    ...(await check(server, records)),
    ...{ records, left, seconds, faults, longestDeadLeaseSeconds: watch.longestSeconds() },
    fenced: seats.reduce((sum, { fenced }) => sum + fenced, 0),
    takenBack: seats.reduce((sum, { takenBack }) => sum + takenBack, 0),
  }
}

async function prepare(server: PostgresServer, { effectMs, records }: RecordsChaos): Promise<void> {
  const pool = poolFor(server.url())
  await migrate(pool)
  await pool.close()
  await server.query('create table ledger (record_id bigint not null, epoch bigint not null)')
  if (effectMs > 0) {
    await server.query(
      `create function slow() returns trigger language plpgsql as
         'begin perform pg_sleep(${effectMs / 1000}); return new; end';
       create trigger slow before insert on ledger for each row execute function slow()`,
    )
  }
  await server.query('create table counter (shard integer primary key, n bigint not null)')
  await server.query('insert into counter select shard, 0 from generate_series(0, 63) as shard')
  await server.query(
    'insert into flowkeep.processing_queue (queue, payload) select $1, to_json(n) from generate_series(1, $2) as n',
    [queue, records],
  )
}

async function sit(seat: Seat, state: string, batch: number): Promise<void> {
  seat.supervised = await startSupervised(
    { teardown: (close) => void seat.close.push(close) },
    {
      command: [
        process.execPath,
        '--disable-warning=ExperimentalWarning',
        `${checkout}/test/fixtures/flows/ledger.ts`,
        queue,
        String(batch),
      ],
      environment: {
        CONTAINER_INSTANCE_ID: `seat-${seat.number}`,
        CONTAINER_DATABASE_FLOWS_URL: seat.proxy.url(),
        CONTAINER_DATABASE_FLOWS_CONNECT_TIMEOUT: '2s',
        CONTAINER_GATE_BACKOFF_MAX: '500ms',
        CONTAINER_STATE_DIRECTORY: state,
        CONTAINER_RECORDS_LEASE: `${leaseMs}ms`,
        CONTAINER_RECORDS_MAX_ATTEMPTS: '1000',
        CONTAINER_RESTART_POLICY: 'always',
        CONTAINER_RESTART_MAX: '1000',
        CONTAINER_RESTART_BACKOFF_MIN: '10ms',
        CONTAINER_RESTART_BACKOFF_MAX: '100ms',
        CONTAINER_SECURITY_ENFORCE: 'off',
        CONTAINER_LOG_LEVEL: 'warn',
      },
    },
  )
}

async function leave(seat: Seat): Promise<void> {
  remember(seat)
  for (const close of seat.close.splice(0)) await close()
}

async function heal(seat: Seat, state: string, batch: number): Promise<void> {
  seat.proxy.heal()
  if (isGone(seat)) await sit(seat, state, batch)
  else seat.supervised.signal('SIGCONT')
}

function isGone({ supervised: { pid } }: Seat): boolean {
  try {
    process.kill(pid, 0)
    return false
  } catch {
    return true
  }
}

// Faults

async function disturb(
  server: PostgresServer,
  seats: readonly Seat[],
  state: string,
  options: RecordsChaos,
): Promise<Record<FaultName, number>> {
  const { faultEveryMs, say } = options
  const random = seeded(options.seed)
  const faults = Object.fromEntries(faultNames.map((name) => [name, 0])) as Record<FaultName, number>
  const underWay = new Set<Promise<void>>()
  const untilMs = performance.now() + options.patienceMs
  let databaseBusy = false

  const inflict: Record<FaultName, (seat: Seat) => Promise<void>> = {
    async 'kill container'(seat) {
      seat.supervised.signal('SIGKILL')
      await seat.supervised.exited
      await leave(seat)
      await sit(seat, state, options.batch)
    },
    async 'kill flow'(seat) {
      const flow = childrenOf(seat.supervised.pid)[0]
      if (flow !== undefined) process.kill(flow, 'SIGKILL')
    },
    async 'stop container'(seat) {
      const { pid } = seat.supervised
      const all = [pid, ...childrenOf(pid)]
      for (const one of all) process.kill(one, 'SIGSTOP')
      await pause(leaseMs + 1_000 + random() * 2_000)
      for (const one of all) process.kill(one, 'SIGCONT')
    },
    async cut(seat) {
      seat.proxy.refuse()
      await pause(random() * 2_000)
      seat.proxy.heal()
    },
    async 'black hole'(seat) {
      seat.proxy.blackHole()
      await pause(leaseMs + random() * 2_000)
      seat.proxy.heal()
    },
    async 'crash database'() {
      if (databaseBusy) return
      databaseBusy = true
      await server.kill()
      await pause(random() * 1_000)
      await server.start()
      databaseBusy = false
    },
  }

  // Each fault once in some order, then at random for as long as there is work.
  const first = [...faultNames].sort(() => random() - 0.5)
  while (performance.now() < untilMs && (options.faults === 'until_done' || first.length > 0)) {
    const name =
      first.pop() ??
      (faultNames[Math.floor(random() * (faultNames.length - (random() < 0.8 ? 1 : 0)))] as FaultName)
    const free = seats.filter(({ busy }) => !busy)
    const seat = free[Math.floor(random() * free.length)]
    if (seat) {
      faults[name]++
      say(`${name}: seat ${seat.number}`)
      seat.busy = true
      const done = inflict[name](seat)
        .catch((error) => say(`${name}: ${error}`))
        .finally(() => {
          seat.busy = false
          underWay.delete(done)
        })
      underWay.add(done)
    }
    await pause(faultEveryMs * (0.5 + random() / 2))
    if (databaseBusy) continue
    const left = await leftIn(server)
    if (faults[name] % 5 === 0) say(`${left} left`)
    if (first.length === 0 && left === 0) break
  }
  await Promise.all(underWay)
  return faults
}

/** The processes that a supervisor has started, as this side sees them. */
function childrenOf(pid: number): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    return text.split(' ').filter(Boolean).map(Number)
  } catch {
    return []
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

// What came of it

async function leftIn(server: PostgresServer): Promise<number> {
  const { rows } = await server.query('select count(*)::int as left from flowkeep.processing_queue')
  return rows[0].left
}

async function untilDone(server: PostgresServer, patienceMs: number): Promise<number> {
  const untilMs = performance.now() + patienceMs
  let left = await leftIn(server)
  while (left > 0 && performance.now() < untilMs) {
    await pause(100)
    left = await leftIn(server)
  }
  return left
}

function watchLeases(server: PostgresServer): { stop(): Promise<void>; longestSeconds(): number } {
  let longest = 0
  let ended = false
  const watching = (async () => {
    while (!ended) {
      const { rows } = await server
        .query(
          `select coalesce(max(extract(epoch from now() - lease_expires_at)), 0)::float as dead
             from flowkeep.worker_session where lease_expires_at < now()`,
        )
        .catch(() => ({ rows: [{ dead: 0 }] }))
      longest = Math.max(longest, rows[0].dead)
      await pause(200)
    }
  })()
  return {
    async stop() {
      ended = true
      await watching
    },
    longestSeconds: () => Math.round(longest * 10) / 10,
  }
}

async function check(server: PostgresServer, records: number) {
  const one = async (sql: string) => Number((await server.query(sql)).rows[0].n)
  const effects = await one('select count(*) as n from ledger')
  return {
    lost:
      records -
      (await one(`select count(distinct record_id) as n from ledger where record_id <= ${records}`)),
    doubled: await one(
      'select count(*) as n from (select from ledger group by record_id having count(*) > 1) as more',
    ),
    phantom: await one(`select count(*) as n from ledger where record_id > ${records} or record_id < 1`),
    counterOff: (await one('select sum(n) as n from counter')) - Math.min(effects, records),
    failed: await one(`select count(*) as n from flowkeep.record_history where outcome = 'failed'`),
  }
}

/** What its log tells, before it goes with its container. */
function remember(seat: Seat): void {
  for (const record of seat.supervised?.records ?? []) {
    if (record.component === 'flow' && record.message === 'fenced') seat.fenced++
    if (record.event === 'records.recovered')
      seat.takenBack += Number((record as unknown as { records: number }).records)
  }
}
