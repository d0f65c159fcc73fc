// Records between the flow and the database. Claims come from a feed for each queue; what is handed out is held until it
// is settled; whatever ends (the flow, the container, our lease, a client's patience) gives it back.
//
// A completion without effects goes to the database by itself, many together. Everything that has effects, and what
// cannot reach the database now, is an operation of the local queue, under the record's epoch all the same.

import type { Clock } from '../core/clock.ts'
import { type ErrorCode, FlowkeepError, messageOf } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import type { Logger } from '../core/logger.ts'
import type { Operation } from '../core/operation.ts'
import type { Submitted } from '../core/queue.ts'
import { type RecordStore, StoreFailure } from '../core/record-store.ts'
import type {
  Completion,
  HandedOut,
  RecordAction,
  RecordSettled,
  Records,
  RecordsStats,
} from '../core/records.ts'
import { Completions } from './completions.ts'
import { Feed } from './feed.ts'
import { type Counter, Figures } from './figures.ts'
import { HeldRecords } from './held.ts'
import { LostClaims } from './lost-claims.ts'
import {
  type ReadParts,
  readClaim,
  readCompletion,
  readEnqueue,
  readList,
  readSettling,
  type Settling,
  WrongRequest,
} from './read.ts'
import { Returns } from './returns.ts'
import { Session } from './session.ts'

export interface DeskParts extends ReadParts {
  readonly clock: Clock
  random(): number
  readonly logger: Logger
  readonly instance: string
  readonly store: RecordStore
  /** The name of the database, as operations call their target. */
  readonly database: string
  leaseMs(): number
  timeoutMs(): number
  maxAttempts(): number
  /** Why nothing is handed out now: the container stops, no flow is there to take it, or a disk is all but full. */
  closed(): Closed | undefined
  /** The local queue takes nothing new. */
  queueFull(): boolean
  /** The flow had better take one record at a time. */
  memoryShort?(): boolean
  /** Into the local queue, or past it where that may be. Absent where there is none. */
  readonly submit?: (
    operations: readonly { operation: Operation; mode: 'auto' | 'queue' }[],
  ) => Promise<readonly Submitted[]>
}

export type Closed = 'draining' | 'no_flow' | 'disk_critical'

export class RecordDesk implements Records {
  readonly #parts: DeskParts
  readonly #figures = new Figures()
  readonly #held = new HeldRecords()
  readonly #feeds = new Map<string, Feed>()
  readonly #session: Session
  readonly #lostClaims: LostClaims
  readonly #returns: Returns
  readonly #completions: Completions
  #state: RecordsStats['state'] = 'ready'
  #lastFailure: string | undefined

