// The records of one queue on their way from the database to the flow. Whoever asks waits in line; one claim is under
// way at a time, for all who wait, and a little more: a flow that takes records faster than the database can be asked has
// them claimed ahead. How many is learnt from how soon one claim follows another, so that a slow flow keeps none from
// others.
//
// A claim goes on where the last one stopped (see claim-records.ts), and looks from the beginning at least every second
// and whenever it found less than it asked for.

import type { Clock, Timer } from '../core/clock.ts'
import { limits } from '../core/limits.ts'
import { type ClaimedRecord, type Position, type RecordStore, StoreFailure } from '../core/record-store.ts'
import type { LostClaims } from './lost-claims.ts'
import type { Session } from './session.ts'

export interface FeedParts {
  readonly clock: Clock
  random(): number
  readonly queue: string
  readonly store: Pick<RecordStore, 'claim'>
  readonly session: Pick<Session, 'get' | 'current' | 'forget' | 'certain'>
  readonly lostClaims: Pick<LostClaims, 'next' | 'add'>
  timeoutMs(): number
  maxAttempts(): number
  /** How many records more may be claimed. */
  room(): number
  /** The database or the local queue has more to do than it can: nothing is claimed ahead. */
  busy(): boolean
  claimed(count: number): void
  /** Somebody has them now. */
  handed(records: readonly ClaimedRecord[]): void
  /** They were claimed ahead, and nobody asks for them. */
  giveBack(records: readonly ClaimedRecord[]): void
}

interface Waiter {
  readonly limit: number
  readonly untilMs: number
  resolve(records: readonly ClaimedRecord[]): void
  reject(error: unknown): void
}

export class Feed {
  readonly #parts: FeedParts
  #ahead: ClaimedRecord[] = []
  #waiting: Waiter[] = []
  #claiming = false
  /** How many are to be claimed ahead. */
  #wanted = 0
  #lastLimit = 0
  #claimedAtMs = Number.NEGATIVE_INFINITY
  #from: Position | undefined
  #lookedFromBeginningAtMs = Number.NEGATIVE_INFINITY
  #pauseMs = 0
  #poll: Timer | undefined
  #unused: Timer | undefined

  constructor(parts: FeedParts) {
    this.#parts = parts
  }

  get ahead(): number {
    return this.#ahead.length
  }

  get idle(): boolean {
    return this.#ahead.length === 0 && this.#waiting.length === 0 && !this.#claiming
  }

  /** Empty when there was none within `waitMs`, or nobody waits any more. @throws StoreFailure */
  take(limit: number, waitMs: number, gone: AbortSignal): Promise<readonly ClaimedRecord[]> {
    if (gone.aborted) return Promise.resolve([])
    const { promise, resolve, reject } = Promise.withResolvers<readonly ClaimedRecord[]>()
    const nowMs = this.#parts.clock.monotonicMs()
    const waiter = { limit, untilMs: nowMs + waitMs, resolve, reject }
    const leave = () => {
      this.#waiting = this.#waiting.filter((other) => other !== waiter)
      resolve([])
    }
    gone.addEventListener('abort', leave, { once: true })
    this.#waiting.push(waiter)
    this.#serve('whole')
    this.#lastLimit = limit
    this.#claimSoon(this.#pauseMs === 0)
    return promise.finally(() => gone.removeEventListener('abort', leave))
  }

  /** There may be records now. */
  wake(): void {
    this.#pauseMs = 0
    this.#from = undefined
    this.#claimSoon(true)
  }

  /** Gives up the place where the last claim stopped, and what was claimed ahead. */
  empty(): readonly ClaimedRecord[] {
    this.#unused?.cancel()
    const ahead = this.#ahead
    this.#ahead = []
    this.#wanted = 0
    this.#from = undefined
    return ahead
  }

  /** Whoever waits is told. */
  refuse(error: unknown): void {
    this.#poll?.cancel()
    for (const { reject } of this.#waiting.splice(0)) reject(error)
  }

  /** One claim follows another soon: so more at a time. Much later: fewer. */
  #learn(sinceLastMs: number): void {
    if (sinceLastMs < limits.recordsSoonMs) {
      this.#wanted = Math.min(Math.max(this.#lastLimit, this.#wanted * 2), limits.recordsAhead)
    } else if (sinceLastMs > limits.recordsSoonMs * 4) {
      this.#wanted = Math.floor(this.#wanted / 2)
    }
  }

