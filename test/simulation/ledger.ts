// What the clients asked for and what they were told: the only witness for what must have happened. An invocation
// without an answer (its supervisor died) may have its effect or not.

import type { Submitted } from '../../supervisor/core/queue.ts'

export interface Planned {
  readonly id: string
  readonly target: string
  readonly lane: string
  /** What the effect would leave behind; two invocations of an id with the same content are the same operation. */
  readonly content: string
  readonly sql: string
  readonly mode: 'auto' | 'queue' | 'direct'
  readonly expiresAtWallMs: number | undefined
  /** It completes a record of that epoch; a newer owner of the record makes it void. */
  readonly epoch: number | undefined
}

export interface Invocation extends Planned {
  /** The state directory it went to: order is promised within one. */
  readonly slot: string
  readonly invokedAtMs: number
  answer: Answer | undefined
  /** Its supervisor died before it answered. */
  abandoned: boolean
}

export interface Answer {
  readonly state: Submitted['state']
  /** With `refused`. */
  readonly code: string | undefined
  /** With `applied`. */
  readonly result: unknown
  readonly atMs: number
}

export interface DeadLetter {
  readonly id: string
  readonly slot: string
  readonly content: string
  readonly code: string
  /** Where it can be known. */
  readonly revision?: number
}

export interface Ledger {
  readonly invocations: Invocation[]
  /** Ids that an operator discarded or revived: what they promise is weaker. */
  readonly discarded: Set<string>
  readonly revived: Set<string>
}

export function createLedger(): Ledger {
  return { invocations: [], discarded: new Set(), revived: new Set() }
}

export function answerOf(submitted: Submitted, atMs: number): Answer {
  return {
    state: submitted.state,
    code: submitted.state === 'refused' ? submitted.error.code : undefined,
    result: submitted.state === 'applied' ? submitted.result : undefined,
    atMs,
  }
}

export function isAcknowledged({ answer }: Invocation): boolean {
  return answer?.state === 'applied' || answer?.state === 'queued'
}

/** The client was told that it has not happened and will not. */
export function hasFailed({ answer }: Invocation): boolean {
  return answer?.state === 'refused' && answer.code !== 'outcome_unknown'
}
