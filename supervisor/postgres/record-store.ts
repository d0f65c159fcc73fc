// Records in PostgreSQL. The rules are in the functions of `sql/records/`; here their arguments and answers change form.

import { limits } from '../core/limits.ts'
import {
  type ClaimedRecord,
  type ClaimRequest,
  type Enqueued,
  type EnqueueRequest,
  type GiveBack,
  type GivenBackClaims,
  type Held,
  type NewRecord,
  type QueueCounts,
  type RecordStore,
  type Recovered,
  StoreFailure,
} from '../core/record-store.ts'
import type { DatabasePool, Row } from './pool.ts'
import { DatabaseUnavailable, QueryRefused } from './unavailable.ts'

/** @param pool asked before each query; undefined where the settings do not name the database any more */
export function createRecordStore(pool: () => DatabasePool | undefined): RecordStore {
  return new PostgresRecordStore(pool)
}

class PostgresRecordStore implements RecordStore {
  readonly #pool: () => DatabasePool | undefined
  /** Once they were seen they stay. */
  #tablesSeen = false

  constructor(pool: () => DatabasePool | undefined) {
    this.#pool = pool
  }

  get waiting(): number {
    return this.#pool()?.figures.waiting ?? 0
  }

  async exists(): Promise<boolean> {
    if (this.#tablesSeen) return true
    const rows = await this.#ask<{ seen: boolean }>(
      `select to_regclass('flowkeep.processing_queue') is not null as seen`,
      [],
    )
    this.#tablesSeen = only(rows).seen
    return this.#tablesSeen
  }

  async openSession(instance: string, leaseMs: number): Promise<string> {
    const rows = await this.#ask<{ id: string }>(
      `insert into flowkeep.worker_session (instance, lease_expires_at)
         values ($1, now() + $2 * interval '1 ms') returning id`,
      [instance, leaseMs],
    )
    return only(rows).id
  }

  async renewSession(session: string, leaseMs: number): Promise<boolean> {
    const rows = await this.#ask(
      `update flowkeep.worker_session
         set heartbeat_at = now(), lease_expires_at = now() + $2 * interval '1 ms'
         where id = $1 returning id`,
      [session, leaseMs],
    )
    return rows.length === 1
  }

  async endSession(session: string): Promise<void> {
    await this.#ask('delete from flowkeep.worker_session where id = $1', [session])
  }

  async claim(request: ClaimRequest): Promise<readonly ClaimedRecord[]> {
    const from = request.from ?? beginning
    const rows = await this.#ask<ClaimedRow>(claimQuery, [
      ...[request.session, request.number, request.queue, request.limit, limits.recordsClaimBytes],
      ...[request.timeoutMs, request.maxAttempts, from.priority, from.runAt, from.id],
    ])
    return rows.map(toClaimed)
  }

  async complete(records: readonly Held[]): Promise<readonly boolean[]> {
    const rows = await this.#ask<{ id: string; state: string }>(
      'select id::text, state from flowkeep.complete_records($1, $2)',
      columns(records),
    )
    const applied = new Set(rows.filter(({ state }) => state === 'applied').map(({ id }) => id))
    return records.map(({ id }) => applied.has(id))
  }

  async giveBack(records: readonly Held[], { begun, reason, suspect }: GiveBack): Promise<void> {
    await this.#ask('select from flowkeep.give_back_records($1, $2, $3, $4, $5, false, false)', [
      ...columns(records),
      ...[begun, begun ? reason : null, suspect],
    ])
  }

  async giveBackClaims(session: string, numbers: readonly number[]): Promise<GivenBackClaims> {
    const rows = await this.#ask<{ records: number; left: number }>(
      'select records::integer, left_claimed::integer as left from flowkeep.give_back_claims($1, $2)',
      [session, numbers],
    )
    return only(rows)
  }

  async recover(session: string | undefined, atMost: number): Promise<Recovered> {
    const rows = await this.#ask<{ session_id: string; id: string; failed: boolean }>(
      'select session_id, id::text, failed from flowkeep.recover_records($1, $2)',
      [session ?? null, atMost],
    )
    const late = rows.filter(({ session_id }) => session_id === session)
    const bySession = Map.groupBy(rows, ({ session_id }) => session_id)
    return {
      late: late.map(({ id }) => id),
      orphans: rows.length - late.length,
      failed: rows.filter(({ failed }) => failed).length,
      more: [...bySession.values()].some((ofOne) => ofOne.length >= atMost),
    }
  }

  async enqueue({ id, contentHash, queue, records }: EnqueueRequest): Promise<Enqueued> {
    const column = <T>(pick: (record: NewRecord) => T) => records.map(pick)
    const rows = await this.#ask<{ conflict: boolean; ids: readonly string[]; duplicates: number }>(
      'select conflict, ids::text[], duplicates from flowkeep.enqueue_records($1, $2, $3, $4, $5, $6, $7)',
      [
        ...[id, contentHash, queue, column(({ key }) => key), column(({ payload }) => payload)],
        ...[column(({ priority }) => priority), column(({ runAt }) => runAt)],
      ],
    )
    const { conflict, ids, duplicates } = only(rows)
    return conflict ? 'conflict' : { ids, duplicates }
  }

  async count(): Promise<readonly QueueCounts[]> {
    const rows = await this.#ask<Record<keyof QueueCounts, string>>(
      `select * from flowkeep.count_records($1 * interval '1 ms')`,
      [limits.recordsCountMs],
    )
    return rows.map(({ queue, pending, scheduled, running, failed }) => ({
      queue,
      pending: Number(pending),
      scheduled: Number(scheduled),
      running: Number(running),
      failed: Number(failed),
    }))
  }

  async keepHistory(): Promise<void> {
    await this.#ask('select from flowkeep.keep_history($1, $2, $3)', [
      ...[limits.recordHistoryDaysAhead, limits.recordHistoryDays, limits.recordHistoryBatch],
    ])
  }

  async #ask<R = Row>(text: string, values: readonly unknown[]): Promise<readonly R[]> {
    const pool = this.#pool()
    if (!pool) throw new StoreFailure('unavailable', 'the settings do not name the database any more', false)
    try {
      const { rows } = await pool.query<R>(text, values, { timeoutMs: limits.recordsQueryMs })
      return rows
    } catch (error) {
      throw failureOf(error)
    }
  }
}

