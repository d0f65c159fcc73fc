// What the queue asks of its disk. `store.ts` keeps these promises with SQLite, `worker.ts` runs it beside the main
// thread with group commit, `client.ts` speaks to it. A promise resolves only when the change is on disk.
// Times are monotonic ms of this process, unless their name says wall: a delay does not survive a restart, attempts do.

import type { Json } from '../core/json.ts'
import type { ContentHash, Operation } from '../core/operation.ts'

/** As it lies in the journal. */
export interface Entry {
  /** Position; grows for ever. A revived dead letter gets a new one, in the order of the old ones. */
  readonly seq: number
  readonly operation: Operation
  readonly contentHash: ContentHash
  readonly revision: number
  /** Deliveries that failed and counted. */
  readonly attempts: number
  readonly acceptedAtWallMs: number
  /** It may have been delivered by an earlier process, or its delivery's answer was lost. */
  readonly maybeApplied: boolean
}

export interface NewEntry {
  readonly operation: Operation
  readonly contentHash: ContentHash
  /** True when a direct delivery has lost its answer. */
  readonly maybeApplied: boolean
}

/** What the journal knows of an id. `done` is remembered for a bounded number of operations. */
export interface Known {
  readonly state: 'queued' | 'held' | 'dead' | 'done'
  readonly contentHash: ContentHash
  /** With `done`. */
  readonly result?: Json
}

export type Appended =
  | { readonly state: 'stored'; readonly seq: number }
  /** The id is there already, also when an earlier one of the same call has it; nothing was written. */
  | { readonly state: 'known'; readonly known: Known }
  /** A bound is reached; nothing was written, and what is in stays. */
  | { readonly state: 'full'; readonly bound: 'operations' | 'bytes' | 'disk' }
  /** It alone is more than `maxBytes`: it would not even fit into an empty queue. */
  | { readonly state: 'too_large'; readonly bytes: number; readonly maxBytes: number }

export interface LookUp {
  readonly id: string
  readonly target: string
  readonly key: string
}

export interface LookedUp {
  readonly known: Known | undefined
  /** The lane holds operations that are not applied yet: nothing may overtake them. */
  readonly laneQueued: boolean
}

export interface Reason {
  /** SQLSTATE, `http_422`, or a word of ours such as `expired`, `too_old`, `attempts_exhausted`. */
  readonly code: string
  /** One line, bounded, free of secrets. */
  readonly message: string
}

/** What became of an entry. All changes of one call are written in one transaction. */
export type Change =
  /** Applied, or overtaken by a newer epoch: forgotten but for its id, hash and result. */
  | { readonly to: 'done'; readonly seq: number; readonly result?: Json }
  | { readonly to: 'dead'; readonly seq: number; readonly reason: Reason }
  /** Its lane waits until `notBeforeMs`. With `attempts` that count is kept. */
  | {
      readonly to: 'deferred'
      readonly seq: number
      readonly notBeforeMs: number
      readonly attempts?: number
      readonly reason: Reason
    }
  /** As `deferred`, and shown as `held`: a permission is missing. */
  | { readonly to: 'held'; readonly seq: number; readonly notBeforeMs: number; readonly reason: Reason }
  /** It was sent and the answer was lost. */
  | { readonly to: 'maybe_applied'; readonly seq: number }

export interface ListQuery {
  readonly state: 'queued' | 'held' | 'dead'
  readonly target?: string
  /** Entries after this position. */
  readonly afterSeq: number
  readonly limit: number
}

/** Without its work: a page of large ones would be more than the memory is there for. */
export interface ListedEntry extends Omit<Entry, 'operation'> {
  readonly operation: Omit<Operation, 'work'>
  readonly state: 'queued' | 'held' | 'dead'
  /** Why it is held or dead, or what its last failure was. */
  readonly reason: Reason | undefined
  readonly changedAtWallMs: number
}

export type ShownEntry = ListedEntry & Pick<Entry, 'operation'>

export interface TargetFigures {
  readonly queued: number
  readonly held: number
  readonly dead: number
  readonly oldestAcceptedAtWallMs: number | undefined
}

export interface JournalFigures {
  /** Queued and held ones of all targets, and what they weigh on disk. The bounds count dead letters, too. */
  readonly operations: number
  readonly bytes: number
  /** What dead letters weigh. */
  readonly deadBytes: number
  readonly byTarget: ReadonlyMap<string, TargetFigures>
  /** The disk refuses writes, or nearly does: nothing new is taken. */
  readonly diskFull: boolean
  /** Why nothing can be written now, one line; undefined when all is well. */
  readonly failing: string | undefined
  /** Entries lost to corruption over the life of this slot, and files put aside for it. */
  readonly corruptEntries: number
  readonly quarantinedFiles: readonly string[]
}

export interface Journal {
  /** As of the last change; costs nothing. */
  readonly figures: JournalFigures
  /**
   * @throws FlowkeepError `state_directory_unavailable`, `disk_full`, `draining` when nothing of it was written; with any
   *   other error it may be there when the journal can be read again
   */
  append(entries: readonly NewEntry[]): Promise<readonly Appended[]>
  lookUp(requests: readonly LookUp[]): Promise<readonly LookedUp[]>
  /**
   * The next entries of a target in order of their position, from lanes that wait for nothing. `except` are lanes with
   * something under way. Entries stay where they are until a change says what became of them.
   */
  take(
    target: string,
    bounds: {
      readonly limit: number
      readonly bytes: number
      readonly nowMs: number
      readonly except: readonly string[]
    },
  ): Promise<readonly Entry[]>
  /** Entries whose `expiresAtMs` has passed, or accepted before `acceptedBeforeWallMs`; fewer where they are large. */
  overdue(bounds: {
    readonly nowWallMs: number
    readonly acceptedBeforeWallMs: number
    readonly limit: number
  }): Promise<readonly Entry[]>
  /** When the next lane that waits may go on (0: an earlier process let it wait); undefined when none waits. */
  nextDueMs(target: string): Promise<number | undefined>
  /** What is gone or dead by now is left as it is. */
  settle(changes: readonly Change[]): Promise<void>
  list(query: ListQuery): Promise<readonly ListedEntry[]>
  show(id: string): Promise<ShownEntry | undefined>
  /**
   * Dead: into the queue again, behind what its lane holds, with a new revision, no attempts and a new age. Its lane
   * waits: the lane goes on at once.
   */
  retry(id: string): Promise<'retried' | 'unknown' | 'not_waiting'>
  /** Forgets it, wherever it is; what is done is unknown here. */
  discard(id: string): Promise<'discarded' | 'unknown'>
  /** Writes what is under way, folds the log into the database, lets go of the slot. */
  close(): Promise<void>
}
