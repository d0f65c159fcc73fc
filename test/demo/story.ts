// What happens in the demo, in order. Each step waits for what the supervisor says (log, /health, /metrics), and fails
// when that does not come.

import { setTimeout as delay } from 'node:timers/promises'
import type { LogRecord } from '../harness/log-records.ts'
import type { PostgresServer } from '../harness/postgres.ts'
import { type Audit, audit } from './audit.ts'
import type { Board } from './board.ts'
import type { DataFile } from './data-file.ts'
import { formatBytes, formatCount, formatMs } from './format.ts'
import type { Supervisor } from './supervisor.ts'
import type { Look, Watch } from './watch.ts'
import type { WorkDirectory } from './work-directory.ts'

export interface Stage {
  readonly board: Board
  readonly work: WorkDirectory
  readonly database: PostgresServer
  readonly supervisor: Supervisor
  readonly watch: Watch
  /** All files; the last one arrives late. */
  readonly files: readonly DataFile[]
  readonly abort: AbortSignal
  readonly figures: Figures
}

/** What was measured on the way; a story that ends early leaves the rest out. */
export interface Figures {
  gateWaitMs?: number
  readyToFlowMs?: number
  /** Rows stored when the flow was killed. */
  killedAfter?: number
  killedToRunningMs?: number
  orphansReaped?: number
  flowStarts?: number
  zombiesLeft?: number
  memoryPeakBytes?: number
  rowsPerSecond?: number
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
  { title: 'kill -9 in the middle of the work', tell: crash },
  { title: 'the flow is restarted and goes on', tell: restart },
  { title: 'a late file arrives (SIGHUP), everything is stored', tell: lateFile },
  { title: 'graceful stop (SIGTERM)', tell: stop },
  { title: 'every line of every file is looked for in the database', tell: account },
]

const orphansLeft = 1000
/** Share of the files that are there from the beginning after which the flow is killed. */
const killAtShare = 0.4
const patienceMs = 60_000

async function gateWaits({ supervisor, watch, abort }: Stage): Promise<string> {
  const [{ reason, dependency }] = await Promise.all([
    within(
      'the log to say gate.waiting for a refused connection',
      supervisor.record(({ event, reason }) => event === 'gate.waiting' && reason === 'refused'),
      abort,
    ),
    lookWithin(
      '/health to answer 503 gating',
      watch,
      abort,
      ({ health }) => health.status === 503 && health.body.state === 'gating',
    ),
  ])
  return `${dependency} ${reason}, /health 503 gating`
}

async function gateOpens({ supervisor, database, figures, abort }: Stage): Promise<string> {
  await within('PostgreSQL to start', database.start(), abort)
  const readyAtMs = Date.now()
  const open = await within('the log to say gate.open', supervisor.record('gate.open'), abort)
  const started = await within('the log to say flow.started', supervisor.record('flow.started'), abort)
  figures.gateWaitMs = Number(open['waitedMs'])
  figures.readyToFlowMs = Math.max(0, timeOf(started) - readyAtMs)
  return `${formatMs(figures.readyToFlowMs)} after the database was ready`
}

async function rowsFlow({ supervisor, watch, abort }: Stage): Promise<string> {
  const [, look] = await Promise.all([
    within(
      'the first rows to be stored',
      supervisor.record(({ done }) => Number(done) > 0),
      abort,
    ),
    lookWithin('/health to answer 200 healthy', watch, abort, isHealthy),
  ])
  return `/health ${look.health.status} ${look.health.body.status}, /metrics has ${look.metrics.size} samples`
}

async function orphanStorm({ supervisor, watch, abort }: Stage): Promise<string> {
  supervisor.signal('SIGUSR2')
  await within(
    'the flow to leave its orphans',
    supervisor.record(({ orphans }) => orphans === orphansLeft),
    abort,
  )
  const reaped = ({ metrics }: Look) => metrics.get('flowkeep_orphans_reaped_total') ?? 0
  const look = await lookWithin(
    `flowkeep_orphans_reaped_total to reach ${orphansLeft}`,
    watch,
    abort,
    (look) => reaped(look) >= orphansLeft,
  )
  const zombies = supervisor.zombies()
  if (zombies > 0) throw new Error(`${zombies} zombies are left`)
  if (reaped(look) > orphansLeft) throw new Error(`${reaped(look)} were reaped, more than there were`)
  return `${formatCount(reaped(look))} reaped, no zombie left`
}

