// One breaker for each target, and the only place that decides when a target that is away is tried again. It opens after
// failures in a row (at once where trying again cannot help, or the target asked for a pause), lets one operation
// through after a pause, and doubles what it lets through until it closes. What goes through is a pass.

import { limits } from '../core/limits.ts'
import type { BreakerState } from '../core/queue.ts'
import type { Unreached } from '../core/target.ts'
import { pauseMs } from './pause.ts'

export interface BreakerParts {
  monotonicMs(): number
  random(): number
  /** What a batch may hold when all is well. */
  batchMax(): number
  changed(state: BreakerState, reason: string | undefined): void
}

/** Leave to send once. Exactly one of its methods is called, once. */
export interface Pass {
  readonly limit: number
  /** The target answered, whatever it said. */
  reached(sent: number): void
  /** Gives the ms after which the next try makes sense. */
  unreached(answer: Unreached): number
  /** Nothing was sent. */
  unused(): void
}

/** More tries would only lock an account or repeat an answer that stays the same until somebody acts. */
const opensAtOnce: ReadonlySet<string> = new Set([
  'authentication',
  'missing_database',
  'schema_missing',
  'read_only',
])

const bounds = { minMs: limits.breakerMinMs, maxMs: limits.breakerMaxMs }

export class Breaker {
  readonly #parts: BreakerParts
  #state: BreakerState = 'closed'
  #reason: string | undefined
  /** In a row, while closed. */
  #failures = 0
  /** Times it opened since it was last closed. */
  #openings = 0
  #untilMs = 0
  /** Operations the next pass may carry while half open. */
  #allowed = 1
  #probing = false
  /** Grows with every change of state: what was sent in an earlier one says nothing about this one. */
  #era = 0

  constructor(parts: BreakerParts) {
    this.#parts = parts
  }

  get state(): BreakerState {
    if (this.#state === 'open' && this.#parts.monotonicMs() >= this.#untilMs) this.#go('half_open')
    return this.#state
  }

  get reason(): string | undefined {
    return this.#reason
  }

  /** Until a pass can be had by waiting alone; 0 when one can be had now or when another one ends. */
  get waitMs(): number {
    return this.state === 'open' ? this.#untilMs - this.#parts.monotonicMs() : 0
  }

  /** Operations that the next pass may carry; 0 when none can be had now. */
  get limit(): number {
    const state = this.state
    if (state === 'closed') return this.#parts.batchMax()
    return state === 'open' || this.#probing ? 0 : this.#allowed
  }

  begin(): Pass | undefined {
    const limit = this.limit
    if (limit === 0) return undefined
    const era = this.#era
    if (this.#state === 'half_open') this.#probing = true
    return {
      limit,
      reached: (sent) => {
        if (era === this.#era) this.#reached(sent)
      },
      unreached: (answer) => {
        if (era === this.#era) return this.#unreached(answer)
        return Math.max(this.waitMs, pauseMs(this.#parts.random, bounds, 1))
      },
      unused: () => {
        if (era === this.#era) this.#probing = false
      },
    }
  }

  /** Something else found the target well. @param backlog operations wait for it */
  seen(backlog: boolean): void {
    if (this.state === 'open') this.#go('half_open')
    else if (this.#state === 'half_open' && !this.#probing && !backlog) this.#close()
  }

  /** The target is another one now. */
  reset(): void {
    this.#close()
  }

  #reached(sent: number): void {
    this.#failures = 0
    this.#probing = false
    if (this.#state !== 'half_open') return
    // Where there was less to send than allowed, there is no crowd to hold back.
    const crowd = sent >= this.#allowed
    this.#allowed *= 2
    if (!crowd || this.#allowed >= this.#parts.batchMax()) this.#close()
  }

  #unreached({ reason, retryAfterMs }: Unreached): number {
    this.#failures++
    this.#reason = reason
    const opens =
      this.#state === 'half_open' ||
      this.#failures >= limits.breakerFailures ||
      opensAtOnce.has(reason) ||
      retryAfterMs !== undefined
    if (!opens) return pauseMs(this.#parts.random, bounds, this.#failures)
    this.#openings++
    const asked = Math.min(retryAfterMs ?? 0, limits.retryAfterMs)
    const waitMs = Math.max(asked, pauseMs(this.#parts.random, bounds, this.#openings))
    this.#untilMs = this.#parts.monotonicMs() + waitMs
    this.#go('open')
    return waitMs
  }

  #close(): void {
    this.#failures = 0
    this.#openings = 0
    this.#reason = undefined
    this.#go('closed')
  }

  #go(state: BreakerState): void {
    this.#era++
    this.#probing = false
    this.#allowed = 1
    if (state === this.#state) return
    this.#state = state
    this.#parts.changed(state, this.#reason)
  }
}
