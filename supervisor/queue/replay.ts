// Drains the journal's entries for one target: takes a batch, delivers it, writes down what became of each. Batches under
// way never share a lane. Woken by events (something queued, a lane free again, the breaker) and by one timer for the
// next moment that is known; while there is nothing to do it does nothing.

import type { Clock, Timer } from '../core/clock.ts'
import { messageOf } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import type { Logger } from '../core/logger.ts'
import type { Unreached } from '../core/target.ts'
import type { Pass } from './breaker.ts'
import type { Channel } from './channel.ts'
import type { Entry, Journal } from './journal.ts'
import type { Lanes } from './lanes.ts'
import { type Late, overdue, settleWithTarget } from './overdue.ts'
import { pauseMs } from './pause.ts'
import type { Report } from './report.ts'
import { settle } from './settle.ts'
import { dead, maybeApplied, type Pauses, type Verdict, verdictOn } from './verdict.ts'

export interface ReplayParts {
  readonly clock: Clock
  random(): number
  readonly logger: Logger
  readonly journal: Journal
  readonly channel: Channel
  readonly lanes: Lanes
  readonly report: Report
  maxAgeMs(): number
  /** It has come to rest, or may have. */
  rested(): void
}

/** What a delivery brought. */
interface Brought {
  readonly verdicts: readonly Verdict[]
  /** Operations that the target was asked about. */
  readonly asked: number
  readonly unreached?: Unreached
}

const lanePause = { minMs: limits.lanePauseMinMs, maxMs: limits.lanePauseMaxMs }

export class Replay {
  readonly #parts: ReplayParts
  readonly #underWay = new Set<Promise<void>>()
  readonly #inDelivery = new Set<string>()
  readonly #timesHeld = new Map<number, number>()
  readonly #stopping = new AbortController()
  #woken = false
  #pumping = false
  #timer: Timer | undefined
  #timerAtMs = 0
  /** After a failure that did not open the breaker. */
  #pausedUntilMs = 0

  constructor(parts: ReplayParts) {
    this.#parts = parts
  }

  wake(): void {
    this.#woken = true
    if (!this.#pumping) void this.#pump()
  }

  isDelivering(id: string): boolean {
    return this.#inDelivery.has(id)
  }

  /** Whether it has something under way, or will have before `untilMs` if nothing new happens. */
  isBusy(untilMs: number): boolean {
    if (this.#pumping || this.#underWay.size > 0) return true
    const { breaker } = this.#parts.channel
    return this.#timer !== undefined && this.#timerAtMs <= untilMs && breaker.state !== 'open'
  }

  /** Takes nothing more; resolves when nothing is under way. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the container is stopping'))
    this.#timer?.cancel()
    this.#timer = undefined
    while (this.#underWay.size > 0) await Promise.all(this.#underWay)
  }

  async #pump(): Promise<void> {
    this.#pumping = true
    while (this.#woken && !this.#stopping.signal.aborted) {
      this.#woken = false
      await this.#begin()
    }
    this.#pumping = false
    this.#parts.rested()
  }

  /** Starts one batch, or sees to it that the next moment worth trying wakes us. */
  async #begin(): Promise<void> {
    const { channel, clock, lanes } = this.#parts
    if (this.#underWay.size >= limits.replayBatches || channel.retired || !this.#hasWork()) return
    const waitMs = Math.max(channel.breaker.waitMs, this.#pausedUntilMs - clock.monotonicMs())
    if (waitMs > 0) return this.#wakeIn(waitMs)
    const entries = await this.#take(channel.breaker.limit)
    if (entries.length === 0) return
    // Asked for again: the breaker may have opened meanwhile. Whoever has the pass wakes us at its end.
    const pass = channel.breaker.begin()
    if (!pass) return lanes.give(new Set(entries.map(({ operation }) => operation.key)))
    this.#woken = true
    const keys = new Set(entries.map(({ operation }) => operation.key))
    for (const { operation } of entries) this.#inDelivery.add(operation.id)
    const work = this.#work(entries, pass).finally(() => {
      this.#underWay.delete(work)
      for (const { operation } of entries) this.#inDelivery.delete(operation.id)
      lanes.release(keys)
      channel.wake()
    })
    this.#underWay.add(work)
  }

  #hasWork(): boolean {
    const figures = this.#parts.journal.figures.byTarget.get(this.#parts.channel.name)
    return figures !== undefined && figures.queued + figures.held > 0
  }

  /** Entries whose lanes are ours now. */
  async #take(limit: number): Promise<readonly Entry[]> {
    if (limit === 0) return []
    const { channel, clock, journal, lanes, logger } = this.#parts
    const watch = lanes.watch()
    try {
      const bounds = { limit, bytes: limits.replayBatchBytes, nowMs: clock.monotonicMs(), except: lanes.busy }
      const entries = await journal.take(channel.name, bounds)
      if (entries.length === 0) await this.#awaitNextLane()
      watch.end()
      if (this.#stopping.signal.aborted) return []
      const keys = new Set(entries.map(({ operation }) => operation.key))
      const ours = new Set([...keys].filter((key) => !watch.touched.has(key) && lanes.take(key)))
      // What was touched meanwhile is read anew.
      if (ours.size < keys.size) this.#woken = true
      return entries.filter(({ operation }) => ours.has(operation.key))
    } catch (error) {
      logger.error(
        { event: 'queue.read_failed', target: channel.name },
        `cannot read the queue, which is tried again: ${messageOf(error)}`,
      )
      this.#wakeIn(limits.settleMaxMs)
      return []
    } finally {
      watch.end()
    }
  }

