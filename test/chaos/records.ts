// Many real supervisors with a flow each work on the records of one real PostgreSQL, behind a pgbouncer, while containers
// are killed and stopped, flows are killed, connections are cut and the database crashes. Afterwards every record must
// have had its effect exactly once: a ledger without unique keys and a counter tell.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { migrate } from '../../supervisor/postgres/migrate.ts'
import { checkout } from '../harness/checkout.ts'
import type { LogRecord } from '../harness/log-records.ts'
import { startPgbouncer } from '../harness/pgbouncer.ts'
import { type PostgresServer, startPostgres } from '../harness/postgres.ts'
import { type PostgresProxy, startPostgresProxy } from '../harness/postgres-proxy.ts'
import { callSocket } from '../harness/raw-http.ts'
import { type Supervised, startSupervised } from '../harness/supervised.ts'
import { poolFor } from '../integration/postgres/pools.ts'

export interface RecordsChaos {
  readonly supervisors: number
  /** Another program than the bundle. */
  readonly program?: string
  /** As many as there are at first. */
  readonly records: number
  readonly batch: number
  readonly seed: number
  /**
   * Faults until each has been inflicted, records were taken back and a late owner was fenced, with work that does not
   * run out before; or for as long as there is work.
   */
  readonly faults: 'until_bitten' | 'until_done'
  /** How long a flow works on what it has claimed before it completes it: what is stopped meanwhile is late. */
  readonly workMs: number
  /** Pause between two faults, at most. */
  readonly faultEveryMs: number
  /** After so long without progress what is not done is taken for stuck. Also the longest time of faults. */
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
  /** All that were enqueued. */
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
  /** Supervisors that ended by themselves. */
  readonly ended: number
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
  /** It is ended on purpose. */
  leaving: boolean
  /** Supervisors that sat here and ended by themselves, which none should. */
  ended: number
  /** Of the container that sits here. */
  log: readonly LogRecord[]
  /** By those that sat here before. */
  before: Told
}

interface Told {
  readonly fenced: number
  readonly takenBack: number
}

const leaseMs = 2_000
const queue = 'chaos'
/** Added when less than this is left while faults still have to bite. */
const recordsInReserve = 500

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
  const { say, supervisors } = options
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
    const seat = {
      number,
      proxy,
      close: [],
      busy: false,
      leaving: false,
      ended: 0,
      log: [],
      before: { fenced: 0, takenBack: 0 },
    } as unknown as Seat
    seats.push(seat)
    later(() => leave(seat))
  }
  await Promise.all(seats.map((seat) => sit(seat, state, options)))
  const watch = watchLeases(server)
  later(watch.stop)

  const faults = await disturb(server, seats, state, options)
  say('healed; what is left must be done now')
  await Promise.all(seats.map((seat) => heal(seat, state, options)))
  const left = await untilDone(server, options.patienceMs)
  if (left > 0) for (const line of await whyLeft(server, seats)) say(line)
  await watch.stop()
  const seconds = (performance.now() - startedAtMs) / 1000
  await Promise.all(seats.map(leave))
  return {
    ...(await check(server)),
    ...{ left, seconds, faults, longestDeadLeaseSeconds: watch.longestSeconds() },
    ...toldByAll(seats),
    ended: seats.reduce((sum, { ended }) => sum + ended, 0),
  }
}

async function prepare(server: PostgresServer, { records }: RecordsChaos): Promise<void> {
  const pool = poolFor(server.url())
  await migrate(pool)
  await pool.close()
  await server.query('create table ledger (record_id bigint not null, epoch bigint not null)')
  await server.query('create table counter (shard integer primary key, n bigint not null)')
  await server.query('insert into counter select shard, 0 from generate_series(0, 63) as shard')
  await server.query('create table enqueued (record_id bigint not null)')
  await enqueue(server, records)
}

/** What is enqueued is written down beside it: after a crash the ids have gaps. */
async function enqueue(server: PostgresServer, records: number): Promise<void> {
  await server.query(
    `with added as (
       insert into flowkeep.processing_queue (queue, payload)
       select $1, to_json(n) from generate_series(1, $2) as n returning id)
     insert into enqueued select id from added`,
    [queue, records],
  )
}

