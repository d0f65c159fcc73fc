// How long each of the lifecycle's timers runs.

import type { StateName } from '../core/lifecycle.ts'
import { limits } from '../core/limits.ts'
import type { StopBudget } from './stop-budget.ts'

export interface TimerSettings {
  readonly gate: { readonly timeoutMs: number }
  readonly flow: {
    readonly ready: 'alive' | 'notify'
    readonly readyAfterMs: number
    readonly readyTimeoutMs: number
  }
  readonly stop: { readonly graceMs: number; readonly drainMs: number }
}

/** In ms; undefined for a timer that is not to run. */
export function timerLengthMs(
  timer: string,
  state: StateName,
  settings: TimerSettings,
  now: { readonly nowMs: number; readonly budget: StopBudget; readonly restartDelayMs: number },
): number | undefined {
  switch (timer) {
    case 'gate_timeout':
      return settings.gate.timeoutMs
    case 'ready_after':
      return settings.flow.ready === 'alive' ? settings.flow.readyAfterMs : undefined
    case 'ready_timeout':
      return settings.flow.readyTimeoutMs
    case 'restart_delay':
      return now.restartDelayMs
    case 'drain':
      return settings.stop.drainMs
    case 'kill_at':
      return state === 'reloading'
        ? settings.stop.graceMs * limits.killAtShareOfGrace
        : now.budget.untilKillMs(now.nowMs)
    case 'kill_wait':
      return killWaitMs(now.budget, now.nowMs)
    case 'flush':
      return flushMs(settings.stop.graceMs, now.budget, now.nowMs)
    default:
      throw new Error(`no length is known for the timer ${timer}`)
  }
}

/** Under a stop the flush after it has to fit into the budget, too. */
function killWaitMs(budget: StopBudget, nowMs: number): number {
  if (!budget.running) return limits.killWaitMs
  const shareMs = budget.untilEndMs(nowMs) * limits.killWaitShareOfRest
  return Math.min(limits.killWaitMs, Math.max(limits.killWaitMsMin, shareMs))
}

/**
 * Under a stop half of what is left of its budget, for there are two flushes; otherwise nobody waits to kill us.
 * Also when the budget is spent, the line that says why the container ends gets its chance.
 */
export function flushMs(graceMs: number, budget: StopBudget, nowMs: number): number {
  return budget.running
    ? Math.max(limits.flushMsMin, budget.untilEndMs(nowMs) / 2)
    : Math.max(graceMs, limits.flushPatienceMs)
}
