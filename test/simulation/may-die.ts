// Whether an operation can have become a dead letter for the reason it gives.

import { limits } from '../../supervisor/core/limits.ts'
import { statements } from './database.ts'
import type { DeadLetter, Ledger } from './ledger.ts'

export function mayDie(
  ledger: Ledger,
  dead: readonly DeadLetter[],
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
        // Because an earlier submission had expired, became too old in another queue, or was revived by an operator,
        // whose revision is the one that counts from then on.
        return (
          invocations.some(({ expiresAtWallMs }) => expiresAtWallMs !== undefined) ||
          dead.some((other) => other.id === id && other.code === 'too_old') ||
          ledger.revived.has(id)
        )
      case 'attempts_exhausted':
        return attempts(id) >= limits.deliveryAttempts
      default:
        return false
    }
  }
}