async function sit(seat: Seat, state: string, options: RecordsChaos): Promise<void> {
  const { batch, program, workMs } = options
  seat.supervised = await startSupervised(
    { teardown: (close) => void seat.close.push(close) },
    {
      command: [
        process.execPath,
        '--disable-warning=ExperimentalWarning',
        `${checkout}/test/fixtures/flows/ledger.ts`,
        queue,
        ...[batch, workMs].map(String),
      ],
      ...(program !== undefined && { program }),
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
  seat.log = seat.supervised.records
  seat.leaving = false
  void seat.supervised.exited.then(({ code, exit }) => {
    if (seat.leaving) return
    seat.ended++
    options.say(`seat ${seat.number} ended by itself with ${code}: ${exit?.message}`)
  })
}

async function leave(seat: Seat): Promise<void> {
  seat.leaving = true
  seat.before = toldBy(seat)
  seat.log = []
  for (const close of seat.close.splice(0)) await close()
}

async function heal(seat: Seat, state: string, options: RecordsChaos): Promise<void> {
  seat.proxy.heal()
  if (isGone(seat)) await sit(seat, state, options)
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
      seat.leaving = true
      seat.supervised.signal('SIGKILL')
      await seat.supervised.exited
      await leave(seat)
      await sit(seat, state, options)
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

  // Each fault once in some order, then at random.
  const first = [...faultNames].sort(() => random() - 0.5)
  const bitten = () => {
    const { fenced, takenBack } = toldByAll(seats)
    return first.length === 0 && fenced > 0 && takenBack > 0
  }
  while (performance.now() < untilMs && (options.faults === 'until_done' || !bitten())) {
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
    if (options.faults === 'until_bitten' && left < recordsInReserve) await enqueue(server, recordsInReserve)
    else if (first.length === 0 && left === 0) break
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
  let untilMs = performance.now() + patienceMs
  let left = await leftIn(server)
  while (left > 0 && performance.now() < untilMs) {
    await pause(100)
    const before = left
    left = await leftIn(server)
    if (left < before) untilMs = performance.now() + patienceMs
  }
  return left
}

/** Some of what is stuck, and what its owners say. */
async function whyLeft(server: PostgresServer, seats: readonly Seat[]): Promise<string[]> {
  const { rows } = await server.query(
    `select to_json(stuck)::text as line from (
       select id, status, attempts, epoch, session_id, run_at, expires_at, suspect, reason
         from flowkeep.processing_queue order by id limit 5) as stuck
     union all select to_json(session)::text from flowkeep.worker_session as session`,
  )
  const paths = ['/v1/status', '/v1/operations?state=queued', '/v1/operations?state=dead']
  const told = seats.flatMap(({ number, supervised: { socketPath } }) =>
    paths.map(async (path) => {
      const { text } = await callSocket(socketPath, 'GET', path)
      return `seat ${number}: ${path}: ${text.slice(0, 2_000)}`
    }),
  )
  return [...rows.map(({ line }) => line), ...(await Promise.all(told))]
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

async function check(server: PostgresServer) {
  const one = async (sql: string) => Number((await server.query(sql)).rows[0].n)
  const records = await one('select count(*) as n from enqueued')
  const effects = await one('select count(*) as n from ledger')
  return {
    records,
    lost: await one(
      'select count(*) as n from (select record_id from enqueued except select record_id from ledger) as lost',
    ),
    doubled: await one(
      'select count(*) as n from (select from ledger group by record_id having count(*) > 1) as more',
    ),
    phantom: await one(
      'select count(*) as n from (select record_id from ledger except select record_id from enqueued) as phantom',
    ),
    counterOff: (await one('select sum(n) as n from counter')) - Math.min(effects, records),
    failed: await one(`select count(*) as n from flowkeep.record_history where outcome = 'failed'`),
  }
}

/** What the logs of all containers that sat here tell. */
function toldBy({ log, before }: Seat): Told {
  let { fenced, takenBack } = before
  for (const record of log) {
    if (record.component === 'flow' && record.message === 'fenced') fenced++
    if (record.event === 'records.recovered')
      takenBack += Number((record as unknown as { records: number }).records)
  }
  return { fenced, takenBack }
}

function toldByAll(seats: readonly Seat[]): Told {
  const told = seats.map(toldBy)
  return {
    fenced: told.reduce((sum, { fenced }) => sum + fenced, 0),
    takenBack: told.reduce((sum, { takenBack }) => sum + takenBack, 0),
  }
}
