// What happens in the demo, in order. Each step waits for what the supervisor says (log, /health, /metrics), and fails
// when that does not come.

import { setTimeout as delay } from 'node:timers/promises'
import type { LogRecord } from '../harness/log-records.ts'
import type { PostgresServer } from '../harness/postgres.ts'
import { type Audit, audit } from './audit.ts'
import type { Board } from './board.ts'
import type { DataFile } from './data-file.ts'
import { formatCount, formatMs } from './format.ts'
import type { Supervisor } from './supervisor.ts'
import type { Look, Watch } from './watch.ts'
import type { Wire } from './wire.ts'
import type { WorkDirectory } from './work-directory.ts'

export interface Stage {
  readonly board: Board
  readonly work: WorkDirectory
  readonly database: PostgresServer
  /** Between the supervisor and the database. */
  readonly wire: Wire
  readonly supervisor: Supervisor
  readonly watch: Watch
  readonly files: Deliveries
  readonly abort: AbortSignal
  readonly figures: Figures
}

/** The files in the order in which they arrive. */
export interface Deliveries {
  readonly atOnce: readonly DataFile[]
  /** While the flow works on it, it is killed. */
  readonly largest: DataFile
  /** Comes while the database is cut off. */
  readonly late: DataFile
}

export function allOf({ atOnce, largest, late }: Deliveries): DataFile[] {
  return [...atOnce, largest, late]
}

/** What was measured on the way; a story that ends early leaves the rest out. */
export interface Figures {
  gateWaitMs?: number
  readyToFlowMs?: number
  killedToRunningMs?: number
  orphansReaped?: number
  flowStarts?: number
  zombiesLeft?: number
  memoryPeakBytes?: number
  rowsPerSecond?: number
  /** Operations in the local queue while the database was away, at most. */
  queuedMost?: number
  /** Rows handed over while the database was away. */
  rowsWhileAway?: number
  /** From the moment the database was back until the queue was empty. */
  drainMs?: number
  unexpectedEvents?: number
  logLinesDropped?: number
  stopMs?: number
  processesLeft?: number
  audit?: Audit
}

export const storySteps: readonly {
  readonly title: string
  readonly tell: (stage: Stage) => Promise<string>
}[] = [
  { title: 'the gate waits for a database that is not there', tell: gateWaits },
  { title: 'PostgreSQL starts, and so does the flow', tell: gateOpens },
  { title: 'rows flow, the container is healthy', tell: rowsFlow },
  { title: 'the flow leaves 1,000 orphans behind', tell: orphanStorm },
  { title: 'kill -9 in the middle of the largest file', tell: crash },
  { title: 'the flow is restarted and goes on', tell: restart },
  { title: 'the database is cut off, the flow works on with what it holds', tell: cutOff },
  { title: 'its completions are queued, a late file has to wait', tell: lateFile },
  { title: 'the database is back, the queue drains', tell: drain },
  { title: 'all files are worked through', tell: finish },
  { title: 'graceful stop (SIGTERM)', tell: stop },
  { title: 'every line of every file is looked for in the database', tell: account },
]

const orphansLeft = 1000
const patienceMs = 60_000
/** When the database is cut off; so that there is something to queue. */
const piecesHeldMin = 5

async function gateWaits(stage: Stage): Promise<string> {
  const { supervisor } = stage
  const [{ reason, dependency }] = await Promise.all([
    within(
      'the log to say gate.waiting for a refused connection',
      supervisor.record(({ event, reason }) => event === 'gate.waiting' && reason === 'refused'),
      stage,
    ),
    lookWithin('/health to answer 503 gating', stage, ({ health }) => {
      return health.status === 503 && health.body.state === 'gating'
    }),
  ])
  return `${dependency} ${reason}, /health 503 gating`
}

async function gateOpens(stage: Stage): Promise<string> {
  const { supervisor, database, wire, figures } = stage
  await within('PostgreSQL to start', database.start(), stage)
  await wire.mend()
  const readyAtMs = Date.now()
  const open = await within('the log to say gate.open', supervisor.record('gate.open'), stage)
  const started = await within('the log to say flow.started', supervisor.record('flow.started'), stage)
  figures.gateWaitMs = Number(open['waitedMs'])
  figures.readyToFlowMs = Math.max(0, timeOf(started) - readyAtMs)
  return `${formatMs(figures.readyToFlowMs)} after the database was ready`
}

async function rowsFlow(stage: Stage): Promise<string> {
  const hasRows = ({ done }: LogRecord) => Number(done) > 0
  const [, look] = await Promise.all([
    within('the first rows to be stored', stage.supervisor.record(hasRows), stage),
    lookWithin('/health to answer 200 healthy', stage, isHealthy),
  ])
  return `/health ${look.health.status} ${look.health.body.status}, /metrics has ${look.metrics.size} samples`
}

