// Finds a flow that lives and does not get on (`CONTAINER_FLOW_STUCK_AFTER`).
//
// What counts as progress depends on what the flow has in its hands:
// - records: only what brings work on. One of them settled, records enqueued, an operation submitted, or the flow's own
//   word for it (`POST /v1/ready` again). Neither lines of log nor further claims: a worker that hangs while another
//   thread writes, or an attempt that fails the same way for ever, looks just like that.
// - nothing: any sign of life. One of the above, a line of output, a claim, also one that waits.
// Processor time says nothing either way: a loop may spin, and who waits for an answer uses none.
//
// Never counted against the flow: a time in which a dependency is away (all are asked again before anything is done),
// and one in which this process did not run either (a frozen container).

import type { Clock, Timer } from '../core/clock.ts'
import { limits } from '../core/limits.ts'
import type { Logger } from '../core/logger.ts'
import { formatDuration } from '../core/units.ts'

/** Counts that only grow, but for the last two. */
export interface FlowActivity {
  readonly work: number
  readonly signs: number
  /** Records in its hands. */
  readonly held: number
  /** It waits for records at this moment. */
  readonly waiting: boolean
}

export interface StuckWatchParts {
  readonly clock: Clock
  readonly logger: Logger
  /** Undefined: nothing is watched. */
  stuckAfterMs(): number | undefined
  activity(): FlowActivity
  /** A dependency is known to be away. */
  outage(): boolean
  /** Asks every dependency now: one line for each that is away. */
  whatIsAway(): Promise<readonly string[]>
  /** What the kernel says the flow is doing, for the log. */
  describeFlow(): Readonly<Record<string, unknown>>
  restart(): void
  counted(result: 'restarted' | 'left'): void
}

export interface Finding {
  readonly message: string
  /** Wall-clock ms. */
  readonly sinceMs: number
}

export class StuckWatch {
  readonly #parts: StuckWatchParts
  #before: FlowActivity = { work: 0, signs: 0, held: 0, waiting: false }
  #lookedAtMs = 0
  #idleMs = 0
  #timer: Timer | undefined
  /** Changes whenever watching begins or ends, for those that come back late. */
  #turn = 0
  #restartedAtMs: number[] = []
  #finding: Finding | undefined

  constructor(parts: StuckWatchParts) {
    this.#parts = parts
  }

  /** Why the flow counts as stuck; kept until it runs again. */
  get finding(): Finding | undefined {
    return this.#finding
  }

  /** Since the last progress, in ms; undefined while nothing is watched. */
  get idleMs(): number | undefined {
    return this.#timer ? this.#idleMs : undefined
  }

  /** @param running the flow is ready, and nobody has asked it to end */
  follow(running: boolean): void {
    this.#turn++
    this.#timer?.cancel()
    this.#timer = undefined
    if (!running) return
    this.#finding = undefined
    if (this.#parts.stuckAfterMs() === undefined) return
    this.#before = this.#parts.activity()
    this.#idleMs = 0
    this.#lookLater()
  }

  #lookLater(): void {
    const afterMs = this.#parts.stuckAfterMs()
    if (afterMs === undefined) {
      this.#timer = undefined
      return
    }
    const everyMs = Math.min(Math.max(afterMs / 10, limits.stuckLookMsMin), limits.stuckLookMsMax)
    this.#lookedAtMs = this.#parts.clock.monotonicMs()
    this.#timer = this.#parts.clock.startTimer(everyMs, () => void this.#look(everyMs, afterMs))
  }

  async #look(everyMs: number, afterMs: number): Promise<void> {
    const { activity, clock, outage } = this.#parts
    const turn = this.#turn
    const now = activity()
    // What is beyond two looks is a time in which we did not run.
    const passedMs = Math.min(clock.monotonicMs() - this.#lookedAtMs, 2 * everyMs)
    this.#idleMs = progressed(this.#before, now) || outage() ? 0 : this.#idleMs + passedMs
    this.#before = now
    if (this.#idleMs === 0) this.#finding = undefined
    else if (this.#idleMs >= afterMs) await this.#found(now, turn)
    if (turn === this.#turn) this.#lookLater()
  }

  async #found(now: FlowActivity, turn: number): Promise<void> {
    const { activity, clock, counted, describeFlow, logger, restart, whatIsAway } = this.#parts
    const away = await whatIsAway()
    if (turn !== this.#turn || progressed(now, activity())) return
    const noProgress = `no progress for ${formatDuration(Math.round(this.#idleMs / 1000) * 1000)}${inHand(now)}`
    if (away.length > 0) {
      this.#idleMs = 0
      logger.info({ event: 'flow.waiting', away }, `${noProgress}, while ${away.join('; ')}: left alone`)
      return
    }
    const fields = { code: 'flow_stuck', idleMs: this.#idleMs, held: now.held, ...describeFlow() }
    const nowMs = clock.monotonicMs()
    this.#restartedAtMs = this.#restartedAtMs.filter((atMs) => nowMs - atMs < hourMs)
    if (this.#restartedAtMs.length < limits.stuckRestartsPerHour) {
      this.#restartedAtMs.push(nowMs)
      this.#find(`${noProgress}; being restarted`)
      counted('restarted')
      logger.error({ event: 'flow.stuck', ...fields }, `${noProgress}: the flow is restarted`)
      restart()
      return
    }
    const known = this.#finding !== undefined
    const left = `${noProgress}; left alone after ${limits.stuckRestartsPerHour} restarts within an hour`
    this.#find(left)
    if (known) return
    counted('left')
    logger.error({ event: 'flow.stuck_left', ...fields }, left)
  }

  #find(message: string): void {
    this.#finding = { message, sinceMs: this.#finding?.sinceMs ?? this.#parts.clock.wallMs() }
  }
}

const hourMs = 3_600_000

/** Whether the flow has got on from one look to the next. */
export function progressed(before: FlowActivity, now: FlowActivity): boolean {
  if (now.work !== before.work) return true
  if (now.held > 0) return before.held === 0 // its work begins
  return now.waiting || now.signs !== before.signs
}

function inHand({ held }: FlowActivity): string {
  if (held === 0) return ''
  return `, ${held === 1 ? 'a record' : `${held} records`} in its hands and none settled`
}
