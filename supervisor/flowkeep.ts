// The program. `flowkeep run` is a container's first process: it listens to signals and answers on its port before
// anything else is loaded. Every other command is a short-lived tool and loads what it needs.

import type { Probe } from './cli/health-command.ts'
import { listenEarly } from './process/early-signals.ts'

async function start(args: readonly string[]): Promise<void> {
  if (args[0] === 'health') {
    const probe = probeOf(args.slice(1))
    if (probe) {
      const { runHealthCommand } = await import('./cli/health-command.ts')
      const write = (text: string) => process.stdout.write(text)
      process.exitCode = await runHealthCommand({ probe, json: false, environment: process.env, write })
      return
    }
  }
  if (args[0] !== 'run') {
    const { runCommand } = await import('./cli/main.ts')
    process.exitCode = await runCommand(args)
    return
  }
  listenEarly()
  const { parseRunArguments } = await import('./cli/run-arguments.ts')
  const run = parseRunArguments(args.slice(1))
  if (!run.ok) {
    process[run.exitCode === 0 ? 'stdout' : 'stderr'].write(run.text)
    process.exitCode = run.exitCode
    return
  }
  const { openEarlyListener } = await import('./http/early.ts')
  const { version } = await import('./core/version.ts')
  const listener = await openEarlyListener(process.env, version)
  const { supervise } = await loadSupervisor()
  await supervise({ command: run.command, listener })
}

/**
 * One heavy part of what `main.ts` imports after the other: whoever asks meanwhile is answered between two of them.
 * One that is missing here costs no more than a longer wait for that answer.
 */
async function loadSupervisor(): Promise<typeof import('./main.ts')> {
  const parts = [
    () => import('./config/load.ts'),
    () => import('./logs/own-logs.ts'),
    () => import('./metrics/registry.ts'),
    () => import('./http/public.ts'),
  ]
  for (const load of parts) {
    await othersTurn()
    await load()
  }
  await othersTurn()
  return import('./main.ts')
}

/** Two turns of the event loop: a new connection is accepted in the first, its request is read in the second. */
function othersTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
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
