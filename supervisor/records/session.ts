// Our session with the database that holds the records: its lease is the lease of everything we hold. Opened by the
// first claim, renewed three times within the lease. The database decides whether it still stands; our own clock only
// tells when it is too old to be relied on.

import type { Clock, Timer } from '../core/clock.ts'
import { messageOf } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import type { Logger } from '../core/logger.ts'
import { type RecordStore, StoreFailure } from '../core/record-store.ts'

export interface SessionParts {
  readonly clock: Clock
  readonly logger: Logger
  readonly store: RecordStore
  readonly instance: string
  leaseMs(): number
  /** It was taken for dead: what it held has or will have new owners. */
  lost(): void
}

export class Session {
  readonly #parts: SessionParts
  #id: string | undefined
  #opening: Promise<string> | undefined
  #renewing: Promise<void> | undefined
  #renewedAtMs = 0
  #timer: Timer | undefined
  #ended = false

  constructor(parts: SessionParts) {
    this.#parts = parts
  }

  get current(): string | undefined {
    return this.#id
  }

  /** Nobody can have taken it for dead yet. */
  get certain(): boolean {
    const { clock, leaseMs } = this.#parts
    return this.#id !== undefined && clock.monotonicMs() - this.#renewedAtMs < leaseMs()
  }

  /**
   * Opens one where there is none. One whose lease may have run out is renewed first: what is claimed under it could be
   * handed to nobody.
   * @throws StoreFailure
   */
  async get(): Promise<string> {
    if (this.#id !== undefined && !this.certain) await this.#renew()
    if (this.#id === undefined) {
      this.#opening ??= this.#open().finally(() => {
        this.#opening = undefined
      })
      return this.#opening
    }
    if (!this.certain) throw new StoreFailure('unavailable', 'the lease cannot be renewed', false)
    return this.#id
  }

  /** Something has told of it that it does not stand any more; of an earlier one that means nothing. */
  forget(id: string): void {
    if (this.#id !== id) return
    this.#id = undefined
    this.#timer?.cancel()
    this.#parts.lost()
  }

  /** @throws StoreFailure */
  async end(): Promise<void> {
    this.#ended = true
    this.#timer?.cancel()
    const id = this.#id
    this.#id = undefined
    if (id !== undefined) await this.#parts.store.endSession(id)
  }

  async #open(): Promise<string> {
    const { clock, store, instance, leaseMs } = this.#parts
    const askedAtMs = clock.monotonicMs()
    const id = await store.openSession(instance, leaseMs())
    this.#id = id
    this.#renewedAtMs = askedAtMs
    this.#renewIn(leaseMs() / 3)
    return id
  }

  #renewIn(delayMs: number): void {
    if (this.#ended) return
    this.#timer = this.#parts.clock.startTimer(delayMs, () => void this.#renew())
  }

  /** Never rejects. */
  #renew(): Promise<void> {
    this.#timer?.cancel()
    this.#renewing ??= this.#renewOnce().finally(() => {
      this.#renewing = undefined
    })
    return this.#renewing
  }

  async #renewOnce(): Promise<void> {
    const { clock, logger, store, leaseMs } = this.#parts
    const id = this.#id
    if (id === undefined) return
    const askedAtMs = clock.monotonicMs()
    try {
      const stands = await store.renewSession(id, leaseMs())
      if (this.#id !== id) return
      if (!stands) return this.forget(id)
      this.#renewedAtMs = askedAtMs
      this.#renewIn(leaseMs() / 3)
    } catch (error) {
      if (this.#id !== id) return
      logger.debug({ event: 'records.not_renewed' }, `cannot renew the lease: ${messageOf(error)}`)
      this.#renewIn(Math.min(leaseMs() / 3, limits.recordsRetryMs))
    }
  }
}