  async #awaitNextLane(): Promise<void> {
    const { channel, clock, journal, lanes } = this.#parts
    const dueMs = await journal.nextDueMs(channel.name)
    if (dueMs === undefined) return
    const inMs = dueMs - clock.monotonicMs()
    // A lane that is due and was not given is one that somebody works on, and its end wakes us.
    if (inMs > 0) this.#wakeIn(inMs)
    else if (lanes.busy.length === 0) this.#wakeIn(limits.settleMinMs)
  }

  #wakeIn(ms: number): void {
    if (this.#stopping.signal.aborted) return
    const { clock } = this.#parts
    this.#timer?.cancel()
    this.#timerAtMs = clock.monotonicMs() + ms
    this.#timer = clock.startTimer(ms, () => {
      this.#timer = undefined
      this.wake()
    })
  }

  async #work(entries: readonly Entry[], pass: Pass): Promise<void> {
    const { channel, clock, report } = this.#parts
    const { verdicts, asked, unreached } = await this.#bring(entries)
    if (asked === 0) {
      pass.unused()
    } else if (unreached) {
      const waitMs = pass.unreached(unreached)
      if (channel.breaker.state === 'closed') this.#pausedUntilMs = clock.monotonicMs() + waitMs
    } else {
      pass.reached(asked)
    }
    const written = await settle(
      verdicts.map(({ change }) => change),
      { ...this.#parts, stopping: this.#stopping.signal },
    )
    if (!written) return
    for (const verdict of verdicts) {
      if (verdict.change.to !== 'held') this.#timesHeld.delete(verdict.entry.seq)
      else if (this.#timesHeld.get(verdict.entry.seq) !== 1) continue
      report.settled(verdict)
    }
  }

  async #bring(entries: readonly Entry[]): Promise<Brought> {
    const age = { nowWallMs: this.#parts.clock.wallMs(), maxAgeMs: this.#parts.maxAgeMs() }
    const late: Late[] = entries.flatMap((entry) => {
      const reason = overdue(entry, age)
      return reason ? [{ entry, reason }] : []
    })
    // What is late is settled first and alone: what comes after it in its lane waits until it can't be applied any more.
    return late.length > 0 ? this.#bury(late) : this.#deliver(entries)
  }

  async #bury(late: readonly Late[]): Promise<Brought> {
    const sure = late.filter(({ entry }) => !entry.maybeApplied)
    const unsure = late.filter(({ entry }) => entry.maybeApplied)
    const verdicts = sure.map(({ entry, reason }) => dead(entry, reason))
    const asked = unsure.length
    if (asked === 0) return { verdicts, asked }
    const settled = await settleWithTarget(unsure, this.#parts.channel)
    if ('reached' in settled) return { verdicts, asked, unreached: settled }
    return { verdicts: [...verdicts, ...settled.verdicts], asked }
  }

  async #deliver(entries: readonly Entry[]): Promise<Brought> {
    const asked = entries.length
    const answer = await this.#parts.channel.deliver(entries)
    if (answer.reached) {
      const pauses = this.#pauses()
      const verdicts = entries.flatMap((entry, index) => {
        const outcome = answer.outcomes[index]
        return (outcome && verdictOn(entry, outcome, pauses)) ?? []
      })
      return { verdicts, asked }
    }
    const verdicts = answer.outcomeUnknown ? entries.flatMap((entry) => maybeApplied(entry) ?? []) : []
    return { verdicts: [...verdicts, ...this.#stepAside(entries, answer)], asked, unreached: answer }
  }

  /**
   * A statement that a database took, alone, and did not end in time may wait for a lock that somebody holds for hours. Its
   * lane pauses, or it would be the one that is asked for again at every probe, and all other lanes would wait behind it.
   */
  #stepAside(entries: readonly Entry[], { outcomeUnknown, reason, message }: Unreached): Verdict[] {
    const [entry] = entries
    const { kind } = this.#parts.channel
    if (!entry || entries.length > 1 || kind !== 'database' || !outcomeUnknown || reason !== 'timeout')
      return []
    const notBeforeMs = this.#pauses().until(limits.deliveryAttempts)
    const change = { to: 'deferred', seq: entry.seq, notBeforeMs, reason: { code: reason, message } } as const
    return [{ entry, change }]
  }

  #pauses(): Pauses {
    const { clock } = this.#parts
    return {
      until: (failures) => clock.monotonicMs() + pauseMs(() => this.#parts.random(), lanePause, failures),
      timesHeld: ({ seq }) => {
        const times = (this.#timesHeld.get(seq) ?? 0) + 1
        if (times === 1 && this.#timesHeld.size >= limits.heldLanes) return limits.deliveryAttempts
        this.#timesHeld.set(seq, times)
        return times
      },
    }
  }
}
