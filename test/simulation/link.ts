// The way from one supervisor to one target: what a network, a proxy and a fail-over do to a request. The worst of them
// are here on purpose: an answer lost after the COMMIT, and a request that arrives long after its sender gave up.

import type { Unreached } from '../../supervisor/core/target.ts'
import type { Fate } from './database.ts'
import type { Pulse } from './pulse.ts'
import type { Random } from './random.ts'
import type { Scheduler } from './scheduler.ts'

export type LinkState =
  | 'up'
  | 'refused'
  | 'black_hole'
  | 'read_only'
  | 'expired_password'
  | 'too_many_connections'

/** How likely each is for one request while the link is up. */
export interface LinkFaults {
  readonly dropBeforeCommit: number
  readonly loseAnswer: number
  /** As above, and the sender is not even told that the connection is gone. */
  readonly hang: number
  /** The sender sees a broken connection; the request arrives late. */
  readonly zombie: number
  readonly slow: number
  readonly deadlocks: number
}

export const noFaults: LinkFaults = {
  dropBeforeCommit: 0,
  loseAnswer: 0,
  hang: 0,
  zombie: 0,
  slow: 0,
  deadlocks: 0,
}

/** What happens to one request. */
export type RequestFailure = 'refused' | 'dropBeforeCommit' | 'loseAnswer' | 'hang' | 'zombie'

export interface Link {
  state: LinkState
  faults: LinkFaults
  /** The number of the request that fails, and how. */
  failsAt: { readonly request: number; readonly how: RequestFailure } | undefined
  /** How many there were. */
  requests: number
  /** What a black hole has swallowed and may yet let through. */
  readonly swallowed: (() => void)[]
}

export function createLink(): Link {
  return { state: 'up', faults: noFaults, failsAt: undefined, requests: 0, swallowed: [] }
}

/** The black hole ends: what it held arrives, or never does. */
export function letThrough(link: Link, random: Random): void {
  for (const arrive of link.swallowed.splice(0)) if (random.chance(0.5)) arrive()
}

export interface LinkParts {
  readonly link: Link
  readonly scheduler: Scheduler
  readonly random: Random
  readonly bite: (fault: string) => void
  readonly trace: (line: string) => void
  /** Of the process that asks. A dead one hears nothing. */
  readonly pulse: Pulse
  /** Runs what that process hears: at once, or when it goes on where it stands still. */
  readonly hear?: (heard: () => void) => void
}

type Answer<T> = { readonly reached: true; readonly outcomes: T } | Unreached

const unreachable: Readonly<Record<Exclude<LinkState, 'up' | 'black_hole'>, string>> = {
  refused: 'refused',
  read_only: 'read_only',
  expired_password: 'authentication',
  too_many_connections: 'too_many_connections',
}

/** Sends a request and says what its sender sees. */
export function ask<T>(
  parts: LinkParts,
  signal: AbortSignal,
  work: (fate: Fate) => Promise<T | undefined>,
): Promise<Answer<T>> {
  const { link, scheduler, random, bite, pulse, hear = atOnce } = parts
  const fails = ++link.requests === link.failsAt?.request ? link.failsAt.how : undefined
  const faults = fails === undefined || fails === 'refused' ? link.faults : { ...link.faults, [fails]: 1 }
  return new Promise((resolve) => {
    let sent = false
    let settled = false

    function settle(answer: Answer<T>): void {
      if (settled || !pulse.alive) return
      settled = true
      signal.removeEventListener('abort', abort)
      resolve(answer)
    }
    function unreached(reason: string, outcomeUnknown: boolean): void {
      hear(() => settle({ reached: false, reason, message: `the database: ${reason}`, outcomeUnknown }))
    }
    function abort(): void {
      bite('gave_up')
      unreached('timeout', sent)
    }
    function latency(): number {
      if (!random.chance(faults.slow)) return random.between(0, 4)
      bite('slow')
      return random.between(500, 20_000)
    }
    async function serve(fate: Fate, answered: boolean, broken: boolean): Promise<void> {
      const outcomes = await work(fate)
      if (!answered) return
      scheduler.after(latency(), () => {
        if (outcomes === undefined || broken) unreached('reset', true)
        else hear(() => settle({ reached: true, outcomes }))
      })
    }
    function arrive(): void {
      sent = true
      const fate: Fate = {
        dropBeforeCommit: drawn(random, faults.dropBeforeCommit, 'drop_before_commit', bite),
        deadlocks: faults.deadlocks,
      }
      if (drawn(random, faults.zombie, 'zombie', bite)) {
        scheduler.after(random.between(20, 30_000), () => void serve(fate, false, true))
        unreached('reset', true)
      } else if (drawn(random, faults.hang, 'hang', bite)) {
        void serve(fate, false, true)
      } else {
        void serve(fate, true, drawn(random, faults.loseAnswer, 'lost_answer', bite))
      }
    }
    function depart(): void {
      if (settled) return
      const state = fails === 'refused' ? fails : link.state
      if (state !== 'up') bite(state)
      if (state === 'up') arrive()
      else if (state === 'black_hole') disappear()
      else unreached(unreachable[state], false)
    }
    function disappear(): void {
      // On a session that stood before: the request may arrive once the way is free again.
      sent = random.chance(0.7)
      if (sent) link.swallowed.push(() => void serve({ dropBeforeCommit: false, deadlocks: 0 }, true, false))
    }

    if (signal.aborted) return unreached('timeout', false)
    signal.addEventListener('abort', abort, { once: true })
    scheduler.after(latency(), depart, () => pulse.alive)
  })
}

const atOnce = (heard: () => void) => heard()

function drawn(random: Random, probability: number, fault: string, bite: (fault: string) => void): boolean {
  if (!random.chance(probability)) return false
  bite(fault)
  return true
}
