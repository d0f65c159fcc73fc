// The one table that changes the state. `step` is pure: it says which state comes next and which effects to run;
// `machine.ts` runs them. An event the table does not name is a fault of ours, never silently swallowed.
// Timers belong to the state that armed them: entering another state cancels them.

import type { Cause } from './exit.ts'

export const stateNames = [
  'validating',
  'gating',
  'starting',
  'running',
  'cleaning',
  'backoff',
  'reloading',
  'draining',
  'terminating',
  'killing',
  'flushing',
  'exited',
] as const

export type StateName = (typeof stateNames)[number]

export type LifecycleEvent =
  | { readonly type: 'config_ok' }
  | { readonly type: 'config_bad'; readonly cause: Cause }
  | { readonly type: 'config_changed' }
  | { readonly type: 'gate_open' }
  | { readonly type: 'flow_ready' }
  | { readonly type: 'flow_gone' }
  | { readonly type: 'flow_stuck' }
  | { readonly type: 'spawn_failed'; readonly cause: Cause }
  | { readonly type: 'retry' }
  | { readonly type: 'final'; readonly cause: Cause }
  | { readonly type: 'backoff_elapsed' }
  | { readonly type: 'tree_gone' }
  | { readonly type: 'flow_done'; readonly cause: Cause }
  | { readonly type: 'drain' }
  | { readonly type: 'drained' }
  | { readonly type: 'stop' }
  | { readonly type: 'flushed' }
  | { readonly type: 'deadline' }
  | { readonly type: 'internal_error'; readonly cause: Cause }

export type EventType = LifecycleEvent['type']

/** Things to do, in order. Each has exactly one handler in the composition root. */
export type Effect =
  | 'open_gate'
  | 'close_gate'
  | 'start_flow'
  | 'clean_tree'
  | 'abandon_cleaning'
  | 'stop_for_reload'
  | 'begin_drain'
  | 'terminate_tree'
  | 'kill_tree'
  | 'flush'
  | 'exit'

/** Timers a state arms on entry, and the event each one fires. Their length comes from the settings. */
export const stateTimers: Readonly<Partial<Record<StateName, Readonly<Record<string, EventType>>>>> = {
  gating: { gate_timeout: 'deadline' },
  starting: { ready_after: 'flow_ready', ready_timeout: 'deadline' },
  backoff: { restart_delay: 'backoff_elapsed' },
  reloading: { kill_at: 'deadline' },
  draining: { drain: 'deadline' },
  terminating: { kill_at: 'deadline' },
  killing: { kill_wait: 'deadline' },
  flushing: { flush: 'deadline' },
}

/** Where no event other than the end of the container leads out of any more. */
export const endingStates: ReadonlySet<StateName> = new Set([
  'draining',
  'terminating',
  'killing',
  'flushing',
  'exited',
])

export interface Lifecycle {
  readonly state: StateName
  /** Why the container ends, once something has decided that it does. */
  readonly cause: Cause | undefined
  /** Stop signals received. A first one is graceful, a second one is not. */
  readonly stops: number
}

export const initialLifecycle: Lifecycle = { state: 'validating', cause: undefined, stops: 0 }

export interface Step {
  readonly next: Lifecycle
  readonly effects: readonly Effect[]
  /** False when the table has no entry for this event in this state. */
  readonly known: boolean
}

interface Transition {
  readonly to: StateName
  /** The reason that this event decides on, unless one was decided before. */
  readonly cause?: Cause
  /** Effects of a transition that stays in its state. */
  readonly effects?: readonly Effect[]
  /** The cause replaces an earlier one. */
  readonly overrides?: true
}

const entryEffects: Readonly<Record<StateName, readonly Effect[]>> = {
  validating: [],
  gating: ['open_gate'],
  starting: ['start_flow'],
  running: [],
  cleaning: ['clean_tree'],
  backoff: [],
  reloading: ['stop_for_reload'],
  draining: ['begin_drain'],
  terminating: ['terminate_tree'],
  killing: ['kill_tree'],
  flushing: ['flush'],
  exited: ['exit'],
}

const exitEffects: Readonly<Partial<Record<StateName, readonly Effect[]>>> = {
  gating: ['close_gate'],
  cleaning: ['abandon_cleaning'],
}

const stopped: Cause = { reason: 'stopped' }
const notReadyInTime: Cause = { reason: 'dependency_unavailable' }
export const unkillable: Cause = {
  reason: 'internal',
  message: 'something of the flow is alive after SIGKILL (uninterruptible sleep, or no CAP_KILL)',
}

export function step(current: Lifecycle, event: LifecycleEvent): Step {
  const { state } = current
  const stops = event.type === 'stop' ? current.stops + 1 : current.stops
  const transition = transitionFor(current, event)
  if (!transition) return { next: { ...current, stops }, effects: [], known: false }

  const cause = transition.overrides ? transition.cause : (current.cause ?? transition.cause)
  const next: Lifecycle = { state: transition.to, cause, stops }
  if (transition.to === state) return { next, effects: transition.effects ?? [], known: true }
  return {
    next,
    effects: [...(exitEffects[state] ?? []), ...entryEffects[transition.to]],
    known: true,
  }
}

