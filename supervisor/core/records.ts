// Records as the control socket, status and metrics see them. `records/desk.ts` implements it.

import type { ErrorCode } from './errors.ts'

export interface HandedRecord {
  readonly id: string
  readonly key: string | null
  /** JSON, as it came. */
  readonly payload: string
  readonly attempt: number
  readonly epoch: number
  readonly leaseExpiresAt: string
}

export interface HandedOut {
  readonly records: readonly HandedRecord[]
  /** They did not reach whoever asked: others may have them. */
  undelivered(): void
}

export type RecordAction = 'complete' | 'fail' | 'release'

export interface RecordSettled {
  readonly state: 'applied' | 'queued'
}

/** The answer to one of several completions. */
export type Completion =
  | { readonly id: string; readonly state: 'applied' | 'queued' }
  | {
      readonly id: string | null
      readonly state: 'refused'
      readonly error: {
        readonly code: ErrorCode
        readonly message: string
        readonly field?: string | undefined
        readonly hint: string
      }
    }

export interface RecordQueueStats {
  /** In the database, as it was counted last; null when it was not yet. */
  readonly pending: number | null
  readonly scheduled: number | null
  readonly running: number | null
  readonly failedKept: number | null
  /** By this supervisor, since its start. */
  readonly claimed: number
  readonly completed: number
  readonly failed: number
  readonly fenced: number
}

export interface RecordsStats {
  /** Where they are; null when several databases are named and none is chosen. */
  readonly database: string | null
  readonly state: 'ready' | 'unavailable' | 'schema_missing' | 'not_configured'
  /** Held by the flow, and claimed ahead for it. */
  readonly held: number
  readonly ahead: number
  readonly queues: Readonly<Record<string, RecordQueueStats>>
}

/** Bodies are JSON as it came. Every call throws a FlowkeepError for what it cannot do. */
export interface Records {
  enqueue(body: unknown): Promise<{ readonly ids: readonly string[]; readonly duplicates: number }>
  /** @param gone aborts when nobody waits for the answer any more */
  claim(body: unknown, gone: AbortSignal): Promise<HandedOut>
  settle(action: RecordAction, id: string, body: unknown): Promise<RecordSettled>
  /** Each by itself, in their order. */
  completeAll(body: unknown): Promise<readonly Completion[]>
  /** Synchronous and cheap. */
  stats(): RecordsStats
}
