// While a target is away for a reason that a cheap knock (a TCP connection) can see the end of, it is knocked at, so that
// a long pause of the breaker does not become a late return. A knock only ends the pause: whether the target works, the
// one operation tells that goes through then.

import type { Clock, Timer } from '../core/clock.ts'
import { limits } from '../core/limits.ts'

export interface KnockingParts {
  readonly clock: Clock
  /** Whether anybody accepts. Never rejects. */
  knock(signal: AbortSignal): Promise<boolean>
  /** Somebody does again. */
  answered(): void
}

/** With these nobody accepted when it was last tried: that somebody does is news. */
const seenByKnocks: ReadonlySet<string> = new Set(['refused', 'unreachable', 'name_resolution'])

export class Knocking {
  readonly #parts: KnockingParts
  #timer: Timer | undefined
  #ending: AbortController | undefined

  constructor(parts: KnockingParts) {
    this.#parts = parts
  }

  /** @param reason why the target is away */
  begin(reason: string | undefined): void {
    this.end()
    if (reason === undefined || !seenByKnocks.has(reason)) return
    const ending = new AbortController()
    this.#ending = ending
    this.#later(ending.signal)
  }

  end(): void {
    this.#timer?.cancel()
    this.#ending?.abort()
  }

  #later(ended: AbortSignal): void {
    this.#timer = this.#parts.clock.startTimer(limits.queueKnockEveryMs, async () => {
      const accepted = await this.#parts.knock(ended)
      if (ended.aborted) return
      if (accepted) this.#parts.answered()
      else this.#later(ended)
    })
  }
}
