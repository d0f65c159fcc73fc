// Whether an operation can have become a dead letter for the reason it gives.

import { limits } from '../../supervisor/core/limits.ts'
import { statements } from './database.ts'
import type { DeadLetter, Ledger } from './ledger.ts'

export function mayDie(
  ledger: Ledger,
  attempts: (id: string) => number,
  clockJumped: boolean,
): (letter: DeadLetter) => boolean {
  return ({ id, code }) => {
    const invocations = ledger.invocations.filter((invocation) => invocation.id === id)
    switch (code) {
      case '22012':
        return invocations.some(({ sql }) => sql === statements.poison)
      case 'http_422':
        return invocations.some(({ content }) => content.endsWith('#poison'))
      case 'expired':
        return invocations.some(({ expiresAtWallMs }) => expiresAtWallMs !== undefined)
      case 'too_old':
        return clockJumped
      case 'conflict':
        return new Set(invocations.map(({ content }) => content)).size > 1
      case 'cancelled':
        // Because an earlier submission had expired.
        return invocations.some(({ expiresAtWallMs }) => expiresAtWallMs !== undefined)
      case 'attempts_exhausted':
        return attempts(id) >= limits.deliveryAttempts
      default:
        return false
    }
  }
}
