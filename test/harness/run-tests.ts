// `npm test [-- lint|typecheck|bundle|unit|integration|container…] [-- FILE…]`: the whole run, stage by stage.
// Its last line is exactly `N passed, N failed, N skipped`; it exits 0 only if something ran and nothing failed.

import { spawnSync } from 'node:child_process'
import { messageOf } from '../../supervisor/core/errors.ts'
import { exitCodes } from '../../supervisor/core/exit.ts'
import { checkout } from './checkout.ts'
import { exitCodeOf, report } from './report.ts'
import { endAllFiles } from './run-file.ts'
import { type Selection, type StageName, select, type TierName } from './selection.ts'
import { count, type Stage } from './test-case.ts'
import { findTestFiles, type Outcome, runTier, withoutRunning } from './tiers.ts'

const dockerAnswerMs = 20_000
const toolOutputBytes = 64 * 1024 * 1024

async function main(selection: Selection): Promise<0 | 1> {
  const stages: Stage[] = []
  const run = async (name: StageName, work: () => Outcome | Promise<Outcome>) => {
    if (selection.stages.has(name)) stages.push(await timed(name, work))
  }
  await run('lint', () => runTool('lint', 'biome check', ['node_modules/.bin/biome', 'check']))
  await run('typecheck', () => runTool('typecheck', 'tsc', ['node_modules/.bin/tsc', '--noEmit']))
  await run('bundle', () => runTool('bundle', 'images/bundle.ts', [process.execPath, 'images/bundle.ts']))
  await run('unit', () => runFiles('unit', selection))
  await run('integration', () => runFiles('integration', selection))
  await run('container', () => runContainerTier(selection))
  console.log(report(stages).join('\n'))
  return exitCodeOf(stages)
}

function selectionOf(args: readonly string[]): Selection {
  try {
    return select(args, findTestFiles(checkout))
  } catch (error) {
    console.error(messageOf(error))
    process.exit(exitCodes.usage)
  }
}

async function timed(name: StageName, work: () => Outcome | Promise<Outcome>): Promise<Stage> {
  const startedMs = performance.now()
  const { cases, times } = await work()
  const durationMs = performance.now() - startedMs
  const { passed, failed, skipped } = count(cases)
  const mark = failed > 0 ? '✗' : '✓'
  console.log(
    `${mark} ${name}: ${passed} passed, ${failed} failed, ${skipped} skipped in ${(durationMs / 1000).toFixed(1)} s`,
  )
  return { name, durationMs, cases, times }
}

/** A program whose exit code is the verdict: one case. */
function runTool(file: string, name: string, [command, ...args]: [string, ...string[]]): Outcome {
  const result = spawnSync(command, args, {
    cwd: checkout,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: toolOutputBytes,
  })
  if (result.status === 0) return { cases: [{ file, name, outcome: 'passed', details: [] }], times: [] }
  const output = `${result.stdout ?? ''}${result.stderr ?? ''}`.trim()
  const details = [result.error?.message ?? `exit code ${result.status}`, ...output.split('\n')]
  return { cases: [{ file, name, outcome: 'failed', details }], times: [] }
}

function runFiles(tier: TierName, selection: Selection): Promise<Outcome> {
  return runTier(tier, selection.files[tier], checkout, (cases) => {
    for (const { file, name, outcome } of cases) if (outcome === 'failed') console.log(`✗ ${file} › ${name}`)
  })
}

async function runContainerTier(selection: Selection): Promise<Outcome> {
  const missing = missingEngine()
  if (missing === undefined) return await runFiles('container', selection)
  const required = process.env['FLOWKEEP_REQUIRE_DOCKER'] === '1'
  return withoutRunning(selection.files.container, required ? 'failed' : 'skipped', missing)
}

/** Why no container test can run here, or undefined if a Docker engine answers. */
function missingEngine(): string | undefined {
  // The server's version, since `docker info` itself exits 0 in some versions when no engine answers.
  const args = ['info', '--format', '{{.ServerVersion}}']
  const { status, stdout, error } = spawnSync('docker', args, { encoding: 'utf8', timeout: dockerAnswerMs })
  if ((error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') {
    return 'no Docker engine: there is no docker command'
  }
  if (error) return `no Docker engine: docker info: ${error.message}`
  return status === 0 && stdout.trim() !== '' ? undefined : 'no Docker engine answers "docker info"'
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    endAllFiles()
    process.kill(process.pid, signal)
  })
}

process.exitCode = await main(selectionOf(process.argv.slice(2)))
