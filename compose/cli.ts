// `flowkeepctl`: Flowkeep seen from the host, where the images are built and the containers run.
// Each command loads only what it needs.

import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { type CatalogueEntry, catalogue, FlowkeepError } from '../supervisor/core/errors.ts'
import { cacheDirectory } from './host/cache-directory.ts'
import { runHere } from './host/run.ts'
import { createTerminal } from './host/terminal.ts'
import { levels } from './operate/levels.ts'
import type { Project } from './operate/project.ts'
import { type Severity, severities } from './scan/finding.ts'

/** The root directory of the checkout, without a slash at its end. */
const root = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '')

interface StackFlags {
  readonly file?: string[]
  readonly projectName?: string
}

interface LogsFlags {
  readonly follow?: true
  readonly tail: string
  readonly since?: string
  readonly level?: string
  readonly raw?: true
}

interface InsideFlags {
  readonly index?: number
  readonly user?: string
}

interface ScanFlags {
  readonly image?: string[]
  readonly severity: Severity
  readonly accept: string[]
  readonly sarif?: string
  readonly json?: true
}

interface SecurityFlags {
  readonly image?: string[]
  readonly compose?: string[]
  readonly container?: string[]
  readonly failOn: Severity
  readonly accept: string[]
  readonly sarif?: string
  readonly verbose?: true
  readonly json?: true
}

interface BuildFlags {
  readonly dryRun?: true
  readonly cache: boolean
  readonly pull?: true
  readonly push?: true
  readonly report?: true
  readonly json?: true
}

