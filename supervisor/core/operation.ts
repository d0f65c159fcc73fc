// An operation: a write meant for a target that must have its effect exactly once. `queue/` accepts, keeps and replays
// it; the targets (`postgres/` for databases, `queue/http-target.ts` for services) give it its effect.

import type { Json } from './json.ts'

export interface Statement {
  /** One statement with `$1…` parameters. */
  readonly sql: string
  readonly params: readonly Json[]
}

/** What is done to a record of `processing_queue` in the same transaction as the statements, under its epoch. */
export interface RecordChange {
  readonly action: 'complete' | 'fail' | 'release'
  readonly recordId: string
  readonly epoch: number
  /** Its queue, for those who count. */
  readonly queue?: string
  /** Nothing else is in the operation: a completion that is there already under this epoch counts as this one. */
  readonly alone?: boolean
  /** With `fail`: why, and whether it is tried again. */
  readonly reason?: string
  readonly retry?: boolean
}

export interface SqlWork {
  readonly kind: 'sql'
  /** Run in one transaction, in order. May be empty where `record` is set. */
  readonly statements: readonly Statement[]
  readonly record?: RecordChange
}

/**
 * A request made before the one that counts, each time that one is tried: it creates something or finds it there. The
 * `id` of its answer takes the place of `standsFor` in every later request of the operation.
 */
export interface Prior {
  readonly method: 'POST' | 'PUT'
  readonly path: string
  readonly body: Json | undefined
  /** An id made up by who submits, because the service could not be asked for one. */
  readonly standsFor: string
}

export interface HttpWork {
  readonly kind: 'http'
  /** In their order. */
  readonly before?: readonly Prior[]
  readonly method: 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Below the service's URL; begins with one `/`. */
  readonly path: string
  readonly body: Json | undefined
}

export type Work = SqlWork | HttpWork

export interface Operation {
  /** `[A-Za-z0-9._:-]{1,128}`, unique for the target's lifetime of inboxes. */
  readonly id: string
  /** Lower-case name of a database or service. */
  readonly target: string
  /** Its lane within the target; operations without a key share the target's default lane, the empty one. */
  readonly key: string
  readonly work: Work
  /** Wall-clock ms after which it must not have its effect any more. */
  readonly expiresAtMs: number | undefined
}

/** SHA-256 of target, key and work, with the names of objects in a fixed order. Not of `mode` and `expiresAt`. */
export type ContentHash = string