function transitionFor(current: Lifecycle, event: LifecycleEvent): Transition | undefined {
  const { state, stops } = current
  if (event.type === 'internal_error') return onInternalError(state, event.cause)

  switch (state) {
    case 'validating':
      switch (event.type) {
        case 'config_ok':
          return { to: 'gating' }
        case 'config_bad':
          return { to: 'exited', cause: event.cause }
        case 'stop':
          return { to: 'exited', cause: stopped }
      }
      return undefined

    case 'gating':
      switch (event.type) {
        case 'gate_open':
          return { to: 'starting' }
        case 'config_changed':
          return { to: 'gating', effects: ['close_gate', 'open_gate'] }
        case 'deadline':
          return { to: 'flushing', cause: notReadyInTime }
        case 'drain':
        case 'stop':
          return { to: 'flushing', cause: stopped }
      }
      return undefined

    case 'starting':
      switch (event.type) {
        case 'flow_ready':
          return { to: 'running' }
        case 'flow_gone':
        case 'deadline':
          return { to: 'cleaning' }
        case 'spawn_failed':
          return { to: 'flushing', cause: event.cause }
        case 'config_changed':
          return { to: 'reloading' }
        case 'drain':
        case 'stop':
          return { to: 'terminating', cause: stopped }
      }
      return undefined

    case 'running':
      switch (event.type) {
        case 'flow_gone':
        case 'flow_stuck':
          return { to: 'cleaning' }
        case 'drain':
        case 'stop':
          return { to: 'draining', cause: stopped }
        case 'config_changed':
          return { to: 'reloading' }
        case 'flow_ready':
          return stay(state) // a flow may say so twice
      }
      return undefined

    case 'cleaning':
      switch (event.type) {
        case 'retry':
          return { to: 'backoff' }
        case 'final':
          return { to: 'flushing', cause: event.cause }
        case 'drain':
        case 'stop':
          return { to: 'terminating', cause: stopped }
        case 'flow_gone': // its leader, ended by us after a missed deadline or a stuck flow
        case 'flow_ready':
        case 'config_changed': // the next start has the new settings anyway
          return stay(state)
      }
      return undefined

    case 'backoff':
      switch (event.type) {
        case 'backoff_elapsed':
        case 'config_changed':
          return { to: 'gating' }
        case 'drain':
        case 'stop':
          return { to: 'flushing', cause: stopped }
      }
      return undefined

    case 'reloading':
      switch (event.type) {
        case 'tree_gone':
          return { to: 'gating' }
        case 'flow_done':
          return { to: 'flushing', cause: event.cause }
        case 'deadline':
          return { to: 'reloading', effects: ['kill_tree'] }
        case 'drain':
        case 'stop':
          return { to: 'terminating', cause: stopped }
        case 'config_changed':
        case 'flow_gone':
        case 'flow_ready':
          return stay(state)
      }
      return undefined

    case 'draining':
      switch (event.type) {
        case 'drained':
        case 'deadline':
        case 'flow_gone':
          return { to: 'terminating' }
        case 'stop':
          return { to: stops === 0 ? 'terminating' : 'killing' }
        case 'drain':
        case 'config_changed':
        case 'flow_ready':
          return stay(state)
      }
      return undefined

    case 'terminating':
      switch (event.type) {
        case 'tree_gone':
          return { to: 'flushing' }
        case 'deadline':
          return { to: 'killing' }
        case 'stop':
          return { to: stops === 0 ? 'terminating' : 'killing' }
        case 'drain':
        case 'drained':
        case 'flow_gone':
        case 'flow_ready':
        case 'config_changed':
          return stay(state)
      }
      return undefined

    case 'killing':
      switch (event.type) {
        case 'tree_gone':
          return { to: 'flushing' }
        case 'deadline':
          return { to: 'flushing', cause: unkillable, overrides: true }
        case 'stop':
        case 'drain':
        case 'drained':
        case 'flow_gone':
        case 'flow_ready':
        case 'config_changed':
          return stay(state)
      }
      return undefined

    case 'flushing':
      switch (event.type) {
        case 'flushed':
        case 'deadline':
        case 'stop':
          return { to: 'exited' }
        case 'drain':
        case 'config_changed':
        case 'flow_gone': // of a process that outlived even KILL
        case 'tree_gone':
          return stay(state)
      }
      return undefined

    case 'exited':
      return stay(state)
  }
}

/** Our own fault, whatever the state: the flow is killed and the container ends with 70. */
function onInternalError(state: StateName, cause: Cause): Transition {
  switch (state) {
    case 'validating':
    case 'flushing':
      return { to: 'exited', cause }
    case 'gating':
    case 'backoff':
      return { to: 'flushing', cause }
    case 'exited':
    case 'killing':
      return { to: state, cause }
    default:
      return { to: 'killing', cause }
  }
}

function stay(state: StateName): Transition {
  return { to: state }
}
