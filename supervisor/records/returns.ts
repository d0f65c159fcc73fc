// Records on their way back to the database. What cannot be told to it now is told later, because our session lives on
// and nobody else would take them back; what our session has lost needs no telling.

import type { Clock, Timer } from '../core/clock.ts'
import { messageOf } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import type { Logger } from '../core/logger.ts'
import { type GiveBack, type Held, type RecordStore, StoreFailure } from '../core/record-store.ts'

export interface ReturnsParts {
  readonly clock: Clock
  readonly logger: Logger
  readonly store: Pick<RecordStore, 'giveBack'>
  /** They can be claimed again. */
  returned(): void
}

interface Lot {
  readonly records: readonly Held[]
  readonly how: GiveBack
}

export class Returns {
  readonly #parts: ReturnsParts
  #waiting: Lot[] = []
  #working: Promise<void> | undefined
  #timer: Timer | undefined

  constructor(parts: ReturnsParts) {
    this.#parts = parts
  }

  get waiting(): number {
    return this.#waiting.reduce((sum, { records }) => sum + records.length, 0)
  }

  give(records: readonly Held[], how: GiveBack): void {
    if (records.length === 0) return
    for (let start = 0; start < records.length; start += limits.recordsBatch) {
      this.#waiting.push({ records: records.slice(start, start + limits.recordsBatch), how })
    }
    void this.send()
  }

  /** Resolves when all of it is told, or cannot be told now. Never rejects. */
  send(): Promise<void> {
    this.#timer?.cancel()
    if (this.#waiting.length > 0) this.#working ??= this.#work()
    return this.#working ?? Promise.resolve()
  }

  /** Their lease is lost: they are others' by now, or will be soon. */
  forget(): void {
    this.#timer?.cancel()
    this.#waiting = []
  }

  async #work(): Promise<void> {
    try {
      for (let lot = this.#waiting[0]; lot !== undefined; lot = this.#waiting[0]) {
        if (!(await this.#isTold(lot))) return this.#tellLater()
        if (this.#waiting[0] === lot) this.#waiting.shift()
        this.#parts.returned()
      }
    } finally {
      // Here and not by whoever awaits it, a turn later: what is given in between would be told by nobody.
      this.#working = undefined
    }
  }

  #tellLater(): void {
    this.#timer = this.#parts.clock.startTimer(limits.recordsRetryMs, () => void this.send())
  }

  /** Or cannot ever be. */
  async #isTold({ records, how }: Lot): Promise<boolean> {
    const { logger, store } = this.#parts
    try {
      await store.giveBack(records, how)
    } catch (error) {
      if (error instanceof StoreFailure && error.reason === 'unavailable') return false
      logger.error(
        { event: 'records.not_given_back', records: records.length },
        `cannot give back records, their time limit will: ${messageOf(error)}`,
      )
    }
    return true
  }
}
