// What the journal remembers of a completion that a newer epoch had overtaken, so that whoever says it again is not told
// that it was applied. It stands where the result of an applied operation would; no database gives one like it.

import type { Json } from '../core/json.ts'
import type { Operation } from '../core/operation.ts'

export const overtaken = { fenced: true } as const satisfies Json

export function wasOvertaken({ work }: Operation, result: Json | undefined): boolean {
  if (work.kind !== 'sql' || work.record === undefined) return false
  return typeof result === 'object' && result !== null && 'fenced' in result
}
