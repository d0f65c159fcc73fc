// Whether an operation can have become a dead letter for the reason it gives.

import { limits } from '../../supervisor/core/limits.ts'
import { statements } from './database.ts'
import type { DeadLetter, Ledger } from './ledger.ts'

export interface Circumstances {
  readonly ledger: Ledger
  readonly dead: readonly DeadLetter[]
  readonly clockJumped: boolean
  attempts(id: string): number
  newestRevision(id: string): number
}

export function mayDie(circumstances: Circumstances): (letter: DeadLetter) => boolean {
  const { ledger, dead, clockJumped, attempts, newestRevision } = circumstances
  return ({ id, code, revision = 1 }) => {
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
        // Because an earlier submission had expired, became too old in another queue, or was revived there by an
        // operator, so that a newer revision counts.
        return (
          invocations.some(({ expiresAtWallMs }) => expiresAtWallMs !== undefined) ||
          dead.some((other) => other.id === id && other.code === 'too_old') ||
          newestRevision(id) > revision
        )
      case 'attempts_exhausted':
        return attempts(id) >= limits.deliveryAttempts
      default:
        return false
    }
  }
}
