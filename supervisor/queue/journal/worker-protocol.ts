// What the main thread and the journal's worker say to each other.

import { catalogue, type ErrorCode, FlowkeepError, messageOf } from '../../core/errors.ts'
import type { JournalFigures } from '../journal.ts'
import type { Call, StoreOptions } from './store.ts'

export interface WorkerData {
  readonly store: StoreOptions
}

/** Calls in their order, or the wish to close. */
export type Request = { readonly calls: readonly Call[] } | { readonly close: true }

/** One answer for each call, in the order of all calls; none when only the figures changed. */
export interface Response {
  readonly outcomes: readonly SentOutcome[]
  readonly figures: JournalFigures | undefined
  readonly closed: boolean
}

export type SentOutcome =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: SentError }

/** An error loses its class and most of its fields on the way from thread to thread. */
export interface SentError {
  readonly code: string
  readonly operation: string
  readonly subject: string | undefined
  readonly message: string
  readonly hint: string
}

export function sentError(error: unknown): SentError {
  if (!(error instanceof FlowkeepError)) {
    return {
      code: 'internal',
      operation: 'cannot use the journal of the operation queue',
      subject: undefined,
      message: messageOf(error),
      hint: 'report this, with the log around it',
    }
  }
  const { code, operation, subject, hint } = error
  return { code, operation, subject, hint, message: error.message.slice(operation.length + 2) }
}

export function receivedError({ code, operation, subject, message, hint }: SentError): FlowkeepError {
  const known = Object.hasOwn(catalogue, code) ? (code as ErrorCode) : 'internal'
  return new FlowkeepError(known, { operation, message, hint, ...(subject !== undefined && { subject }) })
}
