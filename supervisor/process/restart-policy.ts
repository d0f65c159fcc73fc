// Whether the flow is started again after it ended, and when. Pure but for its memory of past restarts.
// The delay doubles with each failure in a row and is spread over its upper half, so that replicas that died together
// don't come back together. A flow that stayed up for a whole window begins again at the shortest delay.

import { type Cause, type FlowExit, reasonOfFlowExit } from '../core/exit.ts'

export interface RestartSettings {
  readonly policy: 'never' | 'on-failure' | 'always'
  readonly backoffMinMs: number
  readonly backoffMaxMs: number
  /** Restarts within the window; one more ends the container. */
  readonly max: number
  readonly windowMs: number
}

export interface FlowEnd {
  readonly exit: FlowExit
  /** How long the flow had been up, in ms. */
  readonly uptimeMs: number
  /** The supervisor ended it: it missed its readiness deadline, or it was stuck. */
  readonly failure?: 'not_ready' | 'stuck'
}

export type RestartDecision =
  | { readonly retry: true; readonly delayMs: number }
  | { readonly retry: false; readonly cause: Cause }

export interface RestartPolicy {
  decide(end: FlowEnd, nowMs: number): RestartDecision
  /** All restarts of the window are used up: one more failure is a crash loop. */
  exhausted(nowMs: number): boolean
  /** Goes on with other settings and the same memory. */
  reconfigure(settings: RestartSettings): void
}

export function createRestartPolicy(initial: RestartSettings, random: () => number): RestartPolicy {
  let settings = initial
  let restartTimesMs: number[] = []
  let failuresInARow = 0

  function recent(nowMs: number): number[] {
    return restartTimesMs.filter((timeMs) => nowMs - timeMs < settings.windowMs)
  }

  function decide(end: FlowEnd, nowMs: number): RestartDecision {
    const failed = end.failure !== undefined || end.exit.status !== 0
    const reason = end.failure === 'not_ready' ? 'not_ready' : reasonOfFlowExit(end.exit)
    // A flow that obeyed its stop signal with 0 has failed all the same.
    const failure = end.failure && { code: end.exit.status || 1 }
    const stuck = end.failure === 'stuck' && { message: 'the flow made no progress' }
    const wanted = settings.policy === 'always' || (settings.policy === 'on-failure' && failed)
    if (!wanted) return { retry: false, cause: { reason, ...failure, ...stuck } }

    restartTimesMs = recent(nowMs)
    if (restartTimesMs.length >= settings.max) {
      const message = `${settings.max} restarts within the window were not enough; the last flow: ${end.failure ?? reason}`
      return { retry: false, cause: { reason: 'crash_loop', ...failure, message } }
    }
    if (end.uptimeMs >= settings.windowMs) failuresInARow = 0
    const ceilingMs = Math.min(settings.backoffMaxMs, settings.backoffMinMs * 2 ** failuresInARow)
    failuresInARow = Math.min(failuresInARow + 1, 52)
    restartTimesMs.push(nowMs)
    return { retry: true, delayMs: Math.round(ceilingMs * (0.5 + random() / 2)) }
  }

  return {
    decide,
    exhausted: (nowMs) =>
      settings.policy !== 'never' && settings.max > 0 && recent(nowMs).length >= settings.max,
    reconfigure(next) {
      settings = next
    },
  }
}
