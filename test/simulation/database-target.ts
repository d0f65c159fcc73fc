// A supervisor's client of the simulated database.

import type { Delivery, Outcome, Target } from '../../supervisor/core/target.ts'
import type { Database } from './database.ts'
import { ask, type LinkParts } from './link.ts'

const batchMax = 8

/** How often each operation failed, and its supervisor heard of it. */
export type Failures = Map<string, number>

export function createDatabaseTarget(
  name: string,
  database: Database,
  failures: Failures,
  parts: LinkParts,
): Target {
  return {
    name,
    kind: 'database',
    batchMax,
    async deliver(batch, signal) {
      const ids = batch.map(({ operation, revision }) => `${operation.id}/${revision}`).join(' ')
      parts.trace(`${name} ← deliver ${ids}`)
      const answer = await ask(parts, signal, (fate) => database.apply(batch, fate))
      if (answer.reached) countFailures(batch, answer.outcomes, failures)
      const said = answer.reached ? answer.outcomes.map(({ state }) => state).join(' ') : answer.reason
      parts.trace(`${name} → ${said}${answer.reached || !answer.outcomeUnknown ? '' : ', outcome unknown'}`)
      return answer
    },
    async cancel(batch, signal) {
      parts.trace(`${name} ← cancel ${batch.map(({ operation }) => operation.id).join(' ')}`)
      const answer = await ask(parts, signal, (fate) => database.cancel(batch, fate))
      parts.trace(`${name} → ${answer.reached ? answer.outcomes.join(' ') : answer.reason}`)
      return answer
    },
    async close() {},
  }
}

function countFailures(batch: readonly Delivery[], outcomes: readonly Outcome[], failures: Failures): void {
  batch.forEach(({ operation: { id } }, index) => {
    if (outcomes[index]?.state === 'failed') failures.set(id, (failures.get(id) ?? 0) + 1)
  })
}
