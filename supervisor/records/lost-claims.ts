// Claims whose answer was lost. They may have taken records for our session that nobody here knows of, and our lease
// would keep them from everyone until their time limit. They are given back by the number of their claim, more than
// once, because what was sent may still be carried out after its connection is gone.

import type { Clock } from '../core/clock.ts'
import { limits } from '../core/limits.ts'
import type { RecordStore } from '../core/record-store.ts'

export class LostClaims {
  readonly #clock: Clock
  readonly #store: Pick<RecordStore, 'giveBackClaims'>
  /** Number of the claim → until when it may be carried out. */
  readonly #lost = new Map<number, number>()
  #last = 0

  constructor(clock: Clock, store: Pick<RecordStore, 'giveBackClaims'>) {
    this.#clock = clock
    this.#store = store
  }

  /** The number of the next claim. */
  next(): number {
    return ++this.#last
  }

  add(number: number): void {
    this.#lost.set(number, this.#clock.monotonicMs() + limits.recordsLostClaimMs)
    const [oldest] = this.#lost.keys()
    // Its records stay ours until their time limit.
    if (this.#lost.size > limits.recordsLostClaims && oldest !== undefined) this.#lost.delete(oldest)
  }

  /** Tells how many records went back. @throws StoreFailure */
  async giveBack(session: string | undefined): Promise<number> {
    if (session === undefined || this.#lost.size === 0) return 0
    const askedAtMs = this.#clock.monotonicMs()
    const { records, left } = await this.#store.giveBackClaims(session, [...this.#lost.keys()])
    if (left > 0) return records // any of the claims may be theirs
    for (const [number, untilMs] of this.#lost) if (untilMs <= askedAtMs) this.#lost.delete(number)
    return records
  }

  /** What they took has gone with the session. */
  forget(): void {
    this.#lost.clear()
  }
}