const beginning = { priority: -2_147_483_648, runAt: '-infinity', id: '0' }

const claimQuery = `
  select id::text, key, payload, attempts, epoch::text, suspect, priority, run_at::text, lease_expires_at
  from flowkeep.claim_records($1, $2, $3, $4, $5, $6 * interval '1 ms', $7, $8, $9, $10) as claimed
  order by claimed.priority, claimed.run_at, claimed.id`

interface ClaimedRow {
  readonly id: string
  readonly key: string | null
  readonly payload: string
  readonly attempts: number
  readonly epoch: string
  readonly suspect: boolean
  readonly priority: number
  readonly run_at: string
  readonly lease_expires_at: Date
}

function toClaimed(row: ClaimedRow): ClaimedRecord {
  const { id, key, payload, suspect } = row
  return {
    ...{ id, key, payload, suspect },
    attempt: row.attempts,
    epoch: Number(row.epoch),
    position: { priority: row.priority, runAt: row.run_at, id },
    leaseExpiresAt: row.lease_expires_at.toISOString(),
  }
}

function columns(records: readonly Held[]): [ids: string[], epochs: number[]] {
  return [records.map(({ id }) => id), records.map(({ epoch }) => epoch)]
}

function only<R>(rows: readonly R[]): R {
  const [row] = rows
  if (row === undefined) throw new Error('the database has not answered with a row')
  return row
}

/** No such schema, table, column or function. */
const missing = new Set(['3F000', '42P01', '42703', '42883'])
/** Raised by `claim_records`. */
const sessionLost = 'FK001'

function failureOf(error: unknown): unknown {
  if (error instanceof DatabaseUnavailable)
    return new StoreFailure('unavailable', error.message, error.outcomeUnknown, error)
  if (!(error instanceof QueryRefused)) return error
  const { sqlState, message } = error
  const reason =
    sqlState === sessionLost ? 'session_lost' : missing.has(sqlState) ? 'schema_missing' : 'refused'
  return new StoreFailure(reason, `${message} (SQLSTATE ${sqlState})`, false, error)
}
