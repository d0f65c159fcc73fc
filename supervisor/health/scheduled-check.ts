// One check on its own schedule, and what its results amount to.
//
// Hysteresis: a result worse than what is shown is doubted; it is confirmed after a quarter of the interval, and only
// a second worse one in a row is shown, so that one blip doesn't empty a load balancer. A better result is shown at
// once, and so is anything after a first or a stale result, since there is nothing left to protect.

import type { Clock, Timer } from '../core/clock.ts'
import { messageOf } from '../core/errors.ts'
import { type CheckStatus, severityOf } from '../core/health.ts'
import { limits } from '../core/limits.ts'
import { formatDuration } from '../core/units.ts'
import type { CheckOutcome, HealthCheck } from './check.ts'
import type { CheckVerdict } from './status.ts'

export interface ScheduleParts {
  readonly clock: Clock
  random(): number
  /** Makes a message fit to be shown: once for each result, since asking has to cost nothing. */
  present(message: string): string
  /** The status shown has changed. `from` is undefined for the first result. */
  changed(check: HealthCheck, from: CheckStatus | undefined, to: CheckOutcome): void
}

export interface CheckView extends CheckVerdict {
  readonly message: string
  /** Wall-clock ms of the last change of `status`. */
  readonly sinceMs: number
  readonly durationMs: number
}

interface Shown extends CheckOutcome {
  readonly sinceMs: number
}

export class ScheduledCheck {
  readonly check: HealthCheck
  readonly #parts: ScheduleParts
  readonly #createdMonoMs: number
  readonly #createdMs: number
  #shown: Shown | undefined
  #doubted = false
  #durationMs = 0
  #answeredMonoMs: number | undefined
  #timer: Timer | undefined
  #run: { readonly abort: AbortController; readonly done: Promise<void> } | undefined
  #deadline: Timer | undefined
  #runAgain = false
  #stopped = false

  constructor(check: HealthCheck, parts: ScheduleParts, previous?: ScheduledCheck) {
    this.check = check
    this.#parts = parts
    this.#createdMonoMs = parts.clock.monotonicMs()
    this.#createdMs = parts.clock.wallMs()
    this.#shown = previous === undefined ? undefined : previous.#shown
  }

  /** Runs the check within `limits.healthSpreadMs`, so that the checks of a container don't all start at once. */
  runSoon(): void {
    if (this.#stopped) return
    if (this.#run) this.#runAgain = true
    else if (this.check.instant && this.#answeredMonoMs === undefined) this.#runIn(0)
    else this.#runIn(this.#parts.random() * Math.min(limits.healthSpreadMs, this.check.intervalMs))
  }

  /** Ends the schedule and aborts a run under way; resolves when that run has returned. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#timer?.cancel()
    this.#deadline?.cancel()
    this.#run?.abort.abort(new Error('health checks are stopping'))
    await this.#run?.done
  }

  record(outcome: CheckOutcome, durationMs: number): void {
    const wasStale = this.#staleSinceMs() !== undefined
    const shown = wasStale ? undefined : this.#shown
    this.#durationMs = durationMs
    this.#answeredMonoMs = this.#parts.clock.monotonicMs()
    if (shown && severityOf(outcome.status) > severityOf(shown.status) && !this.#doubted) {
      this.#doubted = true
      return
    }
    this.#doubted = false
    const changed = outcome.status !== shown?.status
    const sinceMs = changed ? this.#parts.clock.wallMs() : (shown?.sinceMs as number)
    const from = this.#shown?.status
    this.#shown = { status: outcome.status, message: this.#parts.present(outcome.message), sinceMs }
    if (outcome.status !== from) this.#parts.changed(this.check, from, this.#shown)
  }

  view(): CheckView {
    const dependency = this.check.dependency ?? false
    const durationMs = this.#durationMs
    const staleSinceMs = this.#staleSinceMs()
    if (staleSinceMs !== undefined) {
      const ageMs = this.#parts.clock.monotonicMs() - (this.#answeredMonoMs ?? this.#createdMonoMs)
      const message = `stale: no result for ${Math.round(ageMs / 1000)}s`
      return { status: 'unhealthy', message, sinceMs: staleSinceMs, durationMs, dependency, stale: true }
    }
    if (!this.#shown) {
      const sinceMs = this.#createdMs
      return { status: 'degraded', message: 'not checked yet', sinceMs, durationMs, dependency, stale: false }
    }
    return { ...this.#shown, durationMs, dependency, stale: false }
  }

  /** Wall-clock ms since when the last result is too old to say anything. */
  #staleSinceMs(): number | undefined {
    const { clock } = this.#parts
    const { intervalMs, timeoutMs } = this.check
    const ageMs = clock.monotonicMs() - (this.#answeredMonoMs ?? this.#createdMonoMs)
    const overdueMs = ageMs - (limits.healthStaleIntervals * intervalMs + timeoutMs)
    return overdueMs > 0 ? clock.wallMs() - overdueMs : undefined
  }

  #runIn(delayMs: number): void {
    this.#timer?.cancel()
    this.#timer = this.#parts.clock.startTimer(delayMs, () => {
      const abort = new AbortController()
      this.#run = { abort, done: this.#runOnce(abort) }
    })
  }

  /** A run that outlives its timeout is recorded as such at once, but the next one waits until it has returned. */
  async #runOnce(abort: AbortController): Promise<void> {
    const { clock } = this.#parts
    const { timeoutMs } = this.check
    const startedMs = clock.monotonicMs()
    this.#deadline = clock.startTimer(timeoutMs, () => {
      this.record({ status: 'unhealthy', message: `timed out after ${formatDuration(timeoutMs)}` }, timeoutMs)
      abort.abort(new Error('timed out'))
    })
    const outcome = await this.#outcomeOf(abort.signal)
    this.#deadline.cancel()
    this.#run = undefined
    if (this.#stopped) return
    if (!abort.signal.aborted) this.record(outcome, clock.monotonicMs() - startedMs)
    this.#scheduleNext()
  }

  async #outcomeOf(signal: AbortSignal): Promise<CheckOutcome> {
    try {
      return await this.check.run(signal)
    } catch (error) {
      return { status: 'unhealthy', message: messageOf(error) }
    }
  }

  #scheduleNext(): void {
    const { intervalMs } = this.check
    if (this.#runAgain) {
      this.#runAgain = false
      this.runSoon()
    } else {
      this.#runIn(this.#doubted ? intervalMs / 4 : intervalMs * (0.9 + 0.2 * this.#parts.random()))
    }
  }
}
