// `npm run demo`: Flowkeep's main job on this machine, with no Docker. What happens is in story.ts.

import { readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { createPostgres, type PostgresServer } from '../harness/postgres.ts'
import { unusedPort } from '../harness/servers.ts'
import { awkwardFiles } from './awkward-files.ts'
import { Board, type Step } from './board.ts'
import { recordCount } from './data-file.ts'
import { formatCount } from './format.ts'
import { findNamespace } from './namespace.ts'
import { type Options, parseOptions } from './options.ts'
import { realFiles } from './real-files.ts'
import { renderReport, whatIsMissing } from './report.ts'
import { allOf, type Deliveries, type Figures, type Stage, storySteps } from './story.ts'
import { buildSupervisor, migrate, type Supervisor, startSupervisor } from './supervisor.ts'
import { openView } from './view.ts'
import { type Watch, watchHttp } from './watch.ts'
import { openWire, type Wire } from './wire.ts'
import { createWorkDirectory, type WorkDirectory } from './work-directory.ts'

const preparing = "a PostgreSQL is prepared with Flowkeep's schema, and not started"
const batchRowsMax = 500
/** Small runs have small records, so that there is a middle to be killed in. */
const batches = 100
const logLinesShown = 15

/** A signal asked for the end. */
class Interrupted extends Error {
  readonly signal: NodeJS.Signals

  constructor(signal: NodeJS.Signals) {
    super(`interrupted by ${signal}`)
    this.signal = signal
  }
}

/** What is to be ended and removed, in the order of its making. */
interface Built {
  readonly work: WorkDirectory
  database?: PostgresServer
  wire?: Wire
  supervisor?: Supervisor
  watch?: Watch
}

async function runDemo(options: Options): Promise<number> {
  const abort = abortOnSignals()
  const files = deliveriesFor(options)
  const board = new Board([preparing, ...storySteps.map(({ title }) => title)], recordCount(allOf(files)))
  const built: Built = { work: createWorkDirectory() }
  const figures: Figures = {}
  const view = openView(board, process.stdout, process.env)
  let missing: readonly string[] = []
  try {
    const error = await tellAll({ options, board, built, files, figures, abort }).catch(
      (error: Error) => error,
    )
    view.close()
    if (!abort.aborted) missing = report({ board, built, files, figures, error })
  } finally {
    view.close()
    await tearDown(built, !abort.aborted && (options.keep || missing.length > 0))
  }
  if (abort.reason instanceof Interrupted) {
    process.stderr.write(`${abort.reason.message}: everything is stopped and removed\n`)
    return 128 + constants.signals[abort.reason.signal]
  }
  return missing.length === 0 ? 0 : 1
}

interface Telling {
  readonly options: Options
  readonly board: Board
  readonly built: Built
  readonly files: Deliveries
  readonly figures: Figures
  readonly abort: AbortSignal
}

/** Resolves at the end of the story, or rejects at the step that failed. */
async function tellAll(telling: Telling): Promise<undefined> {
  const { board } = telling
  const [first, ...rest] = board.steps
  let stage: Stage | undefined
  await take(board, first, async () => {
    stage = await prepare(telling)
    return `${allOf(telling.files).length} files, ${formatCount(board.rowsTotal)} rows`
  })
  for (const [index, step] of rest.entries()) {
    await take(board, step, async () => {
      if (!stage) throw new Error('nothing is prepared')
      return (await storySteps[index]?.tell(stage)) ?? ''
    })
  }
}

async function take(board: Board, step: Step | undefined, tell: () => Promise<string>): Promise<void> {
  if (!step) throw new Error('there is no such step')
  const startedMs = performance.now()
  step.state = 'running'
  board.changed()
  try {
    step.detail = await tell()
    step.state = 'done'
  } catch (error) {
    step.detail = (error as Error).message
    step.state = 'failed'
    throw error
  } finally {
    step.durationMs = performance.now() - startedMs
    board.changed()
  }
}

async function prepare({ options, board, built, files, figures, abort }: Telling): Promise<Stage> {
  const { work } = built
  const namespace = findNamespace(options.namespace)
  board.headline = `Flowkeep supervises a flow ${namespace.description}.`
  board.changed()
  for (const file of files.atOnce) work.deliver(file)
  const [postgres, program, port] = await Promise.allSettled([
    createPostgres().then((server) => (built.database = server)),
    buildSupervisor(work),
    unusedPort(),
  ])
  abort.throwIfAborted()
  const database = fulfilled(postgres)
  const wire = await openWire(database.port)
  built.wire = wire
  const settings = {
    work,
    program: fulfilled(program),
    launcher: namespace.launcher,
    databaseUrl: wire.through(database.url()),
    port: fulfilled(port),
    batchRows: Math.min(batchRowsMax, Math.ceil(board.rowsTotal / batches)),
  }
  await database.start()
  await migrate({ ...settings, databaseUrl: database.url() })
  await database.halt('fast')
  const supervisor = startSupervisor(settings)
  built.supervisor = supervisor
  const watch = watchHttp(fulfilled(port), abort)
  built.watch = watch
  board.live = { records: supervisor.records, watch }
  return { board, work, database, wire, supervisor, watch, files, abort, figures }
}

function fulfilled<T>(settled: PromiseSettledResult<T>): T {
  if (settled.status === 'rejected') throw settled.reason
  return settled.value
}

/** The two largest of the real files come later. */
function deliveriesFor({ rows }: Options): Deliveries {
  const real = realFiles(rows)
  const largest = real.pop()
  const late = real.pop()
  if (!largest || !late) throw new Error('there are fewer than two files')
  return { atOnce: [...real, ...awkwardFiles], largest, late }
}

interface Ended {
  readonly board: Board
  readonly built: Built
  readonly files: Deliveries
  readonly figures: Figures
  readonly error: Error | undefined
}

/** @returns what is missing */
function report({ board, built, files, figures, error }: Ended): readonly string[] {
  const { work, database, supervisor, watch } = built
  if (!database || !supervisor || !watch) {
    process.stdout.write(`FAILED: the demo could not begin: ${error?.message}\n`)
    return ['the demo could not begin']
  }
  const findings = {
    ...{ files: allOf(files), steps: board.steps, figures, records: supervisor.records, watch },
    secret: database.password,
  }
  const missing = whatIsMissing(findings)
  process.stdout.write(renderReport(findings, missing))
  if (missing.length > 0) process.stdout.write(evidence(work, supervisor))
  return missing
}

function evidence(work: WorkDirectory, supervisor: Supervisor): string {
  const lines = readFileSync(work.supervisorLog, 'utf8').trimEnd().split('\n')
  return [
    `The supervisor's log is ${work.supervisorLog}; it ends with`,
    ...lines.slice(-logLinesShown).map((line) => `  ${line}`),
    ...(supervisor.stderr ? ['It said on its standard error', `  ${supervisor.stderr.trim()}`] : []),
    '',
  ].join('\n')
}

async function tearDown({ work, database, wire, supervisor, watch }: Built, isKept: boolean): Promise<void> {
  watch?.over()
  await supervisor?.kill()
  await wire?.close()
  await database?.stop('immediate')
  await work.close(isKept)
  if (isKept) process.stdout.write(`The files are left in ${work.path}\n`)
}

function abortOnSignals(): AbortSignal {
  const controller = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => controller.abort(new Interrupted(signal)))
  }
  return controller.signal
}

const parsed = parseOptions(process.argv.slice(2))
if (parsed.ok) process.exitCode = await runDemo(parsed.options)
else {
  process[parsed.exitCode === 0 ? 'stdout' : 'stderr'].write(parsed.text)
  process.exitCode = parsed.exitCode
}