  constructor(parts: DeskParts) {
    this.#parts = parts
    this.#session = new Session({
      ...{ clock: parts.clock, logger: parts.logger, store: parts.store, instance: parts.instance },
      leaseMs: () => parts.leaseMs(),
      lost: () => this.#leaseLost(),
    })
    this.#lostClaims = new LostClaims(parts.clock, parts.store)
    this.#returns = new Returns({
      ...{ clock: parts.clock, logger: parts.logger, store: parts.store },
      returned: () => this.#wakeAll(),
    })
    this.#completions = new Completions(parts.store)
  }

  // What the flow asks for

  async enqueue(body: unknown) {
    const request = readEnqueue(body, this.#parts)
    const done = await this.#asking('cannot enqueue', () => this.#parts.store.enqueue(request))
    if (done === 'conflict') {
      throw new FlowkeepError('operation_conflict', {
        operation: 'cannot enqueue',
        message: 'the id belongs to a request with other content',
        hint: 'Give each request an id of its own; the same one only to repeat it.',
      })
    }
    this.#feeds.get(request.queue)?.wake()
    return done
  }

  async claim(body: unknown, gone: AbortSignal): Promise<HandedOut> {
    const { queue, limit: wanted, waitMs } = readClaim(body)
    this.#mustBeOpen()
    // Never none: what is in work may be what gives the memory back.
    const limit = this.#parts.memoryShort?.() ? 1 : wanted
    const records = await this.#asking('cannot claim', () => this.#feed(queue).take(limit, waitMs, gone))
    const held = records.map(({ id, epoch }) => ({ id, epoch, queue }))
    const undelivered = () => {
      const left = held.filter((record) => this.#held.find(record))
      this.#held.remove(left)
      this.#returns.give(left, unbegun)
    }
    if (gone.aborted) undelivered()
    return { records, undelivered }
  }

  async settle(action: RecordAction, id: string, body: unknown): Promise<RecordSettled> {
    const settling = readSettling(action, id, body, this.#parts)
    const result = await this.#settle(settling)
    if (result.state !== 'refused') return result
    const { code, message, hint } = result.error
    throw new FlowkeepError(code, { operation: `cannot ${action} record ${id}`, message, hint })
  }

  async completeAll(body: unknown): Promise<readonly Completion[]> {
    return Promise.all(
      readList(body).map(async (element): Promise<Completion> => {
        try {
          const settling = readCompletion(element, this.#parts)
          return { id: settling.id, ...(await this.#settle(settling)) }
        } catch (error) {
          if (!(error instanceof WrongRequest)) throw error
          const { code, field, hint, message } = error
          return { id: null, state: 'refused', error: { code, message, field, hint } }
        }
      }),
    )
  }

  stats(): RecordsStats {
    const { database } = this.#parts
    const [held, ahead] = [this.#held.size, this.#ahead()]
    return { database, state: this.#state, held, ahead, queues: this.#figures.byQueue() }
  }

  // What happens to the flow, the container and the database

  /**
   * What it held goes back at once.
   * @param how `stopped` by us: no attempt is used up. `crashed`: it may be the fault of a record
   */
  flowGone(how: 'stopped' | 'ended' | 'crashed', reason: string): void {
    this.#giveBackAhead()
    const begun = how !== 'stopped'
    this.#returns.give(this.#held.flowGone(), { begun, suspect: how === 'crashed', reason })
  }

  /** Nothing is handed out any more; what was claimed ahead goes back. */
  drain(): void {
    this.#refuseAll('draining')
  }

  /** The same for as long as `closed` says so. */
  shed(): void {
    this.#refuseAll('disk_critical')
  }

  /** Gives back everything and ends the lease. Never rejects. */
  async close(): Promise<void> {
    this.drain()
    this.#returns.give(this.#held.flowGone(), unbegun)
    await this.#returns.send()
    // What could not be given back is found by its session that is gone.
    await this.#session.end().catch((error) => this.#cannot('end the lease', error))
  }

  /** An operation of the local queue has brought its change of a record to an end. */
  operationEnded(queue: string, action: RecordAction, result: 'applied' | 'fenced'): void {
    const counter = result === 'fenced' ? 'fenced' : counterOf(action)
    if (counter) this.#figures.add(queue, counter)
  }

  // What runs on a schedule. Nothing here rejects.

  /** Takes back what its owners have lost. */
  async recover(): Promise<void> {
    const { clock, logger, store } = this.#parts
    try {
      if (!(await this.#exists())) return
      const unknown = await this.#lostClaims.giveBack(this.#session.current)
      if (unknown > 0) {
        const how = 'records that were claimed by a request whose answer was lost are pending again'
        logger.warn({ event: 'records.claim_lost', records: unknown }, how)
        this.#wakeAll()
      }
      for (let turn = 0; turn < limits.recordsRecoveryTurns; turn++) {
        const askedAtMs = clock.monotonicMs()
        const { mark } = this.#held
        const { late, orphans, failed, more } = await store.recover(
          this.#session.current,
          limits.recordsBatch,
        )
        this.#held.removeById(late, mark)
        if (late.length > 0) {
          logger.warn(
            { event: 'records.late', records: late.length },
            'records were held longer than their time limit',
          )
        }
        if (orphans > 0) {
          logger.warn(
            { event: 'records.recovered', records: orphans, failed },
            'records of a lost owner are pending again',
          )
        }
        if (late.length + orphans > 0) this.#wakeAll()
        if (more) continue
        this.#held.removeLate(askedAtMs)
        break
      }
    } catch (error) {
      this.#cannot('take back lost records', error)
    }
  }

  async count(): Promise<void> {
    try {
      if (!(await this.#exists())) return
      this.#figures.counted(await this.#parts.store.count())
      this.#state = 'ready'
    } catch (error) {
      this.#cannot('count the records', error)
    }
  }

  async keepHistory(): Promise<void> {
    try {
      if (await this.#exists()) await this.#parts.store.keepHistory()
    } catch (error) {
      this.#cannot('keep the history of records', error)
    }
  }

  async #exists(): Promise<boolean> {
    const exists = await this.#parts.store.exists()
    if (!exists) this.#state = 'schema_missing'
    return exists
  }

  // Settling

  async #settle(settling: Settling): Promise<Exclude<SettleResult, { id: unknown }>> {
    const { id, epoch, action } = settling
    this.#held.settling(settling)
    const queue = this.#held.find(settling)?.queue
    const result = await this.#apply(settling, queue).catch((error) => {
      this.#notSettled(settling)
      throw error
    })
    if (result.state !== 'refused' || result.error.code === 'epoch_stale') this.#held.remove([{ id, epoch }])
    else this.#notSettled(settling)
    const counter = result.state === 'applied' ? counterOf(action) : isStale(result) ? 'fenced' : undefined
    if (counter) this.#figures.add(queue ?? unknownQueue, counter)
    if (action !== 'complete') this.#wakeAll()
    else if (this.#held.size === limits.recordsHeld - 1) this.#wakeAll()
    return result
  }

  #notSettled(settling: Settling): void {
    const left = this.#held.notSettled(settling)
    if (left) this.#returns.give([left], { begun: true, suspect: false, reason: 'the flow ended' })
  }

  async #apply(settling: Settling, queue: string | undefined): Promise<SettleResult> {
    if (settling.action !== 'complete' || settling.statements.length > 0)
      return this.#submit(settling, queue, 'auto')
    try {
      return (await this.#completions.complete(settling)) ? { state: 'applied' } : stale
    } catch (error) {
      if (!(error instanceof StoreFailure) || error.reason !== 'unavailable')
        throw this.#told('cannot complete', error)
      return this.#submit(settling, queue, 'queue')
    }
  }

  async #submit(
    settling: Settling,
    queue: string | undefined,
    mode: 'auto' | 'queue',
  ): Promise<SettleResult> {
    const { submit, database } = this.#parts
    if (!submit) throw this.#unavailable(`cannot ${settling.action}`, 'the local queue is not open')
    const [answer] = await submit([{ operation: operationOf(settling, queue, database), mode }])
    if (answer?.state !== 'refused') return { state: answer?.state ?? 'queued' }
    // Settled in another way before: whichever way it was, the record is not the flow's any more.
    if (answer.error.code === 'operation_conflict') return stale
    return { state: 'refused', error: answer.error }
  }

  // Claiming

  #feed(queue: string): Feed {
    const known = this.#feeds.get(queue)
    if (known) return known
    for (const [name, feed] of this.#feeds) {
      if (this.#feeds.size < limits.recordQueues) break
      if (feed.idle) this.#feeds.delete(name)
    }
    const { clock, store, timeoutMs, maxAttempts } = this.#parts
    const feed = new Feed({
      ...{ clock, queue, store, timeoutMs, maxAttempts },
      ...{ session: this.#session, lostClaims: this.#lostClaims },
      random: () => this.#parts.random(),
      room: () => limits.recordsHeld - this.#held.size - this.#ahead() - this.#returns.waiting,
      busy: () =>
        store.waiting > 0 ||
        this.#parts.queueFull() ||
        this.#parts.closed() !== undefined ||
        (this.#parts.memoryShort?.() ?? false),
      claimed: (count) => this.#figures.add(queue, 'claimed', count),
      handed: (records) =>
        this.#held.add(
          records.map(({ id, epoch }) => ({ id, epoch, queue })),
          clock.monotonicMs() + timeoutMs(),
        ),
      giveBack: (records) => this.#returns.give(records, unbegun),
    })
    this.#feeds.set(queue, feed)
    return feed
  }

  #ahead(): number {
    let ahead = 0
    for (const feed of this.#feeds.values()) ahead += feed.ahead
    return ahead
  }

  #mustBeOpen(): void {
    const why = this.#parts.closed()
    if (why) throw this.#refusal(why)
  }

  #refuseAll(why: Closed): void {
    for (const feed of this.#feeds.values()) feed.refuse(this.#refusal(why))
    this.#giveBackAhead()
  }

  #refusal(why: Closed): FlowkeepError {
    if (why === 'disk_critical') {
      return new FlowkeepError('disk_full', {
        operation: 'cannot claim',
        message: 'less than CONTAINER_DISK_CRITICAL_PERCENT of a disk is free',
        hint: 'Claim again later; the health check disk says which one it is.',
      })
    }
    if (why === 'draining') {
      return new FlowkeepError('draining', {
        operation: 'cannot claim',
        message: 'the container is stopping',
        hint: 'End the loop; others work on.',
      })
    }
    return new FlowkeepError('wrong_state', {
      operation: 'cannot claim',
      message: 'no flow is running',
      hint: 'Records are handed out to a running flow; what it held goes back when it ends.',
    })
  }

  #giveBackAhead(): void {
    for (const feed of this.#feeds.values()) this.#returns.give(feed.empty(), unbegun)
  }

  #wakeAll(): void {
    for (const feed of this.#feeds.values()) feed.wake()
  }

  #leaseLost(): void {
    for (const feed of this.#feeds.values()) feed.empty()
    this.#returns.forget()
    this.#lostClaims.forget()
    const records = this.#held.clear()
    this.#parts.logger.warn(
      { event: 'records.lease_lost', records },
      'the lease on our records ran out before it could be renewed: others have them now',
    )
  }

  // Failures

  async #asking<T>(operation: string, ask: () => Promise<T>): Promise<T> {
    try {
      return await ask()
    } catch (error) {
      throw this.#told(operation, error)
    }
  }

  #told(operation: string, error: unknown): unknown {
    if (!(error instanceof StoreFailure)) return error
    const { message, reason } = error
    if (reason === 'schema_missing') {
      this.#state = 'schema_missing'
      const hint = `Run \`flowkeep migrate\`, which makes or updates the schema flowkeep in ${this.#parts.database}.`
      return new FlowkeepError('schema_missing', { operation, message, hint, cause: error })
    }
    if (reason === 'unavailable') {
      this.#state = 'unavailable'
      if (!error.outcomeUnknown || operation !== 'cannot enqueue')
        return this.#unavailable(operation, message, error)
      const hint = 'Send the same request with the same id again: it tells what became of it.'
      return new FlowkeepError('outcome_unknown', { operation, message, hint, cause: error })
    }
    return new FlowkeepError('internal', {
      operation,
      message,
      hint: 'See the log of the database.',
      cause: error,
    })
  }

  #unavailable(operation: string, message: string, cause?: unknown): FlowkeepError {
    return new FlowkeepError('dependency_unavailable', {
      operation,
      message,
      hint: `Ask again when the database ${this.#parts.database} is back.`,
      cause,
    })
  }

  #cannot(what: string, error: unknown): void {
    if (error instanceof StoreFailure && error.reason !== 'refused') {
      if (error.reason !== 'session_lost') this.#state = error.reason
      return
    }
    const failure = `cannot ${what}: ${messageOf(error)}`
    // What runs every few seconds says the same thing once.
    if (failure !== this.#lastFailure) this.#parts.logger.error({ event: 'records.failed' }, failure)
    this.#lastFailure = failure
  }
}

type SettleResult =
  | { readonly state: 'applied' | 'queued' }
  | {
      readonly state: 'refused'
      readonly error: { readonly code: ErrorCode; readonly message: string; readonly hint: string }
    }

const unbegun = { begun: false, suspect: false, reason: '' }
/** Of records that we do not know: claimed before a restart, or by somebody else. */
const unknownQueue = 'other'

const stale: SettleResult = {
  state: 'refused',
  error: {
    code: 'epoch_stale',
    message: 'the record has a newer owner, whose effects stand',
    hint: 'Go on with the next one: nothing of this one was applied.',
  },
}

function isStale(result: SettleResult): boolean {
  return result.state === 'refused' && result.error.code === 'epoch_stale'
}

function counterOf(action: RecordAction): Counter | undefined {
  return ({ complete: 'completed', fail: 'failed', release: undefined } as const)[action]
}

/** Its id is the same whenever the same owner settles the same record: repeated, it has its effect once. */
function operationOf(settling: Settling, queue: string | undefined, target: string): Operation {
  const { id, epoch, action, statements, reason, retry } = settling
  const record = {
    ...{ action, recordId: id, epoch },
    ...(queue !== undefined && { queue }),
    ...(action === 'fail' && { reason, retry }),
    ...(statements.length === 0 && { alone: true }),
  }
  return {
    ...{ id: `record:${id}:${epoch}`, target, key: `record:${id}` },
    work: { kind: 'sql', statements, record },
    expiresAtMs: undefined,
  }
}
