// The composition root of every command but `run`: short-lived tools that look at the configuration or ask a running
// supervisor. Each loads only what it needs.

import { hostname } from 'node:os'
import { Command, CommanderError, Option } from 'commander'
import { type Loaded, loadConfiguration, readSmallFile } from '../config/load.ts'
import { describeProblem } from '../config/problem.ts'
import { renderReference } from '../config/reference.ts'
import type { Settings } from '../config/settings.ts'
import { systemClock } from '../core/clock.ts'
import { checkName } from '../core/dependency.ts'
import { FlowkeepError } from '../core/errors.ts'
import { exitCodes } from '../core/exit.ts'
import { createRedactor } from '../core/secret.ts'
import { paint } from '../core/text-table.ts'
import { version } from '../core/version.ts'
import { isOnVolume } from '../process/state-directory.ts'
import { renderAccepted, renderProblems } from './check-report.ts'
import { renderConfigJson, renderConfigTable } from './config-command.ts'
import { createControlClient } from './control-client.ts'
import type { Probe } from './health-command.ts'
import type { OfflineQueue } from './queue-access.ts'
import { addQueueCommands, addSubmitCommand, type QueueProgramParts } from './queue-program.ts'
import { runHelp } from './run-arguments.ts'
import { type FailLevel, failLevels, runSecurityCommand } from './security-command.ts'
import { runStatusCommand } from './status-command.ts'

type Accepted = Extract<Loaded, { ok: true }>
type Refused = Extract<Loaded, { ok: false }>

/** Colours only where a person is looking; the width of the terminal or of a page. */
const look = {
  color: Boolean(process.stdout.isTTY) && !process.env['NO_COLOR'],
  width: process.stdout.columns || 120,
}

/** Runs the command that the arguments name and answers with its exit code. */
export async function runCommand(args: readonly string[]): Promise<number> {
  let code = 0
  const program = createProgram((result) => {
    code = result
  })
  try {
    await program.parseAsync(args, { from: 'user' })
    return code
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    // Help and version were asked for and are no fault; everything else has been explained on stderr.
    return error.exitCode === 0 ? 0 : exitCodes.usage
  }
}

function createProgram(done: (code: number) => void): Command {
  const program = new Command('flowkeep')
    .description('The supervisor that runs as PID 1 in a flow container.')
    .version(version)
    .exitOverride()
    .showHelpAfterError('(flowkeep --help lists the commands)')
    .addHelpText(
      'after',
      '\nExit codes: 0 all is well, 1 it is not, 64 wrong command line, 69 something does not answer, 78 refused.',
    )

  // For its place in the help; `flowkeep run …` itself never comes here.
  program
    .command('run')
    .description('supervise a command; the entry point of an image')
    .usage('-- COMMAND [ARGUMENT…]')
    .action(() => print(runHelp))

  program
    .command('check')
    .description('validate the configuration and print the report; start nothing')
    .option('--connect', 'also ask each dependency once; exit code 69 if a required one does not answer')
    .option('--json', 'print JSON')
    .action(async (options: { connect?: boolean; json?: boolean }) => done(await check(options)))

  program
    .command('config')
    .description('print the effective settings, each with its source, secrets masked')
    .option('--json', 'print JSON')
    .addOption(
      new Option('--reference', 'print the reference of every variable as Markdown').conflicts('json'),
    )
    .action(async (options: { json?: boolean; reference?: boolean }) => done(await config(options)))

  program
    .command('health')
    .description('ask the running supervisor: exit code 0 or 1 and one line why; for HEALTHCHECK')
    .addOption(new Option('--live', 'whether the supervisor itself answers').conflicts(['ready', 'startup']))
    .addOption(new Option('--ready', 'whether the flow can take work').conflicts('startup'))
    .option('--startup', 'whether the flow has been running once')
    .option('--json', 'print JSON')
    .action(async (options: Record<string, boolean>) => {
      const { probes, runHealthCommand } = await import('./health-command.ts')
      const [probe = 'health'] = (Object.keys(probes) as Probe[]).filter((name) => options[name])
      done(
        await runHealthCommand({
          probe,
          json: options['json'] ?? false,
          environment: process.env,
          write: print,
        }),
      )
    })

  program
    .command('status')
    .description('show the running supervisor on one screen')
    .option('--json', 'print JSON')
    .action(async (options: { json?: boolean }) => {
      const parts = { ask: createControlClient(socketPath()), json: options.json ?? false, look }
      done(await runStatusCommand({ ...parts, write: print, writeError: printError }))
    })

  const queueParts: QueueProgramParts = {
    ask: () => createControlClient(socketPath()),
    openOffline,
    look,
    input: process.stdin,
    write: print,
    writeError: printError,
    done,
  }
  addQueueCommands(program, queueParts)
  addSubmitCommand(program, queueParts)
  program
    .command('security')
    .description('check how closed the container is: 38 checks, each with what to do')
    .option('--json', 'print JSON')
    .addOption(new Option('--sarif', 'print SARIF 2.1.0').conflicts('json'))
    .option('--verbose', 'show every check, those that passed as well')
    .addOption(
      new Option(
        '--fail-on <severity>',
        'exit with 1 when a check of this severity or worse fails (default: the one that CONTAINER_SECURITY_ENFORCE enforces, high where it enforces none)',
      ).choices(failLevels),
    )
    .action(async (options: SecurityOptions) => done(await security(options)))

  program
    .command('alert')
    .description('the receivers of alerts')
    .command('test')
    .description('raise and end a test alert at every receiver, and say how each answered')
    .option('--json', 'print JSON')
    .action(async (options: { json?: boolean }) => done(await testReceivers(options)))

  program
    .command('cleanup')
    .description('clean up CONTAINER_CLEANUP_PATHS now, as the schedule does; say what went')
    .option('--dry-run', 'remove nothing, say what would go')
    .option('--json', 'print JSON')
    .action(async (options: { dryRun?: boolean; json?: boolean }) => done(await cleanup(options)))

  program
    .command('performance')
    .description('what the container uses of what it may use, what holds it back, and what to change')
    .option('--json', 'print JSON')
    .action(async (options: { json?: boolean }) => {
      const { runPerformanceCommand } = await import('./performance-command.ts')
      const parts = { ask: createControlClient(socketPath()), json: options.json ?? false, look }
      done(await runPerformanceCommand({ ...parts, write: print, writeError: printError }))
    })

  program
    .command('migrate')
    .description('bring the schema flowkeep of the databases up to date; safe from many containers at once')
    .option('--database <name>', 'only this one, as in CONTAINER_DATABASE_<NAME>_URL, in lower case')
    .option('--json', 'print JSON')
    .action(async (options: { database?: string; json?: boolean }) => done(await migrateDatabases(options)))

  for (const command of program.commands) {
    command.showHelpAfterError(`(flowkeep ${command.name()} --help lists the options)`)
  }
  return program
}

