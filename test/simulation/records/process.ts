// A process that can stand still, as one does that was sent SIGSTOP: what it hears and what its timers do waits until it
// goes on. What it has sent goes on without it.

import type { Pulse } from '../pulse.ts'
import type { Scheduler } from '../scheduler.ts'

export interface Process extends Pulse {
  readonly standsStill: boolean
  /** Events of this process alone. */
  readonly scheduler: Scheduler
  /** Milliseconds that its monotonic clock has not counted, because the whole machine stood still. */
  readonly uncountedMs: number
  hear(heard: () => void): void
  stand(): void
  /** @param counted whether its monotonic clock went on meanwhile */
  goOn(counted: boolean): void
}

/** What has waited happens within so many milliseconds, in any order. */
const catchUpMs = 2

export function createProcess(name: string, scheduler: Scheduler, random: { between: Between }): Process {
  let missed: (() => void)[] | undefined
  let stoodAtMs = 0
  let uncountedMs = 0

  const process: Process = {
    name,
    alive: true,
    get standsStill() {
      return missed !== undefined
    },
    get uncountedMs() {
      return uncountedMs
    },
    scheduler: {
      get nowMs() {
        return scheduler.nowMs
      },
      get events() {
        return scheduler.events
      },
      after(delayMs, fire, isAlive) {
        let cancelled = false
        const due = () => {
          if (!cancelled) fire()
        }
        const timer = scheduler.after(
          delayMs,
          () => process.hear(due),
          () => process.alive && isAlive?.() !== false,
        )
        return {
          cancel() {
            cancelled = true
            timer.cancel()
          },
        }
      },
      pause: (delayMs) => new Promise((resolve) => process.scheduler.after(delayMs, resolve)),
      run: (untilMs, isDone) => scheduler.run(untilMs, isDone),
    },
    hear(heard) {
      if (!process.alive) return
      if (missed) missed.push(heard)
      else heard()
    },
    stand() {
      if (missed) return
      missed = []
      stoodAtMs = scheduler.nowMs
    },
    goOn(counted) {
      const waiting = missed ?? []
      if (missed && !counted) uncountedMs += scheduler.nowMs - stoodAtMs
      missed = undefined
      for (const heard of waiting) scheduler.after(random.between(0, catchUpMs), () => process.hear(heard))
    },
  }
  return process
}

type Between = (min: number, max: number) => number