function createProgram(done: (code: number) => void): Command {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
  const program = new Command('flowkeepctl')
    .description('Flowkeep from the host: its images and its containers.')
    .version(version)
    .exitOverride()
    .showHelpAfterError('(flowkeepctl --help lists the commands)')
    .addHelpText(
      'after',
      '\nExit codes: 0 all is well, 1 it is not, 64 wrong command line, 69 no Docker engine answers, 70 internal error, 73 a port is in use, 78 the stack is set up wrongly.',
    )

  program
    .command('build')
    .description('build the images whose inputs have changed, and say why')
    .argument('[target...]', 'targets of images/docker-bake.hcl (default: its group "default")')
    .option('--dry-run', 'say what would be built and why; exit code 1 if something would')
    .option('--no-cache', 'carry out every step anew, so that packages are fetched as they are today')
    .option('--pull', 'ask the registry for newer upstream images')
    .option('--push', 'push the images to REGISTRY')
    .option('--report', 'build nothing; show past builds, their trend, and what would make them quicker')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nREGISTRY, TAG, REVISION and CREATED of the environment go into names and labels, as images/README.md says.',
    )
    .action(async (targets: string[], options: BuildFlags) => {
      const { dryRun = false, cache, pull = false, push = false, json = false } = options
      const directory = cacheDirectory(root)
      if (options.report) {
        const { runReport } = await import('./build/report-command.ts')
        done(runReport(directory, Date.now(), createTerminal(json)))
        return
      }
      const { runBuild } = await import('./build/build-command.ts')
      const place = { root, cacheDirectory: directory, now: () => new Date().toISOString() }
      done(await runBuild(place, { targets, dryRun, cache, pull, push }, createTerminal(json)))
    })

  program
    .command('scan')
    .description('look for weaknesses in the images, their Dockerfiles and packages')
    .argument('[target...]', 'targets of images/docker-bake.hcl (default: its group "default")')
    .option('--image <name...>', 'images that no target makes, such as postgres:17')
    .addOption(
      new Option('--severity <severity>', 'exit with 1 when something of this severity or worse is found')
        .choices(severities)
        .default('high'),
    )
    .option('--accept <rule...>', 'rules whose findings are known: shown, but not counted', [])
    .option('--sarif <file>', 'write SARIF 2.1.0')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nCalls trivy, grype, dockle and hadolint where they are installed. What cannot be looked at is shown as skipped, with the reason.',
    )
    .action(async (targets: string[], options: ScanFlags) => {
      const { runScan } = await import('./scan/scan-command.ts')
      const place = { root, version, now: () => new Date().toISOString() }
      const { image: images = [], severity, accept: accepted, sarif, json = false } = options
      done(await runScan(place, { targets, images, severity, accepted, sarif }, createTerminal(json)))
    })

  program
    .command('security')
    .description('how closed images, services and containers are, by what only the host can see')
    .option('--image <name...>', 'images of this engine')
    .option('--compose <file...>', 'Compose files, later ones on top of earlier ones')
    .option('--container <name...>', 'containers of this engine')
    .addOption(
      new Option('--fail-on <severity>', 'exit with 1 when something of this severity or worse fails')
        .choices(severities)
        .default('high'),
    )
    .option('--accept <id...>', 'ID or ID=SERVICE: what is known, shown and not counted', [])
    .option('--sarif <file>', 'write SARIF 2.1.0')
    .option('--verbose', 'show also what passed and what does not apply')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nWithout names: the images of the project, compose/compose.yaml, and the containers of it that run. The rules are those of the CIS Docker Benchmark 1.6 and of the profile "restricted" of the Kubernetes Pod Security Standards. A label org.flowkeep.security.accept.ID: REASON of a service accepts a finding for good.',
    )
    .action(async (options: SecurityFlags) => {
      const { runSecurity } = await import('./security/security-command.ts')
      const stack = projectOf({})
      const place = { root, version, stack, now: () => new Date().toISOString() }
      const {
        image: images = [],
        compose,
        container: containers = [],
        failOn,
        accept,
        sarif,
        verbose = false,
      } = options
      const { json = false } = options
      const project = compose && { files: compose.map((file) => resolve(file)), name: undefined }
      const wanted = { images, compose: project, containers, failOn, accepted: accept, sarif, verbose }
      done(await runSecurity(place, wanted, createTerminal(json)))
    })

  onStack('status')
    .description('show every container of the stack, and what the supervisors in them say')
    .option('--watch', 'show it anew every two seconds, until Ctrl-C')
    .option('--json', 'print JSON')
    .action(
      async ({ watch = false, json = false, ...stack }: StackFlags & { watch?: boolean; json?: boolean }) => {
        const { runStatus } = await import('./operate/status-command.ts')
        done(await runStatus(projectOf(stack), watch, createTerminal(json)))
      },
    )

  onStack('logs')
    .description("show the stack's logs, JSON lines as a person reads them")
    .argument('[service...]', 'as in flow1 (default: all)')
    .option('-f, --follow', 'go on as they are written, until Ctrl-C')
    .option('-n, --tail <lines>', 'lines of each container to begin with, or "all"', '100')
    .option('--since <time>', 'as in 10m, or an ISO time')
    .addOption(new Option('--level <level>', 'least level that is shown').choices(levels))
    .option('--raw', 'the lines as they are')
    .action(async (services: string[], options: StackFlags & LogsFlags) => {
      const { runLogs } = await import('./operate/logs-command.ts')
      const { follow = false, tail, since, level, raw = false } = options
      done(
        await runLogs(
          projectOf(options),
          { services, follow, tail, since, level, raw },
          createTerminal(false),
        ),
      )
    })

  onStack('psql')
    .description("a session in the stack's database; what stands behind -- goes to psql")
    .argument('[psql-argument...]', "as in -- -c 'select 1'")
    .option('--database <name>', 'which database', 'flows')
    .option('--role <name>', 'as whom', 'postgres')
    .option('--service <service>', 'where PostgreSQL runs', 'postgres')
    .action(async (args: string[], options: StackFlags & Record<'database' | 'role' | 'service', string>) => {
      const { runPsql } = await import('./operate/inside-command.ts')
      const { database, role, service } = options
      done(await runPsql(projectOf(options), { service, database, role, args }))
    })

  onStack('shell')
    .description('a shell in a container of the stack, or the command behind --')
    .argument('<service>', 'as in flow1')
    .argument('[command...]', 'as in -- flowkeep status')
    .option('--index <number>', 'which of its replicas, from 1 on', wholeNumber)
    .option('--user <user>', "as whom, as in 0 for root (default: the container's own)")
    .action(async (service: string, command: string[], options: StackFlags & InsideFlags) => {
      const { runShell } = await import('./operate/inside-command.ts')
      const { index, user } = options
      done(await runShell(projectOf(options), { service, index, user, command }))
    })

  onStack('dev')
    .description(
      "run the stack with the flows' code from the checkout: what is saved runs within seconds, without an image build",
    )
    .option(
      '--debug <service>',
      'run it under debuggers that the loopback of this host reaches: Node.js 9229, Python 5678',
    )
    .action(async (options: StackFlags & { debug?: string }) => {
      const { runDev } = await import('./dev/dev-command.ts')
      const files =
        options.file ?? ['compose/compose.yaml', 'compose/compose.dev.yaml'].map((path) => join(root, path))
      const project = projectOf({ ...options, file: files })
      if (!options.file) {
        const { prepareStack } = await import('./stack/prepare.ts')
        const { projectName } = options
        await prepareStack({ monitoring: false, rebuild: false, ports: true, projectName })
      }
      const stop = new AbortController()
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort())
      const place = {
        root,
        project,
        cacheDirectory: cacheDirectory(root),
        now: () => new Date().toISOString(),
        ...(options.debug !== undefined && { debug: options.debug }),
      }
      done(await runDev(place, createTerminal(false), stop.signal))
    })

  program
    .command('test')
    .description('run the tests that what has changed can reach, those that failed last first')
    .option('--since <commit>', 'what counts as changed: everything since', 'HEAD')
    .addOption(
      new Option('--tier <tier...>', 'which tests')
        .choices(['unit', 'integration', 'container'])
        .default(['unit']),
    )
    .option('--list', 'name the files and run nothing')
    .action(async ({ since, tier, list }: { since: string; tier: string[]; list?: true }) => {
      const memory = join(cacheDirectory(root), 'failed-tests.json')
      const args = [
        '--since',
        since,
        ...tier.flatMap((name) => ['--tier', name]),
        ...(list ? ['--list'] : []),
      ]
      const program = [join(root, 'test/harness/bootstrap.mjs'), join(root, 'test/harness/changed.ts')]
      done(await runHere(process.execPath, [...program, ...args, '--memory', memory], { cwd: root }))
    })

  /** A command on the containers of a Compose project. */
  function onStack(name: string): Command {
    return program
      .command(name)
      .option('--file <file...>', 'Compose files (default: compose/compose.yaml)')
      .option('--project-name <name>', 'the Compose project (default: as the files name it)')
  }

  for (const command of program.commands) {
    command.showHelpAfterError(`(flowkeepctl ${command.name()} --help lists the options)`)
  }
  return program
}

