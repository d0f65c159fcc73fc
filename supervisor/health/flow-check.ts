// The check `flow`: known at any time without a run, from what the lifecycle says.

import { endingStates, type StateName } from '../core/lifecycle.ts'
import type { CheckOutcome } from './check.ts'

export interface FlowView {
  readonly alive: boolean
  readonly ready: boolean
  /** 1 for the first start in the container's life. */
  readonly generation: number
  readonly restarts: number
  /** So many restarts within the window that the cap is near: running now says little. */
  readonly crashLooping: boolean
  /** Why it counts as stuck, if it does. */
  readonly stuck: string | undefined
  /** Wall-clock ms of the last change of any of these. */
  readonly sinceMs: number
}

export function flowOutcome(state: StateName, flow: FlowView): CheckOutcome {
  const count = `generation ${flow.generation}, restarts ${flow.restarts}`
  if (flow.stuck !== undefined && !endingStates.has(state)) {
    return { status: 'unhealthy', message: `${flow.stuck} (${count})` }
  }
  if (state === 'running') {
    if (!flow.alive) return { status: 'unhealthy', message: `not running (${count})` }
    if (flow.crashLooping) return { status: 'unhealthy', message: `keeps crashing (${count})` }
    return { status: 'healthy', message: `running (${count})` }
  }
  if (flow.alive && endingStates.has(state)) return { status: 'degraded', message: `stopping (${count})` }
  if (flow.alive)
    return { status: 'degraded', message: `${state}, ${flow.ready ? '' : 'not '}ready (${count})` }
  return {
    status: 'unhealthy',
    message: flow.generation === 0 ? 'not started yet' : `not running (${count})`,
  }
}
