// A bounded pool of sessions for one database. A query is one statement, committed by itself, and leaves nothing in its
// session, so that a transaction pooler may stand in between. Whoever waits is bounded in number and in time; what is
// known about a failed query (never sent, refused, or perhaps done) is told, since exactly-once rests on it.

import pg from 'pg'
import type { Clock } from '../core/clock.ts'
import type { ConnectionTarget } from '../core/connection-url.ts'
import { messageOf } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import { classifyNetworkFailure, showEndpoint } from '../core/network-failure.ts'
import { createRedactor } from '../core/secret.ts'
import { formatDuration } from '../core/units.ts'
import type { GuardedClient } from './client.ts'
import { endingOf, orEnding } from './ending.ts'
import { type Attempt, CheckTimeout } from './failure.ts'
import { NoSession, openSession, sayGoodbye } from './session.ts'
import { judge } from './sql-state.ts'
import { DatabaseUnavailable, QueryRefused } from './unavailable.ts'
import { ProtocolError } from './wire-guard.ts'

export interface PoolOptions {
  /** Asked before each connect, so that renewed credentials and addresses take hold. */
  readonly target: () => ConnectionTarget | Promise<ConnectionTarget>
  /** Sessions open at one time. */
  readonly size: number
  readonly connectTimeoutMs: number
  readonly clock: Clock
  readonly idleMs?: number
}

export interface QueryOptions {
  readonly signal?: AbortSignal | undefined
  /** For all of it: the wait for a session, connecting, and the answer. */
  readonly timeoutMs?: number
}

export interface PoolFigures {
  readonly size: number
  /** Sessions at work, or being opened. */
  readonly inUse: number
  readonly idle: number
  /** Callers that wait for a session. */
  readonly waiting: number
  /** Uses of a session so far, the time they took, and the time callers waited for one; opening it counts. */
  readonly uses: number
  readonly usedMs: number
  readonly waitedMs: number
}

export interface Row {
  readonly [column: string]: unknown
}

export interface Result<R = Row> {
  readonly rows: readonly R[]
  readonly rowCount: number
}

/** One statement. @throws DatabaseUnavailable, QueryRefused */
export type Query = <R = Row>(text: string, values?: readonly unknown[]) => Promise<Result<R>>

export interface DatabasePool {
  readonly figures: PoolFigures
  /** One statement, committed by itself. @throws DatabaseUnavailable, QueryRefused */
  query<R = Row>(text: string, values?: readonly unknown[], options?: QueryOptions): Promise<Result<R>>
  /**
   * `work` between BEGIN and COMMIT, or ROLLBACK when it throws.
   * @throws DatabaseUnavailable, whose outcome is unknown only when COMMIT was sent; QueryRefused; what `work` throws
   */
  transaction<T>(work: (query: Query) => Promise<T>, options?: QueryOptions): Promise<T>
  /**
   * From now on sessions are opened like this. Those that are open are closed as soon as nobody uses them, and nobody
   * who waits is turned away.
   */
  renew(options: Pick<PoolOptions, 'target' | 'size' | 'connectTimeoutMs'>): void
  /** Closes idle sessions now, the others when they are given back. */
  close(): Promise<void>
}

interface Session {
  readonly guarded: GuardedClient
  readonly attempt: Omit<Attempt, 'phase'>
  readonly openedAtMs: number
  /** Of the options it was opened with. */
  readonly generation: number
  /** The server has hung up, or must not be used any more. */
  lost: boolean
  /** A query is under way whose answer nobody waits for. */
  abandoned: boolean
  idleTimer?: { cancel(): void }
}

export function createPool(options: PoolOptions): DatabasePool {
  return new Pool(options)
}

class Pool implements DatabasePool {
  #options: PoolOptions
  /** Grows with each renewal. */
  #generation = 0
  readonly #idle: Session[] = []
  readonly #waiting = new Set<() => void>()
  readonly #totals = { uses: 0, usedMs: 0, waitedMs: 0 }
  #open = 0
  #closed = false

  constructor(options: PoolOptions) {
    this.#options = options
  }

