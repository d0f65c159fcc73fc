// What an outcome means for an entry of the queue. Pure.

import { limits } from '../core/limits.ts'
import type { Outcome } from '../core/target.ts'
import type { Change, Entry, Reason } from './journal.ts'
import { overtaken } from './overtaken.ts'

export interface Verdict {
  readonly entry: Entry
  readonly change: Change
  /** With `done`: it was overtaken by a newer epoch and has no effect. */
  readonly fenced?: boolean
}

export interface Pauses {
  /** Monotonic ms until which a lane pauses after that many failures. */
  until(failures: number): number
  /** Times in a row that a permission was missing, this one included. */
  timesHeld(entry: Entry): number
}

/** Undefined: it stays where it is, in its place. */
export function verdictOn(entry: Entry, outcome: Outcome, pauses: Pauses): Verdict | undefined {
  const { seq } = entry
  switch (outcome.state) {
    case 'applied': {
      const { result } = outcome
      return { entry, change: { to: 'done', seq, ...(result === undefined ? {} : { result }) } }
    }
    case 'fenced':
      return { entry, change: { to: 'done', seq, result: overtaken }, fenced: true }
    case 'refused':
      return dead(entry, reasonOf(outcome))
    case 'conflict':
      return dead(entry, {
        code: 'conflict',
        message: 'the target knows this id with other content',
      })
    case 'cancelled':
      return dead(entry, { code: 'cancelled', message: 'it was cancelled before it was applied' })
    case 'forbidden': {
      const notBeforeMs = pauses.until(pauses.timesHeld(entry))
      return { entry, change: { to: 'held', seq, notBeforeMs, reason: reasonOf(outcome) } }
    }
    case 'failed':
      return failed(entry, reasonOf(outcome), pauses)
    case 'unreached':
      return outcome.outcomeUnknown ? maybeApplied(entry) : undefined
    case 'skipped':
      return undefined
  }
}

export function dead(entry: Entry, reason: Reason): Verdict {
  return { entry, change: { to: 'dead', seq: entry.seq, reason } }
}

/** The answer was lost: from now on its target alone can tell. */
export function maybeApplied(entry: Entry): Verdict | undefined {
  return entry.maybeApplied ? undefined : { entry, change: { to: 'maybe_applied', seq: entry.seq } }
}

function failed(entry: Entry, reason: Reason, pauses: Pauses): Verdict {
  const attempts = entry.attempts + 1
  if (attempts >= limits.deliveryAttempts) {
    const message = `failed ${attempts} times, at last with ${reason.code}: ${reason.message}`
    return dead(entry, { code: 'attempts_exhausted', message: message.slice(0, limits.foreignMessageChars) })
  }
  const notBeforeMs = pauses.until(attempts)
  return { entry, change: { to: 'deferred', seq: entry.seq, notBeforeMs, attempts, reason } }
}

function reasonOf({ code, message }: Reason): Reason {
  return { code, message: message.slice(0, limits.foreignMessageChars) }
}
