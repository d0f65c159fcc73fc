// The inbox must remember an operation for longer than any queue may still repeat it: a queued one becomes a dead letter
// at `CONTAINER_QUEUE_MAX_AGE`, and the margin covers clocks that differ and a delivery that is under way.

import type { Clock } from '../core/clock.ts'
import { messageOf } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import type { Logger } from '../core/logger.ts'
import type { DatabasePool, QueryOptions } from './pool.ts'

export function inboxRetentionMs(queueMaxAgeMs: number): number {
  return queueMaxAgeMs + limits.inboxMarginMs
}

export interface InboxCleaning {
  readonly clock: Clock
  readonly random: () => number
  readonly logger: Logger
  /** Of the settings that hold now. */
  readonly pools: () => ReadonlyMap<string, DatabasePool>
  readonly queueMaxAgeMs: () => number
}

/** For as long as the process lives: soon after the start, then about once a day, each replica at its own time. */
export function keepInboxesClean(cleaning: InboxCleaning): void {
  const { clock, random, logger, pools, queueMaxAgeMs } = cleaning
  const after = (delayMs: number) => clock.startTimer(delayMs * (0.5 + random()), () => void clean())
  const clean = async () => {
    try {
      await cleanInboxes(pools(), queueMaxAgeMs())
    } catch (error) {
      logger.warn({ event: 'inbox.not_cleaned' }, `the inbox was not cleaned up: ${messageOf(error)}`)
    }
    after(limits.inboxCleanEveryMs)
  }
  after(limits.inboxCleanFirstMs)
}

/** Of every database. One that is away keeps no other from its turn. @throws Error naming those that failed */
export async function cleanInboxes(
  pools: ReadonlyMap<string, DatabasePool>,
  queueMaxAgeMs: number,
): Promise<void> {
  const failures: string[] = []
  for (const [name, pool] of pools) {
    await cleanInbox(pool, inboxRetentionMs(queueMaxAgeMs)).catch((error: unknown) => {
      failures.push(`${name}: ${messageOf(error)}`)
    })
  }
  if (failures.length > 0) throw new Error(failures.join('; '))
}

/** Many containers may do it at once; each statement is short. Tells how many entries it has forgotten. */
export async function cleanInbox(
  pool: DatabasePool,
  retentionMs: number,
  options: QueryOptions = {},
): Promise<number> {
  let cleaned = 0
  for (;;) {
    const { rows } = await pool.query<{ cleaned: number }>(
      `select flowkeep.clean_inbox($1::double precision * interval '1 millisecond', $2) as cleaned`,
      [retentionMs, limits.inboxCleanBatch],
      options,
    )
    const found = rows[0]?.cleaned ?? 0
    cleaned += found
    if (found < limits.inboxCleanBatch) return cleaned
  }
}