  get figures(): PoolFigures {
    const idle = this.#idle.length
    const { size } = this.#options
    return { size, inUse: this.#open - idle, idle, waiting: this.#waiting.size, ...this.#totals }
  }

  query<R = Row>(text: string, values: readonly unknown[] = [], options: QueryOptions = {}) {
    return this.#withSession(options, (session, ending) => ask<R>(session, text, values, ending))
  }

  transaction<T>(work: (query: Query) => Promise<T>, options: QueryOptions = {}): Promise<T> {
    return this.#withSession(options, (session, ending) => inTransaction(session, work, ending))
  }

  renew(options: Pick<PoolOptions, 'target' | 'size' | 'connectTimeoutMs'>): void {
    this.#options = { ...this.#options, ...options }
    this.#generation++
    for (const idle of this.#idle.splice(0)) void this.#retire(idle)
    this.#wakeAll()
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#wakeAll()
    await Promise.all(this.#idle.splice(0).map((session) => this.#retire(session)))
  }

  async #withSession<T>(
    { signal, timeoutMs = limits.databaseQueryMs }: QueryOptions,
    work: (session: Session, ending: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { clock } = this.#options
    const ending = endingOf(signal, timeoutMs, () => new CheckTimeout(timeoutMs), clock)
    const askedAtMs = clock.monotonicMs()
    try {
      const session = await this.#acquire(ending.signal)
      const gotAtMs = clock.monotonicMs()
      this.#totals.uses++
      this.#totals.waitedMs += gotAtMs - askedAtMs
      try {
        return await work(session, ending.signal)
      } finally {
        this.#totals.usedMs += clock.monotonicMs() - gotAtMs
        this.#release(session)
      }
    } finally {
      ending.release()
    }
  }

  async #acquire(ending: AbortSignal): Promise<Session> {
    for (;;) {
      if (this.#closed) throw unsent('closed', 'the supervisor has closed its sessions')
      if (ending.aborted) {
        this.#wakeOne()
        throw this.#endedWaiting(ending)
      }
      const idle = this.#idle.pop()
      if (idle) {
        idle.idleTimer?.cancel()
        return idle
      }
      if (this.#open >= this.#options.size) {
        await this.#turn(ending)
        continue
      }
      const generation = this.#generation
      try {
        return await this.#openOne(ending)
      } catch (error) {
        // What was refused meanwhile was an attempt with credentials that have been replaced.
        if (generation === this.#generation) throw error
      }
    }
  }

  /** Resolves when there may be a session for this caller, or the signal has aborted. */
  async #turn(ending: AbortSignal): Promise<void> {
    if (this.#waiting.size >= limits.databaseWaiting) {
      const text = `${limits.databaseWaiting} callers wait for one of ${this.#options.size} sessions already`
      throw unsent('pool_exhausted', text)
    }
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#waiting.add(resolve)
    ending.addEventListener('abort', () => resolve(), { once: true })
    await promise
    this.#waiting.delete(resolve)
  }

  #endedWaiting(ending: AbortSignal): DatabaseUnavailable {
    if (!(ending.reason instanceof CheckTimeout)) return cancelled(ending, false)
    const within = formatDuration(ending.reason.afterMs)
    return unsent('pool_exhausted', `none of ${this.#options.size} sessions became free within ${within}`)
  }

  async #openOne(outer: AbortSignal): Promise<Session> {
    const { connectTimeoutMs, clock } = this.#options
    const generation = this.#generation
    this.#open++
    const ending = endingOf(outer, connectTimeoutMs, () => new CheckTimeout(connectTimeoutMs), clock)
    try {
      const target = await orEnding(Promise.resolve(this.#options.target()), ending.signal)
      const { session: guarded, attempt } = await openSession(
        target,
        limits.databaseAnswerBytes,
        ending.signal,
      )
      const session: Session = {
        guarded,
        attempt,
        openedAtMs: clock.monotonicMs(),
        generation,
        lost: false,
        abandoned: false,
      }
      guarded.client.once('end', () => this.#hungUp(session))
      return session
    } catch (error) {
      this.#gone()
      if (outer.aborted && !(outer.reason instanceof CheckTimeout)) throw cancelled(outer, false)
      if (!(error instanceof NoSession)) throw error
      throw unsent(reasonOf(error), error.message, error)
    } finally {
      ending.release()
    }
  }

  #release(session: Session): void {
    const { clock, idleMs = limits.databaseIdleMs } = this.#options
    const old = clock.monotonicMs() - session.openedAtMs >= limits.databaseSessionMs
    const outdated = session.generation !== this.#generation
    if (session.lost || old || outdated || this.#closed) {
      void this.#retire(session)
      // What ended this session (a fail-over, a restart) has ended the others, or makes them useless.
      if (session.lost && !outdated) for (const idle of this.#idle.splice(0)) void this.#retire(idle)
      return
    }
    session.idleTimer = clock.startTimer(idleMs, () => this.#hungUp(session))
    this.#idle.push(session)
    this.#wakeOne()
  }

  /** While it was idle the server closed it, or it is closed for want of work. */
  #hungUp(session: Session): void {
    session.lost = true
    const at = this.#idle.indexOf(session)
    if (at === -1) return
    this.#idle.splice(at, 1)
    void this.#retire(session)
  }

  async #retire(session: Session): Promise<void> {
    session.idleTimer?.cancel()
    if (session.abandoned) await session.guarded.abandon()
    else if (session.lost) session.guarded.destroy()
    else await sayGoodbye(session.guarded)
    this.#gone()
  }

  #gone(): void {
    this.#open--
    this.#wakeOne()
  }

  #wakeAll(): void {
    for (const wake of [...this.#waiting]) wake()
  }

  #wakeOne(): void {
    const [wake] = this.#waiting
    if (wake === undefined) return
    this.#waiting.delete(wake)
    wake()
  }
}

/** What the gate calls a bad answer can be told more exactly: a server without a free session, one without a disk. */
function reasonOf({ reason, cause }: NoSession): string {
  if (reason !== 'bad_answer' || !(cause instanceof pg.DatabaseError)) return reason
  return judge(cause.code ?? '').reason ?? reason
}

async function inTransaction<T>(
  session: Session,
  work: (query: Query) => Promise<T>,
  ending: AbortSignal,
): Promise<T> {
  let failed = false
  let committing = false
  const query: Query = async (text, values = []) => {
    try {
      return await ask(session, text, values, ending)
    } catch (error) {
      failed = true
      throw error
    }
  }
  try {
    await query('begin')
    const result = await work(query)
    // COMMIT of a transaction with a failed statement is a ROLLBACK that looks like success.
    if (failed) throw new Error('a statement of the transaction failed, and its failure was ignored')
    committing = true
    await query('commit')
    return result
  } catch (error) {
    if (!session.lost) await query('rollback').catch(() => lose(session))
    const takenBack = error instanceof DatabaseUnavailable && error.outcomeUnknown && !committing
    throw takenBack ? unsent(error.reason, error.message, error.cause) : error
  }
}

async function ask<R>(
  session: Session,
  text: string,
  values: readonly unknown[],
  ending: AbortSignal,
): Promise<Result<R>> {
  if (ending.aborted) throw ended(session, ending, false)
  if (session.lost) throw unsent('connection_lost', 'the database closed the connection')
  const { client } = session.guarded
  session.guarded.renew()
  try {
    const answer = await orEnding(client.query(text, [...values]), ending)
    // Without parameters a text may hold several statements; the last one's result is told.
    const { rows, rowCount } = (Array.isArray(answer) ? answer.at(-1) : answer) as pg.QueryResult
    return { rows, rowCount: rowCount ?? 0 }
  } catch (error) {
    if (ending.aborted) throw ended(session, ending, true)
    throw afterSending(session, error)
  }
}

function lose(session: Session): void {
  session.lost = true
  session.guarded.destroy()
}

function ended(session: Session, ending: AbortSignal, sent: boolean): DatabaseUnavailable {
  // The next query could not tell the answer to this one from its own.
  if (sent) session.lost = session.abandoned = true
  if (!(ending.reason instanceof CheckTimeout)) return cancelled(ending, sent)
  const within = formatDuration(ending.reason.afterMs)
  const message = `the database did not answer within ${within}`
  return new DatabaseUnavailable({ reason: 'timeout', message, outcomeUnknown: sent })
}

function afterSending(session: Session, error: unknown): DatabaseUnavailable | QueryRefused {
  const redact = createRedactor([session.attempt.target.password.reveal()])
  const tell = (text: string) => redact(text.replace(/\s+/g, ' ')).slice(0, limits.foreignMessageChars)
  if (!(error instanceof pg.DatabaseError) || error.code === undefined) {
    lose(session)
    const { reason, message } = lostConnection(error, session.attempt.target)
    return new DatabaseUnavailable({ reason, message: tell(message), outcomeUnknown: true, cause: error })
  }
  const { verdict, reason = 'connection_lost' } = judge(error.code)
  const sessionEnds = error.severity === 'FATAL' || error.severity === 'PANIC'
  if (sessionEnds || verdict === 'unreached') lose(session)
  if (!sessionEnds && verdict !== 'unreached') return new QueryRefused(error.code, tell(error.message), error)
  const message = tell(`${error.message} (SQLSTATE ${error.code})`)
  // An ERROR has undone the statement. A FATAL may also follow upon a COMMIT that was done.
  return new DatabaseUnavailable({ reason, message, outcomeUnknown: sessionEnds, cause: error })
}

function lostConnection(error: unknown, target: ConnectionTarget): { reason: string; message: string } {
  const where = showEndpoint(target)
  if (error instanceof ProtocolError) {
    return { reason: 'bad_answer', message: `${where} does not answer like PostgreSQL: ${error.message}` }
  }
  const reason = classifyNetworkFailure(error, target)?.message ?? messageOf(error)
  return { reason: 'connection_lost', message: `the connection with ${where} was lost: ${reason}` }
}

function unsent(reason: string, message: string, cause?: unknown): DatabaseUnavailable {
  return new DatabaseUnavailable({ reason, message, outcomeUnknown: false, cause })
}

function cancelled(ending: AbortSignal, sent: boolean): DatabaseUnavailable {
  const details = { reason: 'cancelled', message: 'the work was cancelled', outcomeUnknown: sent }
  return new DatabaseUnavailable({ ...details, cause: ending.reason })
}
