// `flowkeepctl`: Flowkeep seen from the host, where the images are built and the containers run.
// Each command loads only what it needs.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command, CommanderError, Option } from 'commander'
import { type CatalogueEntry, catalogue, FlowkeepError } from '../supervisor/core/errors.ts'
import { cacheDirectory } from './host/cache-directory.ts'
import { createTerminal } from './host/terminal.ts'
import { type Severity, severities } from './scan/finding.ts'

/** The root directory of the checkout, without a slash at its end. */
const root = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '')

interface ScanFlags {
  readonly image?: string[]
  readonly severity: Severity
  readonly accept: string[]
  readonly sarif?: string
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
      '\nExit codes: 0 all is well, 1 it is not, 64 wrong command line, 69 no Docker engine answers, 70 internal error.',
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

  for (const command of program.commands) {
    command.showHelpAfterError(`(flowkeepctl ${command.name()} --help lists the options)`)
  }
  return program
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

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  process.stderr.write(
    `flowkeepctl: internal error: ${error instanceof Error ? error.stack : String(error)}\n`,
  )
  process.exitCode = catalogue.internal.exitCode
}