async function check(options: { connect?: boolean; json?: boolean }): Promise<number> {
  const loaded = load()
  const { problems, unavailable } = loaded.ok
    ? { problems: [], unavailable: options.connect ? await askDependencies(loaded) : [] }
    : { problems: loaded.problems, unavailable: [] }
  const warnings = loaded.ok ? warningsOf(loaded) : []
  const code = loaded.ok
    ? unavailable.some(({ required }) => required)
      ? exitCodes.dependencyUnavailable
      : 0
    : exitCodes.configInvalid

  if (options.json) {
    print(JSON.stringify({ ok: code === 0, problems, unavailable, warnings }))
    return code
  }
  print(loaded.ok ? renderAccepted(loaded.entries, look) : renderProblems(problems, look))
  for (const warning of warnings) print(`\n${paint('Warning', ['bold', 'yellow'], look)}: ${warning}`)
  for (const { name, required, reason, message } of unavailable) {
    const title = paint(required ? 'Not available' : 'Not available, but optional', ['bold', 'red'], look)
    print(`\n${title}: ${name} (${reason}): ${message}`)
  }
  if (loaded.ok && options.connect && unavailable.length === 0) print('\nEvery dependency answers.')
  return code
}

interface CleanupOptions {
  readonly dryRun?: boolean
  readonly json?: boolean
}

interface Unavailable {
  readonly name: string
  readonly required: boolean
  readonly reason: string
  readonly message: string
}

async function askDependencies({ settings, secrets }: Accepted): Promise<Unavailable[]> {
  const { askOnce, createDependencies } = await import('../dependencies.ts')
  const redact = createRedactor(secrets)
  const refusals = await askOnce(createDependencies(settings))
  return refusals.map(({ dependency, reason, message }) => ({
    name: checkName(dependency),
    required: dependency.required,
    reason,
    message: redact(message),
  }))
}

function warningsOf({ settings }: Accepted): string[] {
  const { directory } = settings.state
  if (isOnVolume(directory)) return []
  return [
    `CONTAINER_STATE_DIRECTORY (${directory}) is not on a volume: what is kept there is lost with the container. Mount one.`,
  ]
}

async function testReceivers({ json = false }: { json?: boolean }): Promise<number> {
  const loaded = load()
  if (!loaded.ok) return refuse(loaded.problems, { json })
  const { settings, secrets } = loaded
  const [{ runAlertTest }, { testAlerts }] = await Promise.all([
    import('./alert-command.ts'),
    import('../alerts.ts'),
  ])
  const redact = createRedactor(secrets)
  const test = () => testAlerts(settings, { clock: systemClock, redact })
  return runAlertTest({ json, look, test, write: print })
}

