// Operations as the queue hands them to a target.

import { createHash } from 'node:crypto'
import type { Json } from '../../../supervisor/core/json.ts'
import type { Statement } from '../../../supervisor/core/operation.ts'
import type { Delivered, Delivery, Outcome } from '../../../supervisor/core/target.ts'

export function statement(sql: string, ...params: Json[]): Statement {
  return { sql, params }
}

export function delivery(
  id: string,
  statements: Statement | readonly Statement[],
  { key = id, revision = 1 } = {},
): Delivery {
  const list = Array.isArray(statements) ? statements : [statements]
  const contentHash = createHash('sha256')
    .update(JSON.stringify([key, list]))
    .digest('hex')
  const work = { kind: 'sql', statements: list } as const
  return { operation: { id, target: 'rpa_db', key, work, expiresAtMs: undefined }, contentHash, revision }
}

export function outcomesOf(delivered: Delivered): readonly Outcome[] {
  if (!delivered.reached) throw new Error(`not reached: ${delivered.reason}: ${delivered.message}`)
  return delivered.outcomes
}

export function statesOf(delivered: Delivered): string[] {
  return outcomesOf(delivered).map((outcome) =>
    outcome.state === 'applied' && outcome.earlier ? 'earlier' : outcome.state,
  )
}

export function never(): AbortSignal {
  return new AbortController().signal
}