async function crash({ supervisor, files, figures, board, abort }: Stage): Promise<string> {
  const atOnce = files.slice(0, -1).reduce((sum, { rows }) => sum + rows, 0)
  await within(
    'the work to be in its middle',
    supervisor.record(({ done }) => Number(done) >= atOnce * killAtShare),
    abort,
  )
  const started = await supervisor.record('flow.started')
  const flowPid = supervisor.flowPid(Number(started['pid']))
  process.kill(flowPid, 'SIGKILL')
  const exited = await within('the log to say flow.exited', supervisor.record('flow.exited'), abort)
  if (exited['signal'] !== 'SIGKILL')
    throw new Error(`the log gives ${exited['signal']} as the flow's signal`)
  figures.killedAfter = board.rowsDone
  return `after ${formatCount(figures.killedAfter)} rows, seen as ${exited['reason']} by ${exited['signal']}`
}

async function restart({ supervisor, watch, figures, board, abort }: Stage): Promise<string> {
  const exited = await supervisor.record('flow.exited')
  const [restarting, started, goingOn] = await within(
    'the flow to be started again',
    Promise.all([
      supervisor.record('flow.restarting'),
      supervisor.record(({ event, generation }) => event === 'flow.started' && generation === 2),
      supervisor.record(({ goingOnAfter }) => Number(goingOnAfter) > 0),
    ]),
    abort,
  )
  await lookWithin('/health to answer 200 again', watch, abort, isHealthy)
  const running = await supervisor.record(
    (record) =>
      record.event === 'state.changed' && record['to'] === 'running' && timeOf(record) >= timeOf(started),
  )
  figures.killedToRunningMs = timeOf(running) - timeOf(exited)
  const stored = Number(goingOn['goingOnAfter'])
  if (stored >= board.rowsTotal) throw new Error('there was nothing left to go on with')
  return `after ${restarting['delayMs']} ms of backoff, from row ${formatCount(stored + 1)} on`
}

async function lateFile({ supervisor, work, files, figures, board, abort }: Stage): Promise<string> {
  const late = files.at(-1)
  if (!late) throw new Error('there are no files')
  work.deliver(late)
  supervisor.signal('SIGHUP')
  const finished = await within(
    'the flow to have stored all files',
    supervisor.record(({ storedFiles }) => storedFiles === files.length),
    abort,
  )
  const started = await supervisor.record('flow.started')
  const seconds = (timeOf(finished) - timeOf(started)) / 1000
  figures.rowsPerSecond = Math.round(board.rowsDone / seconds)
  return `${late.name}; ${formatCount(board.rowsDone)} rows in ${formatMs(seconds * 1000)}`
}

async function stop({ supervisor, watch, work, figures, abort }: Stage): Promise<string> {
  const { metrics } = await lookWithin('/metrics to answer', watch, abort, () => true)
  figures.orphansReaped = metrics.get('flowkeep_orphans_reaped_total') ?? Number.NaN
  figures.flowStarts = metrics.get('flowkeep_flow_starts_total') ?? Number.NaN
  figures.unexpectedEvents = metrics.get('flowkeep_unexpected_events_total') ?? Number.NaN
  figures.logLinesDropped = metrics.get('flowkeep_log_lines_dropped_total') ?? Number.NaN
  figures.memoryPeakBytes = supervisor.memoryPeakBytes()
  figures.zombiesLeft = supervisor.zombies()
  watch.over()
  const askedAtMs = performance.now()
  supervisor.signal('SIGTERM')
  const { code, signal } = await within('the supervisor to end', supervisor.exited, abort)
  figures.stopMs = performance.now() - askedAtMs
  figures.processesLeft = work.processes().length
  const last = supervisor.records.all.at(-1)
  if (last?.event !== 'exit') throw new Error('the last line of the log is not the exit line')
  if (code !== 0) throw new Error(`the exit code is ${code ?? signal}`)
  if (last['reason'] !== 'stopped' || last['code'] !== 0) {
    throw new Error(`the exit line says ${last['reason']} with ${last['code']}`)
  }
  return `exit code 0, reason ${last['reason']}, peak memory ${formatBytes(figures.memoryPeakBytes)}`
}

async function account({ database, files, figures }: Stage): Promise<string> {
  figures.audit = await audit(database.url(), files)
  const { lost, duplicated } = figures.audit
  return `${lost} lost, ${duplicated} duplicated`
}

function isHealthy({ health: { status, body } }: Look): boolean {
  return status === 200 && body.state === 'running' && body.status === 'healthy'
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
