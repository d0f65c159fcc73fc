// Runs the lifecycle table: keeps the current state, its timers, and calls the effects. One event at a time:
// an event that an effect dispatches waits until the effects before it are done.

import type { Clock, Timer } from './clock.ts'
import {
  type Effect,
  initialLifecycle,
  type Lifecycle,
  type LifecycleEvent,
  type StateName,
  stateTimers,
  step,
} from './lifecycle.ts'

export interface Transition {
  readonly from: StateName
  readonly to: StateName
  readonly event: LifecycleEvent
}

export interface MachineParts {
  readonly clock: Clock
  readonly effects: Readonly<Record<Effect, (lifecycle: Lifecycle) => void>>
  /** How long a timer of the state runs, in ms; undefined leaves it unarmed. */
  timerMs(timer: string, lifecycle: Lifecycle): number | undefined
  changed(transition: Transition): void
  /** An event the table does not know in this state. */
  unexpected(state: StateName, event: LifecycleEvent): void
}

export interface Machine {
  dispatch(event: LifecycleEvent): void
  readonly lifecycle: Lifecycle
  /** Timers armed at the moment, for tests. */
  readonly armedTimers: number
}

export function createMachine(parts: MachineParts): Machine {
  let lifecycle = initialLifecycle
  let timers: Timer[] = []
  const waiting: LifecycleEvent[] = []
  let busy = false

  function dispatch(event: LifecycleEvent): void {
    waiting.push(event)
    if (busy) return
    busy = true
    try {
      for (let next = waiting.shift(); next; next = waiting.shift()) handle(next)
    } finally {
      busy = false
    }
  }

  function handle(event: LifecycleEvent): void {
    const from = lifecycle.state
    const { next, effects, known } = step(lifecycle, event)
    lifecycle = next
    if (!known) {
      parts.unexpected(from, event)
      return
    }
    if (next.state !== from) {
      for (const timer of timers) timer.cancel()
      timers = []
      parts.changed({ from, to: next.state, event })
      armTimers(next)
    }
    for (const effect of effects) parts.effects[effect](lifecycle)
  }

  function armTimers(entered: Lifecycle): void {
    for (const [name, type] of Object.entries(stateTimers[entered.state] ?? {})) {
      const delayMs = parts.timerMs(name, entered)
      if (delayMs === undefined) continue
      // Every event a timer fires has no payload; the table says which.
      timers.push(parts.clock.startTimer(delayMs, () => dispatch({ type } as LifecycleEvent)))
    }
  }

  return {
    dispatch,
    get lifecycle() {
      return lifecycle
    },
    get armedTimers() {
      return timers.length
    },
  }
}
