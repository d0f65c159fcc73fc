// The one absolute time budget of a stop: it runs from the stop signal over draining, TERM, KILL and flushing.

import { limits } from '../core/limits.ts'

export interface StopBudget {
  /** Starts the budget; a first stop signal after a drain starts it anew, anything else leaves it running. */
  begin(graceMs: number, nowMs: number): void
  readonly running: boolean
  /** Until the flow is killed. */
  untilKillMs(nowMs: number): number
  /** Until the engine may kill the container. */
  untilEndMs(nowMs: number): number
}

export function createStopBudget(): StopBudget {
  let startedAtMs: number | undefined
  let graceMs = 0
  return {
    begin(newGraceMs, nowMs) {
      startedAtMs = nowMs
      graceMs = newGraceMs
    },
    get running() {
      return startedAtMs !== undefined
    },
    untilKillMs: (nowMs) => Math.max(0, (startedAtMs ?? nowMs) + graceMs * limits.killAtShareOfGrace - nowMs),
    untilEndMs: (nowMs) => Math.max(0, (startedAtMs ?? nowMs) + graceMs - nowMs),
  }
}
