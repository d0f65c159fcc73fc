// What becomes of operations that are past their time. One that was never sent is a dead letter at once. One that may
// have been applied is settled with its target first: `cancel` makes sure that it never will be, or tells that it was.
// Without that an operation whose answer was lost would be reported as expired although its effect is there.

import type { Unreached } from '../core/target.ts'
import { formatDuration } from '../core/units.ts'
import type { Channel } from './channel.ts'
import type { Entry, Reason } from './journal.ts'
import { dead, type Verdict } from './verdict.ts'

export interface Age {
  readonly nowWallMs: number
  readonly maxAgeMs: number
}

/** Why it must not be applied any more; undefined where it may. */
export function overdue(
  { operation: { expiresAtMs }, acceptedAtWallMs }: Pick<Entry, 'operation' | 'acceptedAtWallMs'>,
  { nowWallMs, maxAgeMs }: Age,
): Reason | undefined {
  if (expiresAtMs !== undefined && expiresAtMs <= nowWallMs)
    return { code: 'expired', message: `expired at ${iso(expiresAtMs)}, before it could be applied` }
  if (acceptedAtWallMs + maxAgeMs <= nowWallMs) {
    const message = `queued since ${iso(acceptedAtWallMs)}, longer than ${formatDuration(maxAgeMs)} (CONTAINER_QUEUE_MAX_AGE)`
    return { code: 'too_old', message }
  }
  return undefined
}

export interface Late {
  readonly entry: Entry
  readonly reason: Reason
}

/** What became of each, in their order, or why the target could not be asked. */
export async function settleWithTarget(
  late: readonly Late[],
  channel: Pick<Channel, 'cancel'>,
): Promise<{ readonly verdicts: readonly Verdict[] } | Unreached> {
  const answer = await channel.cancel(late.map(({ entry }) => entry))
  if (!answer.reached) return answer
  const verdicts = late.map(({ entry, reason }, index): Verdict => {
    const applied = answer.outcomes[index] === 'applied'
    return applied ? { entry, change: { to: 'done', seq: entry.seq } } : dead(entry, reason)
  })
  return { verdicts }
}

function iso(ms: number): string {
  return Number.isFinite(ms) && Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : String(ms)
}
