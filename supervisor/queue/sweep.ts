// Finds operations that are past their time where replay does not look: in lanes that pause, and while their target is
// away. While the queue is empty it does nothing.

import type { Clock, Timer } from '../core/clock.ts'
import { messageOf } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import type { Logger } from '../core/logger.ts'
import type { Channel } from './channel.ts'
import type { Entry, Journal } from './journal.ts'
import type { Lanes } from './lanes.ts'
import { type Late, overdue, settleWithTarget } from './overdue.ts'
import type { Report } from './report.ts'
import { settle } from './settle.ts'
import { dead, type Verdict } from './verdict.ts'

export interface SweepTarget {
  readonly channel: Channel
  readonly lanes: Lanes
}

export interface SweepParts {
  readonly clock: Clock
  random(): number
  readonly logger: Logger
  readonly journal: Journal
  readonly report: Report
  maxAgeMs(): number
  targetOf(name: string): SweepTarget | undefined
  /** After each look: should a wake ever have been missed, it is made up for now. */
  looked(): void
}

export class Sweep {
  readonly #parts: SweepParts
  readonly #stopping = new AbortController()
  #timer: Timer | undefined
  #underWay: Promise<void> | undefined
  /** The journal may hold more than its figures say, until it has been read. */
  #unsure = false

  constructor(parts: SweepParts) {
    this.#parts = parts
  }

  /** @param unsure a write has failed, so that the journal may hold more than its figures say */
  wake(unsure = false): void {
    if (unsure) this.#unsure = true
    if (this.#timer || this.#underWay || this.#stopping.signal.aborted) return
    if (this.#parts.journal.figures.operations === 0 && !this.#unsure) return
    this.#timer = this.#parts.clock.startTimer(limits.overdueCheckMs, () => {
      this.#timer = undefined
      this.#underWay = this.#look().finally(() => {
        this.#underWay = undefined
        this.#parts.looked()
        this.wake()
      })
    })
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the container is stopping'))
    this.#timer?.cancel()
    await this.#underWay
  }

  async #look(): Promise<void> {
    const { clock, journal, logger } = this.#parts
    const age = { nowWallMs: clock.wallMs(), maxAgeMs: this.#parts.maxAgeMs() }
    const acceptedBeforeWallMs = age.nowWallMs - age.maxAgeMs
    const wasUnsure = this.#unsure
    this.#unsure = false
    try {
      const { nowWallMs } = age
      const entries = await journal.overdue({ nowWallMs, acceptedBeforeWallMs, limit: limits.overdueBatch })
      const late = entries.flatMap((entry): Late[] => {
        const reason = overdue(entry, age)
        return reason ? [{ entry, reason }] : []
      })
      const byTarget = Map.groupBy(late, ({ entry }) => entry.operation.target)
      for (const [name, ofTarget] of byTarget) await this.#settleOne(name, ofTarget)
    } catch (error) {
      this.#unsure ||= wasUnsure
      logger.error(
        { event: 'queue.read_failed' },
        `cannot look for operations that are too old, which is tried again: ${messageOf(error)}`,
      )
    }
  }

  async #settleOne(name: string, late: readonly Late[]): Promise<void> {
    const target = this.#parts.targetOf(name)
    const keys = new Set(late.map(({ entry }) => entry.operation.key))
    const ours = new Set([...keys].filter((key) => !target || target.lanes.take(key)))
    try {
      const mine = await this.#stillQueued(late.filter(({ entry }) => ours.has(entry.operation.key)))
      const sure = mine.filter(({ entry }) => !entry.maybeApplied)
      const unsure = mine.filter(({ entry }) => entry.maybeApplied)
      await this.#write(sure.map(({ entry, reason }) => dead(entry, reason)))
      if (target && unsure.length > 0) await this.#write(await ask(unsure, target.channel))
    } finally {
      target?.lanes.release(ours)
    }
  }

  /** Before the lane was ours, replay may have sent what we read as never sent. */
  async #stillQueued(late: readonly Late[]): Promise<readonly Late[]> {
    const now = await Promise.all(late.map(({ entry }) => this.#parts.journal.show(entry.operation.id)))
    return late.flatMap(({ entry, reason }, index): Late[] => {
      const found: (Entry & { state: string }) | undefined = now[index]
      return found && found.seq === entry.seq && found.state !== 'dead' ? [{ entry: found, reason }] : []
    })
  }

  async #write(verdicts: readonly Verdict[]): Promise<void> {
    const changes = verdicts.map(({ change }) => change)
    const parts = { ...this.#parts, stopping: this.#stopping.signal }
    if (await settle(changes, parts)) for (const verdict of verdicts) this.#parts.report.settled(verdict)
  }
}

/** Nothing while the target is away: it is asked when it is back. */
async function ask(late: readonly Late[], channel: Channel): Promise<readonly Verdict[]> {
  const pass = channel.retired ? undefined : channel.breaker.begin()
  if (!pass) return []
  const some = late.slice(0, pass.limit)
  const settled = await settleWithTarget(some, channel)
  if ('reached' in settled) pass.unreached(settled)
  else pass.reached(some.length)
  channel.wake()
  return 'reached' in settled ? [] : settled.verdicts
}
