// A database as a target of operations, exactly once: the inbox of `flowkeep.apply_operations` decides, also between
// supervisors. A direct operation is a batch of one, so that both ways are the same.

import { messageOf } from '../core/errors.ts'
import { type Json, parseExact } from '../core/json.ts'
import { limits } from '../core/limits.ts'
import type { Cancelled, Delivered, Delivery, Outcome, Target, Unreached } from '../core/target.ts'
import { type Asked, applyParameters, applyStatement, readWork, withoutRepetition } from './batch.ts'
import type { DatabasePool } from './pool.ts'
import { judge } from './sql-state.ts'
import { DatabaseUnavailable, QueryRefused } from './unavailable.ts'

interface Answer {
  readonly state: 'applied' | 'earlier' | 'conflict' | 'cancelled' | 'fenced' | 'skipped' | 'error'
  readonly code: string | null
  readonly message: string | null
  readonly result: string | null
}

/** What is known so far in the course of one call. */
interface Round {
  /** By the place of the delivery. */
  readonly outcomes: Map<number, Outcome>
  /** Lanes in which nothing more is tried. */
  readonly stoppedLanes: Set<string>
  readonly signal: AbortSignal
}

/** What an operation of one statement that touched one row has for its result. */
const oneRow: Json = { rowCounts: [1] }

/** The batch as a whole was refused, which can be the fault of one of its operations. */
class BatchRefused extends Error {
  readonly refusal: QueryRefused

  constructor(refusal: QueryRefused) {
    super(refusal.message, { cause: refusal })
    this.refusal = refusal
  }
}

export class PostgresTarget implements Target {
  readonly name: string
  readonly kind = 'database'
  readonly batchMax = limits.databaseBatch
  readonly #pool: DatabasePool

  constructor(name: string, pool: DatabasePool) {
    this.name = name
    this.#pool = pool
  }

  async deliver(batch: readonly Delivery[], signal: AbortSignal): Promise<Delivered> {
    const round: Round = { outcomes: new Map(), stoppedLanes: new Set(), signal }
    const asked = batch.flatMap((delivery, place) => {
      const read = readDelivery(delivery, place)
      if ('texts' in read) return [read]
      round.outcomes.set(place, read)
      return []
    })
    const refusedUnasked = round.outcomes.size
    try {
      for (const piece of withoutRepetition(asked, idOf)) await this.#apply(piece, round)
    } catch (error) {
      // What was decided before this is found decided when it is repeated.
      return unreached(error, round.outcomes.size > refusedUnasked)
    }
    return { reached: true, outcomes: batch.map((_, place) => round.outcomes.get(place) as Outcome) }
  }

  async cancel(batch: readonly Delivery[], signal: AbortSignal): Promise<Cancelled> {
    const outcomes: ('applied' | 'cancelled')[] = []
    try {
      for (const piece of withoutRepetition(batch, ({ operation }) => operation.id)) {
        const { rows } = await this.#pool.query<{ applied: boolean }>(
          'select applied from flowkeep.cancel_operations($1, $2, $3)',
          [
            piece.map(({ operation }) => operation.id),
            piece.map(({ contentHash }) => contentHash),
            piece.map(({ revision }) => revision),
          ],
          { signal },
        )
        outcomes.push(...rows.map(({ applied }) => (applied ? 'applied' : 'cancelled')))
      }
    } catch (error) {
      return unreached(error, false)
    }
    return { reached: true, outcomes }
  }

  close(): Promise<void> {
    return this.#pool.close()
  }

  async #apply(batch: readonly Asked[], round: Round): Promise<void> {
    const { outcomes, stoppedLanes } = round
    const going = batch.filter(({ delivery, place }) => {
      const skipped = stoppedLanes.has(delivery.operation.key)
      if (skipped) outcomes.set(place, { state: 'skipped' })
      return !skipped
    })
    if (going.length === 0) return
    try {
      const answers = await this.#ask(going, round.signal)
      for (const [at, asked] of going.entries()) note(asked, outcomeOf(answers[at] as Answer), round)
    } catch (error) {
      if (!(error instanceof BatchRefused)) throw error
      await this.#applyHalves(going, error.refusal, round)
    }
  }

  /** Finds the operation at fault: text that the database's encoding lacks, a statement that took too long. */
  async #applyHalves(batch: readonly Asked[], refusal: QueryRefused, round: Round): Promise<void> {
    const [only] = batch
    if (only && batch.length === 1) {
      note(only, judged(refusal.sqlState, refusal.message), round)
      return
    }
    const middle = Math.ceil(batch.length / 2)
    await this.#apply(batch.slice(0, middle), round)
    await this.#apply(batch.slice(middle), round)
  }

  async #ask(batch: readonly Asked[], signal: AbortSignal): Promise<readonly Answer[]> {
    try {
      const { rows } = await this.#pool.query<Answer>(applyStatement, applyParameters(batch), { signal })
      return rows
    } catch (error) {
      if (error instanceof QueryRefused && !aboutSchema(error)) throw new BatchRefused(error)
      throw error
    }
  }
}

