// The program, as far as it has to be quick: `flowkeep run` is a container's first process, so it listens to signals
// and answers on its port before it reads the rest of itself (program.ts); `flowkeep health` needs none of the rest.

import type { Probe } from './cli/health-command.ts'
import { loadProgram } from './load-program.ts'
import { listenEarly } from './process/early-signals.ts'

async function start(args: readonly string[]): Promise<void> {
  const [command, ...more] = args
  const probe = command === 'health' ? probeOf(more) : undefined
  if (command === 'run') await run(more)
  else if (probe) process.exitCode = await answer(probe)
  else process.exitCode = await (await loadProgram()).runCommand(args)
}

async function run(args: readonly string[]): Promise<void> {
  const signals = listenEarly()
  const { parseRunArguments } = await import('./cli/run-arguments.ts')
  const run = parseRunArguments(args)
  if (!run.ok) {
    process[run.exitCode === 0 ? 'stdout' : 'stderr'].write(run.text)
    process.exitCode = run.exitCode
    return
  }
  const { version } = await import('./core/version.ts')
  const { openEarlyListener } = await import('./http/early.ts')
  const listener = await openEarlyListener(process.env, version)
  const { supervise } = await loadProgram()
  await supervise({ command: run.command, listener, signals })
}

async function answer(probe: Probe): Promise<number> {
  const { runHealthCommand } = await import('./cli/health-command.ts')
  const write = (text: string) => process.stdout.write(text)
  return runHealthCommand({ probe, json: false, environment: process.env, write })
}

/** The short way for the probe that HEALTHCHECK runs every few seconds; anything else goes to the full parser. */
function probeOf([option, ...more]: readonly string[]): Probe | undefined {
  if (more.length > 0) return undefined
  if (option === undefined) return 'health'
  return ({ '--live': 'live', '--ready': 'ready', '--startup': 'startup' } as const)[option]
}

start(process.argv.slice(2)).catch((error: unknown) => {
  // Nothing that can be logged properly is up yet, or it is what failed.
  process.stderr.write(
    `${JSON.stringify({ level: 'fatal', event: 'exit', reason: 'internal', message: String(error) })}\n`,
  )
  process.exit(70)
})
