// The operation queue as the control socket, the commands, health and metrics see it. `queue/queue.ts` implements it.

import type { ErrorCode } from './errors.ts'
import type { Json } from './json.ts'

/** The answer to one submitted operation. */
export type Submitted =
  | { readonly state: 'applied'; readonly id: string; readonly result?: Json }
  | { readonly state: 'queued'; readonly id: string }
  | {
      readonly state: 'refused'
      readonly id: string | undefined
      readonly error: {
        readonly code: ErrorCode
        readonly message: string
        readonly field?: string
        readonly hint: string
      }
      /** With 429 and 503: seconds after which a new try makes sense. */
      readonly retryAfterSeconds?: number
    }

export interface OperationView {
  readonly id: string
  readonly target: string
  /** Null for the default lane. */
  readonly key: string | null
  readonly state: 'queued' | 'held' | 'dead'
  readonly attempts: number
  readonly acceptedAt: string
  readonly changedAt: string
  readonly expiresAt: string | null
  /** The last failure; of a dead letter what killed it. */
  readonly reason: { readonly code: string; readonly message: string } | null
  /** What it would do; only where one operation is shown. */
  readonly work?: Json
}

export type BreakerState = 'closed' | 'half_open' | 'open'

export interface QueueStats {
  readonly operations: number
  readonly bytes: number
  readonly maxOperations: number
  readonly maxBytes: number
  /** Age of the oldest queued operation; null when none is queued. */
  readonly oldestAgeMs: number | null
  /** Nothing new is taken. */
  readonly full: 'operations' | 'bytes' | 'disk' | null
  /** Why the disk cannot be written now, one line; nothing new is taken then either. */
  readonly failing: string | null
  readonly corruptEntries: number
  readonly quarantinedFiles: readonly string[]
  /** Slots of supervisors that are gone, being drained by this one. */
  readonly adoptedSlots: number
  readonly targets: Readonly<Record<string, TargetStats>>
}

export interface TargetStats {
  readonly kind: 'database' | 'service'
  readonly queued: number
  readonly held: number
  readonly dead: number
  readonly oldestAgeMs: number | null
  readonly breaker: BreakerState
  /** Why the breaker is not closed. */
  readonly reason: string | null
}

export interface ListRequest {
  readonly state: 'queued' | 'held' | 'dead'
  readonly target?: string
  /** Opaque; from `next` of the page before. */
  readonly after?: string
  /** 1 to 1,000 */
  readonly limit: number
}

export interface OperationQueue {
  /** @param raw operations as they came, parsed from JSON and nothing more; at least one. Never rejects. */
  submit(raw: readonly unknown[]): Promise<readonly Submitted[]>
  list(
    request: ListRequest,
  ): Promise<{ readonly operations: readonly OperationView[]; readonly next?: string }>
  show(id: string): Promise<OperationView | undefined>
  /** Throws a FlowkeepError: `not_found`, `wrong_state`. */
  retry(id: string): Promise<void>
  /** Throws a FlowkeepError: `not_found`, `wrong_state` while it is being delivered. */
  discard(id: string): Promise<void>
  /** Synchronous and cheap. */
  stats(): QueueStats
}
