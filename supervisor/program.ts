// All of the program that a container's first answer does not need: a file of its own when it is bundled.

import { othersTurn } from './core/turn.ts'
import type { Boot } from './main.ts'

export async function supervise(boot: Boot): Promise<void> {
  // One heavy part of what `main.ts` imports after the other: whoever asks meanwhile is answered between two of them.
  // One that is missing here costs no more than a longer wait for that answer.
  const parts = [
    () => import('./config/load.ts'),
    () => import('./logs/own-logs.ts'),
    () => import('./metrics/registry.ts'),
    () => import('./http/public.ts'),
    () => import('./local-queue.ts'),
  ]
  for (const load of parts) {
    await othersTurn()
    await load()
  }
  await othersTurn()
  const main = await import('./main.ts')
  await main.supervise(boot)
}

/** Every command but `run`; its exit code. */
export async function runCommand(args: readonly string[]): Promise<number> {
  const commands = await import('./cli/main.ts')
  return commands.runCommand(args)
}
