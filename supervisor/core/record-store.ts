// What `records/` asks of the database that holds `processing_queue`; `postgres/` implements it. Each call is one
// transaction. All times are the database's: no clock of a supervisor decides who owns a record.

/** A record and the epoch that makes its holder the owner. */
export interface Held {
  readonly id: string
  readonly epoch: number
}

/** Where a record stands among the pending ones of its queue; `runAt` as the database prints it. */
export interface Position {
  readonly priority: number
  readonly runAt: string
  readonly id: string
}

export interface ClaimRequest {
  readonly session: string
  /** Of its own within the session: should the answer be lost, what was claimed is given back by it. */
  readonly number: number
  readonly queue: string
  readonly limit: number
  /** How long a record may be held. */
  readonly timeoutMs: number
  readonly maxAttempts: number
  /** Only records from here on. */
  readonly from?: Position | undefined
}

export interface ClaimedRecord extends Held {
  readonly key: string | null
  /** JSON, as it came. */
  readonly payload: string
  /** 1 the first time. */
  readonly attempt: number
  /** Its last owner died with it. It is claimed alone, and is to be handed out alone. */
  readonly suspect: boolean
  readonly position: Position
  /** ISO time. */
  readonly leaseExpiresAt: string
}

export interface GiveBack {
  /** False: as if it had never been claimed. True: an attempt is used up, and after the last one it has failed. */
  readonly begun: boolean
  /** Its owner died with it. */
  readonly suspect: boolean
  readonly reason: string
}

export interface Recovered {
  /** Of the asking session: held for too long. */
  readonly late: readonly string[]
  /** Of sessions that are gone. */
  readonly orphans: number
  /** Of all these, those that had used up their attempts. */
  readonly failed: number
  /** A session had more than was asked for: there may be more. */
  readonly more: boolean
}

export interface NewRecord {
  /** JSON. */
  readonly payload: string
  readonly key: string | null
  readonly priority: number
  /** ISO time; null for now. */
  readonly runAt: string | null
}

export interface EnqueueRequest {
  /** The same request twice, by its id, is one request. */
  readonly id: string
  readonly contentHash: string
  readonly queue: string
  readonly records: readonly NewRecord[]
}

export type Enqueued =
  | { readonly ids: readonly string[]; readonly duplicates: number }
  /** The id belongs to another request. */
  | 'conflict'

export interface QueueCounts {
  readonly queue: string
  readonly pending: number
  readonly scheduled: number
  readonly running: number
  readonly failed: number
}

export interface GivenBackClaims {
  readonly records: number
  /** Records that were in somebody's hands at that moment and are claimed as before. */
  readonly left: number
}

export interface RecordStore {
  /** Its callers that wait for a session of the database at this moment. */
  readonly waiting: number
  /**
   * Whether the tables are there: asked before what runs by itself, so that a database without them is left alone.
   * This and every call below may throw a StoreFailure.
   */
  exists(): Promise<boolean>
  openSession(instance: string, leaseMs: number): Promise<string>
  /** False when the session was taken for dead. */
  renewSession(session: string, leaseMs: number): Promise<boolean>
  endSession(session: string): Promise<void>
  /** In the order of their positions. */
  claim(request: ClaimRequest): Promise<readonly ClaimedRecord[]>
  /** Without effects. In the order they were given; true where the completion is there. */
  complete(records: readonly Held[]): Promise<readonly boolean[]>
  /** Those that have a newer owner stay with that one. */
  giveBack(records: readonly Held[], how: GiveBack): Promise<void>
  /** What these claims of the session have taken, as if it had never been claimed. */
  giveBackClaims(session: string, numbers: readonly number[]): Promise<GivenBackClaims>
  recover(session: string | undefined, atMost: number): Promise<Recovered>
  enqueue(request: EnqueueRequest): Promise<Enqueued>
  count(): Promise<readonly QueueCounts[]>
  keepHistory(): Promise<void>
}

export type StoreFailureReason =
  /** The database could not be asked, or its answer was lost. */
  | 'unavailable'
  /** The database has no tables of ours, or older ones. */
  | 'schema_missing'
  /** The session was taken for dead. */
  | 'session_lost'
  /** The database answered with an error that means none of these. */
  | 'refused'

export class StoreFailure extends Error {
  readonly reason: StoreFailureReason
  /** It may have had its effect. */
  readonly outcomeUnknown: boolean

  /** @param message one line, free of secrets */
  constructor(reason: StoreFailureReason, message: string, outcomeUnknown: boolean, cause?: unknown) {
    super(message, { cause })
    this.name = 'StoreFailure'
    this.reason = reason
    this.outcomeUnknown = outcomeUnknown
  }
}
