// The inbox must remember an operation for longer than any queue may still repeat it: a queued one becomes a dead letter
// at `CONTAINER_QUEUE_MAX_AGE`, and the margin covers clocks that differ and a delivery that is under way.

import { limits } from '../core/limits.ts'
import type { DatabasePool, QueryOptions } from './pool.ts'

export function inboxRetentionMs(queueMaxAgeMs: number): number {
  return queueMaxAgeMs + limits.inboxMarginMs
}

/** To be called once a day. Many containers may; each statement is short. Tells how many entries it has forgotten. */
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