function projectOf({ file = ['compose/compose.yaml'], projectName }: StackFlags): Project {
  const isDefault = file[0] === 'compose/compose.yaml'
  return { files: file.map((path) => resolve(isDefault ? root : '.', path)), name: projectName }
}

function wholeNumber(text: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new InvalidArgumentError('It has to be a whole number from 1 on.')
  return Number(text)
}

async function main(args: readonly string[]): Promise<number> {
  let code = 0
  const program = createProgram((result) => {
    code = result
  })
  try {
    await program.parseAsync(args, { from: 'user' })
    return code
  } catch (error) {
    // Help and version were asked for and are no fault; everything else has been explained on stderr.
    if (error instanceof CommanderError)
      return error.exitCode === 0 ? 0 : (catalogue.usage.exitCode as number)
    if (!(error instanceof FlowkeepError)) throw error
    return refuse(error, args.includes('--json'))
  }
}

function refuse(error: FlowkeepError, json: boolean): number {
  const { code, message, hint } = error
  process.stderr.write(
    json ? `${JSON.stringify({ error: { code, message, hint } })}\n` : `flowkeepctl: ${message}\n${hint}\n`,
  )
  return (catalogue[code] as CatalogueEntry).exitCode ?? 1
}

// A reader such as `head` may have seen enough.
process.stdout.on('error', () => process.exit(1))

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  process.stderr.write(
    `flowkeepctl: internal error: ${error instanceof Error ? error.stack : String(error)}\n`,
  )
  process.exitCode = catalogue.internal.exitCode
}