function note({ delivery, place }: Asked, outcome: Outcome, { outcomes, stoppedLanes }: Round): void {
  outcomes.set(place, outcome)
  if (outcome.state === 'failed' || outcome.state === 'forbidden') stoppedLanes.add(delivery.operation.key)
}

function idOf({ delivery }: Asked): string {
  return delivery.operation.id
}

function readDelivery(delivery: Delivery, place: number): Asked | Extract<Outcome, { state: 'refused' }> {
  const { work } = delivery.operation
  if (work.kind !== 'sql') {
    return { state: 'refused', code: 'not_sql', message: 'a database takes SQL, not HTTP requests' }
  }
  const texts = readWork(work)
  if ('problem' in texts)
    return { state: 'refused', code: 'sql_refused', message: `the statement ${texts.problem}` }
  return { place, delivery, work, texts }
}

function outcomeOf({ state, code, message, result }: Answer): Outcome {
  switch (state) {
    case 'applied':
      return { state, result: resultOf(result) }
    case 'earlier':
      return { state: 'applied', result: resultOf(result), earlier: true }
    case 'error':
      return judged(code ?? '', message ?? '')
    default:
      return { state }
  }
}

function resultOf(text: string | null): Json {
  return text === null ? oneRow : parseExact(text)
}

function judged(code: string, text: string): Extract<Outcome, { readonly code: string }> {
  const { verdict } = judge(code)
  const message = text.replace(/\s+/g, ' ').slice(0, limits.foreignMessageChars)
  return { state: verdict === 'unreached' ? 'failed' : verdict, code, message }
}

/** Errors of operations are answers; one of the call itself is about the schema `flowkeep`. */
function aboutSchema({ sqlState }: QueryRefused): boolean {
  return /^(3F000|42883|42P01|42703|42501)$/.test(sqlState)
}

function unreached(error: unknown, decidedSome: boolean): Unreached {
  if (error instanceof DatabaseUnavailable) {
    const { reason, message, outcomeUnknown } = error
    return { reached: false, reason, message, outcomeUnknown: outcomeUnknown || decidedSome }
  }
  if (error instanceof QueryRefused) return { ...refusedCall(error), outcomeUnknown: decidedSome }
  return { reached: false, reason: 'internal', message: messageOf(error), outcomeUnknown: true }
}

function refusedCall(error: QueryRefused): Omit<Unreached, 'outcomeUnknown'> {
  const message = `${error.message} (SQLSTATE ${error.sqlState})`
  if (error.sqlState === '42501') {
    const hint = 'grant the user what the runbook of migration_refused lists'
    return { reached: false, reason: 'schema_forbidden', message: `${message}: ${hint}` }
  }
  if (aboutSchema(error)) {
    return { reached: false, reason: 'schema_missing', message: `${message}: run flowkeep migrate` }
  }
  return { reached: false, reason: 'server_fault', message }
}