async function orphanStorm(stage: Stage): Promise<string> {
  const { supervisor } = stage
  supervisor.signal('SIGUSR2')
  const areLeft = ({ orphans }: LogRecord) => orphans === orphansLeft
  await within('the flow to leave its orphans', supervisor.record(areLeft), stage)
  const reapedBy = ({ metrics }: Look) => metrics.get('flowkeep_orphans_reaped_total') ?? 0
  const reaped = reapedBy(
    await lookWithin(`flowkeep_orphans_reaped_total to reach ${orphansLeft}`, stage, (look) => {
      return reapedBy(look) >= orphansLeft
    }),
  )
  const zombies = supervisor.zombies()
  if (zombies > 0) throw new Error(`${zombies} zombies are left`)
  if (reaped > orphansLeft) throw new Error(`${reaped} were reaped, more than there were`)
  return `${formatCount(reaped)} reaped, no zombie left`
}

async function crash(stage: Stage): Promise<string> {
  const { supervisor, work, files, board } = stage
  // Everything before is stored, so that the next rows are those of the largest file.
  const beforeIt = await within(
    'the files before it to be worked through',
    throughWith(stage, files.atOnce.length),
    stage,
  )
  work.deliver(files.largest)
  supervisor.signal('SIGHUP')
  const isInIt = ({ done, file }: LogRecord) =>
    file === files.largest.name && Number(done) > Number(beforeIt['done'])
  await within('the flow to be in the middle of it', supervisor.record(isInIt), stage)

  const { pid } = await supervisor.record('flow.started')
  process.kill(supervisor.flowPid(Number(pid)), 'SIGKILL')
  const { signal, reason } = await within(
    'the log to say flow.exited',
    supervisor.record('flow.exited'),
    stage,
  )
  if (signal !== 'SIGKILL') throw new Error(`the log gives ${signal} as the flow's signal`)
  return `${reason} by ${signal} after ${formatCount(board.rowsDone)} rows`
}

async function restart(stage: Stage): Promise<string> {
  const { supervisor, figures, board } = stage
  const isSecond = ({ event, generation }: LogRecord) => event === 'flow.started' && generation === 2
  const goesOn = ({ goingOnAfter }: LogRecord) => Number(goingOnAfter) > 0
  const exited = await supervisor.record('flow.exited')
  const restarting = await within('flow.restarting', supervisor.record('flow.restarting'), stage)
  const started = await within('the second flow.started', supervisor.record(isSecond), stage)
  const goingOn = await within('the flow to go on', supervisor.record(goesOn), stage)
  const running = await within(
    'the flow to run',
    supervisor.record((record) => record['to'] === 'running' && timeOf(record) >= timeOf(started)),
    stage,
  )
  await lookWithin('/health to answer 200 again', stage, isHealthy)
  figures.killedToRunningMs = timeOf(running) - timeOf(exited)
  const stored = Number(goingOn['goingOnAfter'])
  if (stored >= board.rowsTotal) throw new Error('there was nothing left to go on with')
  return `after ${restarting['delayMs']} ms of backoff, from row ${formatCount(stored + 1)} on`
}

async function cutOff(stage: Stage): Promise<string> {
  const { supervisor, wire } = stage
  const started = await supervisor.record(
    ({ event, generation }) => event === 'flow.started' && generation === 2,
  )
  const isClaim = (record: LogRecord) =>
    Number(record['claimed']) >= piecesHeldMin && timeOf(record) >= timeOf(started)
  const { claimed } = await within('the flow to claim pieces of a file', supervisor.record(isClaim), stage)
  await wire.cut()
  await within(
    'the flow to say that the database is away',
    supervisor.record(({ message }) => message === 'the database is away'),
    stage,
  )
  return `it held ${claimed} pieces of a file`
}

async function lateFile(stage: Stage): Promise<string> {
  const { supervisor, work, files, figures } = stage
  work.deliver(files.late)
  supervisor.signal('SIGHUP')
  const look = await lookWithin(
    '/health to say degraded and the metrics to show the queue',
    stage,
    (look) => queued(look) > 0 && look.health.status === 200 && look.health.body.status === 'degraded',
  )
  const away = supervisor.records.all.filter(({ state }) => state === 'queued')
  figures.rowsWhileAway = away.reduce((sum, { rows }) => sum + Number(rows), 0)
  figures.queuedMost = queued(look)
  return `${formatCount(figures.queuedMost)} operations with ${formatCount(figures.rowsWhileAway)} rows wait on disk, /health 200 degraded`
}

