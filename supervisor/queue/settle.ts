// Writes down what became of operations, until it is written: what the target has answered must not be forgotten while
// this process lives, or an applied operation could pass for one that was never sent.

import { type Clock, sleep } from '../core/clock.ts'
import { messageOf } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import type { Logger } from '../core/logger.ts'
import type { Change, Journal } from './journal.ts'
import { pauseMs } from './pause.ts'

export interface SettleParts {
  readonly clock: Clock
  random(): number
  readonly logger: Logger
  readonly journal: Pick<Journal, 'settle'>
  /** Ends the tries. */
  readonly stopping: AbortSignal
}

/** False when the end came first. */
export async function settle(changes: readonly Change[], parts: SettleParts): Promise<boolean> {
  if (changes.length === 0) return true
  const bounds = { minMs: limits.settleMinMs, maxMs: limits.settleMaxMs }
  for (let failures = 1; ; failures++) {
    try {
      await parts.journal.settle(changes)
      return true
    } catch (error) {
      if (failures === 1) {
        parts.logger.error(
          { event: 'queue.write_failed', changes: changes.length },
          `cannot write down what became of ${changes.length} operations, which is tried again: ${messageOf(error)}`,
        )
      }
      if (!(await waited(pauseMs(parts.random, bounds, failures), parts))) return false
    }
  }
}

async function waited(ms: number, { clock, stopping }: SettleParts): Promise<boolean> {
  try {
    await sleep(clock, ms, stopping)
    return true
  } catch {
    return false
  }
}