async function cleanup({ dryRun = false, json = false }: CleanupOptions): Promise<number> {
  const loaded = load()
  if (!loaded.ok) return refuse(loaded.problems, { json })
  const { settings } = loaded
  const [{ runCleanupCommand }, { cleanPaths, shortagesNow }] = await Promise.all([
    import('./cleanup-command.ts'),
    import('../disk.ts'),
  ])
  return runCleanupCommand({
    ...{ dryRun, json, look, write: print, paths: settings.cleanup.paths },
    clean: async (removed) => {
      const shortages = await shortagesNow(settings, systemClock)
      return cleanPaths(settings, systemClock, { dryRun, shortages, removed })
    },
  })
}

async function migrateDatabases(options: { database?: string; json?: boolean }): Promise<number> {
  const loaded = load()
  if (!loaded.ok) return refuse(loaded.problems, options)
  const [{ runMigrateCommand }, { migrate }, { createPool }, { connectionOf }] = await Promise.all([
    import('./migrate-command.ts'),
    import('../postgres/migrate.ts'),
    import('../postgres/pool.ts'),
    import('../postgres/connection.ts'),
  ])
  const databases = Object.entries(loaded.settings.databases).map(([name, { url, connectTimeoutMs }]) => ({
    name,
    async migrate() {
      const target = () => connectionOf(name, url)
      const pool = createPool({ target, size: 1, connectTimeoutMs, clock: systemClock })
      try {
        return await migrate(pool)
      } finally {
        await pool.close()
      }
    },
  }))
  const parts = { databases, wanted: options.database, json: options.json ?? false }
  return await runMigrateCommand({ ...parts, write: print, writeError: printError })
}

function refuse(problems: Refused['problems'], options: { json?: boolean }): number {
  if (options.json) print(JSON.stringify({ problems }))
  else printError(`${renderProblems(problems, look)}\n`)
  return exitCodes.configInvalid
}

function config(options: { json?: boolean; reference?: boolean }): number {
  if (options.reference) {
    print(renderReference())
    return 0
  }
  const loaded = load()
  if (!loaded.ok) return refuse(loaded.problems, options)
  print(options.json ? renderConfigJson(loaded.entries) : renderConfigTable(loaded.entries, look))
  return 0
}

interface SecurityOptions {
  readonly json?: boolean
  readonly sarif?: boolean
  readonly verbose?: boolean
  readonly failOn?: FailLevel
}

async function security(options: SecurityOptions): Promise<number> {
  const configuration = load()
  const { examine } = await import('../security.ts')
  const { checks, network, sarif } = await examine(configuration)
  const enforce = configuration.ok ? configuration.settings.security.enforce : 'warn'
  return runSecurityCommand({
    form: options.sarif ? 'sarif' : options.json ? 'json' : 'text',
    verbose: options.verbose ?? false,
    failOn: options.failOn ?? (enforce === 'critical' ? 'critical' : 'high'),
    look,
    examined: { checks, network },
    sarif,
    write: print,
  })
}

function load(environment: NodeJS.ProcessEnv = process.env): Loaded {
  return loadConfiguration({
    environment,
    readFile: readSmallFile,
    hostname: hostname(),
    uid: process.getuid?.(),
  })
}

/** A supervisor may be running although the environment of this shell is not a whole configuration. */
function socketPath(): string {
  const loaded = load()
  if (loaded.ok) return loaded.settings.control.socket
  return process.env['CONTAINER_CONTROL_SOCKET'] || '/run/flowkeep/control.sock'
}

/** What it holds can be seen and mended also where the rest of the configuration is missing. */
async function openOffline(): Promise<OfflineQueue> {
  const [{ openOfflineQueue }, { loadNative }] = await Promise.all([
    import('../offline-queue.ts'),
    import('../process/native.ts'),
  ])
  const ofQueue = /^CONTAINER_(?:QUEUE_\w+|STATE_DIRECTORY)$/
  const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => ofQueue.test(name)))
  const loaded = load()
  return openOfflineQueue({
    clock: systemClock,
    random: Math.random,
    tryLock: loadNative().tryLock,
    settings: sound(loaded.ok ? loaded : load({ ...environment, CONTAINER_FLOW_NAME: 'flow' })),
    wholeSettings: () => sound(loaded),
  })
}

function sound(loaded: Loaded): Settings {
  if (loaded.ok) return loaded.settings
  throw new FlowkeepError('config_invalid', {
    operation: 'cannot read the configuration',
    message: loaded.problems.map(describeProblem).join('; '),
    hint: 'run `flowkeep check` for the whole report',
  })
}

function print(text: string): void {
  process.stdout.write(text.endsWith('\n') ? text : `${text}\n`)
}

function printError(text: string): void {
  process.stderr.write(text)
}
