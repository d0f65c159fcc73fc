// A clock that stands still until a test moves it.

import type { Clock, Timer } from '../../supervisor/core/clock.ts'

export interface TestClock extends Clock {
  /** Moves time on and fires what falls due, in order of its time. */
  advance(ms: number): void
  /** Timers that are armed at the moment. */
  readonly armed: number
  /** Until the next timer fires; undefined when none is armed. */
  readonly nextInMs: number | undefined
}

export function createTestClock(startWallMs = Date.parse('2030-01-01T00:00:00Z')): TestClock {
  let nowMs = 0
  let sequence = 0
  const armed = new Map<Timer, { atMs: number; order: number; fire: () => void }>()

  function first(untilMs: number): [Timer, { atMs: number; fire: () => void }] | undefined {
    return [...armed]
      .filter(([, timer]) => timer.atMs <= untilMs)
      .sort(([, a], [, b]) => a.atMs - b.atMs || a.order - b.order)[0]
  }

  return {
    wallMs: () => startWallMs + nowMs,
    monotonicMs: () => nowMs,
    startTimer(delayMs, fire) {
      const timer: Timer = { cancel: () => armed.delete(timer) }
      armed.set(timer, { atMs: nowMs + Math.max(0, delayMs), order: sequence++, fire })
      return timer
    },
    advance(ms) {
      const untilMs = nowMs + ms
      for (let due = first(untilMs); due; due = first(untilMs)) {
        const [timer, { atMs, fire }] = due
        armed.delete(timer)
        nowMs = atMs
        fire()
      }
      nowMs = untilMs
    },
    get armed() {
      return armed.size
    },
    get nextInMs() {
      const next = first(Number.POSITIVE_INFINITY)
      return next && next[1].atMs - nowMs
    },
  }
}
