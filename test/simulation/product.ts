// The queue as it ships, or a copy with a planted bug, with its parts filled in.

import type { Clock } from '../../supervisor/core/clock.ts'
import type { Logger } from '../../supervisor/core/logger.ts'
import type { Target } from '../../supervisor/core/target.ts'
import type { Journal } from '../../supervisor/queue/journal.ts'
import type { createQueue, LocalQueue } from '../../supervisor/queue/queue.ts'
import { importVariant, type Mutation } from './mutant.ts'

export interface StartParts {
  readonly journal: Journal
  readonly targets: readonly Target[]
  readonly clock: Clock
  readonly random: () => number
  readonly maxOperations: number
  readonly adopt: () => Promise<readonly Journal[]>
  readonly trace: (line: string) => void
}

export interface Product {
  start(parts: StartParts): LocalQueue
}

export const maxAgeMs = 7 * 86_400_000

export async function loadProduct(mutation?: Mutation): Promise<Product> {
  const module = (await importVariant('queue/queue.ts', { mutation })) as { createQueue: typeof createQueue }
  return {
    start({ maxOperations, trace, ...parts }) {
      let ids = 0
      return module.createQueue({
        ...parts,
        logger: tracing(trace),
        bounds: { maxOperations, maxBytes: 1024 ** 3, maxAgeMs },
        problemOf: () => undefined,
        newId: () => `own-${ids++}`,
        counted: () => {},
      })
    },
  }
}

function tracing(trace: (line: string) => void): Logger {
  const level = (name: string) => (_fields: unknown, message: string) => trace(`log ${name}: ${message}`)
  return { debug: level('debug'), info: level('info'), warn: level('warn'), error: level('error') }
}