async function drain(stage: Stage): Promise<string> {
  const { wire, figures } = stage
  const mendedAtMs = performance.now()
  await wire.mend()
  await lookWithin('the queue to be empty', stage, (look) => queued(look) === 0)
  figures.drainMs = performance.now() - mendedAtMs
  return `empty ${formatMs(figures.drainMs)} after the database was back, the breaker's pause included`
}

async function finish(stage: Stage): Promise<string> {
  const { supervisor, files, figures, board } = stage
  await within('the flow to be through with all files', throughWith(stage, allOf(files).length), stage)
  await lookWithin('/health to answer 200 healthy', stage, isHealthy)
  figures.rowsPerSecond = rowsPerSecond(supervisor.records.all)
  return `${formatCount(board.rowsDone)} rows of ${allOf(files).length} files`
}

async function stop(stage: Stage): Promise<string> {
  const { supervisor, watch, work, figures } = stage
  const { metrics } = await lookWithin('/metrics to answer', stage, () => true)
  figures.orphansReaped = metrics.get('flowkeep_orphans_reaped_total') ?? Number.NaN
  figures.flowStarts = metrics.get('flowkeep_flow_starts_total') ?? Number.NaN
  figures.unexpectedEvents = metrics.get('flowkeep_unexpected_events_total') ?? Number.NaN
  figures.logLinesDropped = metrics.get('flowkeep_log_lines_dropped_total') ?? Number.NaN
  figures.memoryPeakBytes = supervisor.memoryPeakBytes()
  figures.zombiesLeft = supervisor.zombies()
  watch.over()
  const askedAtMs = performance.now()
  supervisor.signal('SIGTERM')
  const ending = await within('the supervisor to end', supervisor.exited, stage)
  figures.stopMs = performance.now() - askedAtMs
  figures.processesLeft = work.processes().length

  const last = supervisor.records.all.at(-1)
  if (last?.event !== 'exit') throw new Error('the last line of the log is not the exit line')
  const { reason, code } = last
  if (reason !== 'stopped' || code !== 0) throw new Error(`the exit line says ${reason} with ${code}`)
  if (ending.code !== 0) throw new Error(`the exit code is ${ending.code ?? ending.signal}`)
  return `exit code 0, reason ${reason}, after ${formatMs(figures.stopMs)}`
}

async function account({ database, files, figures }: Stage): Promise<string> {
  figures.audit = await audit(database.url(), allOf(files))
  const { lost, duplicated } = figures.audit
  return `${lost} lost, ${duplicated} duplicated`
}

function isHealthy({ health: { status, body } }: Look): boolean {
  return status === 200 && body.state === 'running' && body.status === 'healthy'
}

/** The flow has put so many files into its queue, and found nothing left in it. */
function throughWith({ supervisor }: Stage, count: number): Promise<LogRecord> {
  return supervisor.record(({ filesDone }) => filesDone === count)
}

function queued({ metrics }: Look): number {
  return metrics.get('flowkeep_operations_queued{target="rpa_db"}') ?? 0
}

/** While it had something to do. */
function rowsPerSecond(records: readonly LogRecord[]): number {
  const batches = records.filter(({ tookMs }) => typeof tookMs === 'number')
  const sum = (name: string) => batches.reduce((total, batch) => total + Number(batch[name]), 0)
  return Math.round((sum('rows') * 1000) / sum('tookMs'))
}

function timeOf(record: LogRecord): number {
  return Date.parse(String(record['time']))
}

function lookWithin(what: string, stage: Stage, fits: (look: Look) => boolean): Promise<Look> {
  return within(what, stage.watch.until(fits), stage)
}

/** Rejects when it takes too long, when the supervisor ends first, or with the reason of the abort. */
async function within<T>(what: string, promise: Promise<T>, { supervisor, abort }: Stage): Promise<T> {
  const over = new AbortController()
  const signal = AbortSignal.any([abort, over.signal])
  const patience = delay(patienceMs, undefined, { signal }).then(() => {
    throw new Error(`${formatMs(patienceMs)} have passed`)
  })
  const end = supervisor.exited.then(() => {
    throw new Error('the supervisor has ended')
  })
  // Those that lose the race have nobody to tell.
  for (const racer of [promise, patience, end]) racer.catch(() => {})
  try {
    return await Promise.race([promise, patience, end])
  } catch (error) {
    if (abort.aborted) throw abort.reason
    throw new Error(`waited in vain for ${what}: ${(error as Error).message}`, { cause: error })
  } finally {
    over.abort()
  }
}
