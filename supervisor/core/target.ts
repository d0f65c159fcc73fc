// What the queue asks of a database or service. `postgres/` implements it for databases, exactly once by an inbox;
// `queue/http-target.ts` for services, at least once with an idempotency key.

import type { Json } from './json.ts'
import type { ContentHash, Operation } from './operation.ts'

export interface Delivery {
  readonly operation: Operation
  readonly contentHash: ContentHash
  /**
   * 1, and one more each time an operator revives the dead letter. What was cancelled stays cancelled for its revision
   * and every earlier one, so that an answer that comes late can never apply it.
   */
  readonly revision: number
}

export type Outcome =
  /** The effect is there, once, whether now or from an earlier delivery (`earlier`). */
  | { readonly state: 'applied'; readonly result?: Json; readonly earlier?: boolean }
  /** It can never have its effect: a dead letter; a direct one is answered 422. */
  | { readonly state: 'refused'; readonly code: string; readonly message: string }
  /** The target knows this id with other content. */
  | { readonly state: 'conflict' }
  /** It was cancelled earlier (see `cancel`). */
  | { readonly state: 'cancelled' }
  /** Its record has a newer epoch: counted, and nothing is applied. */
  | { readonly state: 'fenced' }
  /** A permission is missing: its lane waits until someone grants it, and no attempt is burnt. */
  | { readonly state: 'forbidden'; readonly code: string; readonly message: string }
  /** It failed this time (a deadlock, an error nobody knows): burns one attempt. */
  | { readonly state: 'failed'; readonly code: string; readonly message: string }
  /** One before it in its lane was not applied, so it was not tried. */
  | { readonly state: 'skipped' }
  /**
   * It could not be asked, or its answer was lost, while others of the batch were answered: stays in its place and burns
   * no attempt. Where nothing of a batch was answered, the whole is `Unreached`.
   */
  | {
      readonly state: 'unreached'
      readonly reason: string
      readonly message: string
      readonly outcomeUnknown: boolean
    }

/** Why a target could not be asked, as the breaker and the operator see it. */
export interface Unreached {
  readonly reached: false
  /** A reason of `core/dependency.ts`, or `schema_missing`, `read_only`, `too_many_connections`, `http_503` … */
  readonly reason: string
  /** One line, free of secrets. */
  readonly message: string
  /** The request may have arrived and had its effect: only the target can tell, by the same id. */
  readonly outcomeUnknown: boolean
  /** What the target itself asked for (Retry-After), in ms. */
  readonly retryAfterMs?: number
}

export type Delivered = { readonly reached: true; readonly outcomes: readonly Outcome[] } | Unreached

export type Cancelled =
  | { readonly reached: true; readonly outcomes: readonly ('applied' | 'cancelled')[] }
  | Unreached

export interface Target {
  readonly name: string
  readonly kind: 'database' | 'service'
  /** Most deliveries in one batch, at least 1. */
  readonly batchMax: number
  /**
   * Delivers in order; the outcomes are in the same order. Within a lane (`operation.key`) nothing that follows an
   * operation that was not applied is tried (`skipped`), except after `refused`, `conflict`, `cancelled` and `fenced`,
   * which leave the lane. Never rejects. Gives up when the signal aborts: then `outcomeUnknown` says the truth.
   */
  deliver(batch: readonly Delivery[], signal: AbortSignal): Promise<Delivered>
  /**
   * Makes sure that none of these is applied from now on, in this revision or an earlier one, and tells which already
   * were. Never rejects.
   */
  cancel(batch: readonly Delivery[], signal: AbortSignal): Promise<Cancelled>
  /** Closes idle connections. What is under way ends by its signal. */
  close(): Promise<void>
}