  /** `whole`: to those only for whom there is as much as they asked for. */
  #serve(how: 'whole' | 'partly'): void {
    const { clock, giveBack, handed, session } = this.#parts
    // After a pause longer than the lease (a stopped container) they may be others' by now.
    if (this.#ahead.length > 0 && !session.certain) giveBack(this.empty())
    for (let waiter = this.#waiting[0]; waiter && this.#ahead.length > 0; waiter = this.#waiting[0]) {
      const handful = this.#handful(waiter.limit)
      if (how === 'whole' && handful < waiter.limit && handful === this.#ahead.length) break
      this.#waiting.shift()
      const records = this.#ahead.splice(0, handful)
      handed(records)
      waiter.resolve(records)
    }
    this.#unused?.cancel()
    if (this.#ahead.length === 0) return
    this.#unused = clock.startTimer(limits.recordsAheadMs, () => giveBack(this.empty()))
  }

  /** A suspect by itself, others up to the next suspect. */
  #handful(limit: number): number {
    if (this.#ahead[0]?.suspect) return 1
    const suspect = this.#ahead.findIndex((record) => record.suspect)
    return Math.min(limit, suspect === -1 ? this.#ahead.length : suspect)
  }

  #claimSoon(now: boolean): void {
    if (this.#claiming) return
    const runsLow = this.#wanted > 0 && this.#ahead.length <= this.#wanted / 2 && !this.#parts.busy()
    if (this.#waiting.length === 0 && !runsLow) return
    this.#poll?.cancel()
    if (now) void this.#claim()
    else this.#poll = this.#parts.clock.startTimer(this.#nextPollMs(), () => void this.#claim())
  }

  /** With chance, so that many supervisors do not ask at one moment; no later than somebody's patience ends. */
  #nextPollMs(): number {
    const { clock, random } = this.#parts
    const soonestMs = Math.min(...this.#waiting.map(({ untilMs }) => untilMs)) - clock.monotonicMs()
    return Math.max(0, Math.min(this.#pauseMs * (0.5 + random() / 2), soonestMs))
  }

  async #claim(): Promise<void> {
    const { clock, session, busy, lostClaims, queue, room, store } = this.#parts
    const startedAtMs = clock.monotonicMs()
    const asked = this.#waiting.reduce((sum, { limit }) => sum + limit, 0)
    const limit = Math.min(
      asked + (busy() ? 0 : this.#wanted) - this.#ahead.length,
      limits.recordsBatch,
      room(),
    )
    if (limit <= 0) return this.#foundNone(this.#waiting)
    const fromBeginning = startedAtMs - this.#lookedFromBeginningAtMs >= limits.recordsLookMs
    const from = fromBeginning ? undefined : this.#from
    const lookedFor = [...this.#waiting]
    this.#claiming = true
    const number = lostClaims.next()
    let id: string | undefined
    try {
      const bounds = { timeoutMs: this.#parts.timeoutMs(), maxAttempts: this.#parts.maxAttempts() }
      id = await session.get()
      const records = await store.claim({ session: id, number, queue, limit, from, ...bounds })
      this.#claiming = false
      if (session.current !== id) return this.#claimedForNobody(records)
      if (from === undefined) this.#lookedFromBeginningAtMs = startedAtMs
      this.#from = records.length < limit ? undefined : records.at(-1)?.position
      if (records.length > 0) this.#arrived(records, lookedFor, startedAtMs)
      else if (from === undefined) this.#foundNone(lookedFor)
      else this.#claimSoon(true)
    } catch (error) {
      this.#claiming = false
      if (error instanceof StoreFailure && error.outcomeUnknown) lostClaims.add(number)
      this.#failed(error, id)
    }
  }

  /** The session that they were claimed for was lost while the answer was on its way, and another may stand by now. */
  #claimedForNobody(records: readonly ClaimedRecord[]): void {
    this.#parts.giveBack(records)
    this.#from = undefined
    this.#claimSoon(true)
  }

  #arrived(records: readonly ClaimedRecord[], lookedFor: readonly Waiter[], startedAtMs: number): void {
    this.#learn(startedAtMs - this.#claimedAtMs)
    this.#claimedAtMs = startedAtMs
    this.#parts.claimed(records.length)
    this.#ahead.push(...records)
    this.#pauseMs = 0
    this.#serve('partly')
    this.#dismissImpatient(lookedFor)
    this.#claimSoon(true)
  }

  #foundNone(lookedFor: readonly Waiter[]): void {
    this.#serve('partly')
    this.#wanted = 0
    this.#pauseMs = Math.min(Math.max(limits.recordsPollMsMin, this.#pauseMs * 2), limits.recordsPollMsMax)
    this.#dismissImpatient(lookedFor)
    this.#claimSoon(false)
  }

  /** Those for whom was looked, and whose time is up. */
  #dismissImpatient(lookedFor: readonly Waiter[]): void {
    const nowMs = this.#parts.clock.monotonicMs()
    const impatient = new Set(lookedFor.filter(({ untilMs }) => untilMs <= nowMs))
    this.#waiting = this.#waiting.filter((waiter) => !impatient.has(waiter))
    for (const { resolve } of impatient) resolve([])
  }

  /** @param session that the claim was made for */
  #failed(error: unknown, session: string | undefined): void {
    this.#from = undefined
    if (error instanceof StoreFailure && error.reason === 'session_lost' && session !== undefined) {
      this.#parts.session.forget(session)
      this.#claimSoon(true)
    } else {
      this.refuse(error)
    }
  }
}
