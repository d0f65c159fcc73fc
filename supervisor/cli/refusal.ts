// What a command prints when it fails, and its exit code: a refusal of the supervisor's and an error of ours alike.

import { type CatalogueEntry, catalogue, FlowkeepError } from '../core/errors.ts'
import type { Answer } from './control-client.ts'
import { printable } from './printable.ts'

/** The supervisor has answered with its error envelope. */
export class Refused extends Error {
  readonly code: string
  readonly field: string | undefined
  readonly hint: string

  constructor(error: {
    readonly code: string
    readonly message: string
    readonly field?: string
    readonly hint: string
  }) {
    super(error.message)
    this.code = error.code
    this.field = error.field
    this.hint = error.hint
  }
}

/** The body of a 2xx answer; throws what any other one says. */
export function bodyOf<T>({ status, body }: Answer): T {
  if (status >= 200 && status < 300) return body as T
  const { error } = (typeof body === 'object' && body !== null ? body : {}) as { error?: unknown }
  const { code, message, field, hint } = (error ?? {}) as Record<string, unknown>
  if (typeof code !== 'string' || typeof message !== 'string') {
    throw new FlowkeepError('supervisor_unreachable', {
      operation: 'cannot ask the supervisor',
      message: `the answer has HTTP status ${status} and no error in it`,
      hint: 'See whether it is a supervisor that listens on the control socket.',
    })
  }
  const plain = { code, message, hint: String(hint ?? '') }
  throw new Refused(typeof field === 'string' ? { ...plain, field } : plain)
}

/** Refused for good: the same again will be refused again. */
export const refusedForGood = 65
/** Not taken now: the same again later can succeed. */
export const notNow = 75

/** What `submit` and `queue` end with. */
export function exitCodeOf(error: FlowkeepError | Refused): number {
  const entry: CatalogueEntry | undefined = Object.hasOwn(catalogue, error.code)
    ? catalogue[error.code as keyof typeof catalogue]
    : undefined
  if (error instanceof FlowkeepError && entry?.exitCode !== undefined) return entry.exitCode
  return entry?.retryable ? notNow : refusedForGood
}

/** @returns the exit code; throws what is neither a refusal nor an error of ours */
export function reportFailure(error: unknown, json: boolean, writeError: (text: string) => void): number {
  if (!(error instanceof FlowkeepError || error instanceof Refused)) throw error
  const { code, message, hint } = error
  const field = error instanceof Refused ? error.field : undefined
  const envelope = { error: { code, message, ...(field !== undefined && { field }), hint } }
  const where = field === undefined ? '' : `${printable(field)}: `
  writeError(json ? `${JSON.stringify(envelope)}\n` : `${where}${printable(message)}\n${printable(hint)}\n`)
  return exitCodeOf(error)
}
