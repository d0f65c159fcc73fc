// The journal's SQL: one prepared statement for each thing it does. No rule of the queue lives here.

import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import { crc32 } from 'node:zlib'
import { limits } from '../../core/limits.ts'
import { Corrupt, columns, type Row } from './row.ts'
import { pragmas, schema, schemaVersion } from './schema.ts'

export interface Meta {
  session: number
  next_seq: number
  next_done: number
  /** The oldest number in `done`. */
  first_done: number
  done_bytes: number
  commits: number
  corrupt_entries: number
}

export interface TargetRow {
  readonly target: string
  queued: number
  held: number
  dead: number
  bytes: number
  dead_bytes: number
}

export interface DoneRow {
  readonly number: number
  readonly id: string
  readonly hash: string
  readonly result: string | null
  readonly crc: number
}

const emptyMeta: Meta = {
  session: 0,
  next_seq: 1,
  next_done: 1,
  first_done: 1,
  done_bytes: 0,
  commits: 0,
  corrupt_entries: 0,
}

/** Made once: a text that is put together for each call costs more than what it does. */
const text = {
  byId: `SELECT ${columns} FROM ops WHERE id = ?`,
  bySeq: `SELECT ${columns} FROM ops WHERE seq = ?`,
  after: `SELECT ${columns} FROM ops WHERE seq > ? ORDER BY seq LIMIT ?`,
  insert: `INSERT INTO ops (${columns}) VALUES (${columns.replaceAll(/\w+/g, '?')})`,
  insertNew: `INSERT INTO ops (${columns}) VALUES (${columns.replaceAll(/\w+/g, '?')}) ON CONFLICT (id) DO NOTHING`,
  laneRows: `SELECT ${columns} FROM ops INDEXED BY lanes
    WHERE target = ? AND lane = ? AND place < 3 AND seq >= ? AND seq < ? ORDER BY seq`,
}

export class Database {
  readonly #db: DatabaseSync
  readonly #prepared = new Map<string, StatementSync>()

  /** @throws what SQLite throws where the file is none of ours */
  constructor(path: string) {
    // The kernel takes the locks of a killed process away one by one: its slot may be free a moment before its database.
    this.#db = new DatabaseSync(path, { timeout: limits.queueBusyMs })
    try {
      this.#db.exec(pragmas)
      const { user_version } = this.#get<{ user_version: number }>('PRAGMA user_version') ?? {
        user_version: 0,
      }
      if (user_version === 0) this.#create()
      else if (user_version !== schemaVersion) throw new NewerSchema(user_version)
    } catch (error) {
      this.#db.close()
      throw error
    }
  }

  #create(): void {
    this.begin()
    this.#db.exec(schema)
    this.writeMeta(emptyMeta)
    this.commit()
  }

  begin(): void {
    this.#run('BEGIN IMMEDIATE')
  }

  commit(): void {
    this.#run('COMMIT')
  }

  rollback(): void {
    if (this.#db.isTransaction) this.#db.exec('ROLLBACK')
  }

  /** Folds the log into the database and empties it. */
  checkpoint(): void {
    this.#db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  }

  /** Cuts off some of the pages that nothing needs any more; a few at a time, since their log takes room, too. */
  shrink(): void {
    for (let round = 0; round < limits.queueShrinkRounds; round++) {
      if (this.#freePages() < limits.queueShrinkPages) return
      this.checkpoint()
      this.#prepare(`PRAGMA incremental_vacuum(${limits.queueShrinkPagesAtOnce})`).all()
      this.checkpoint()
    }
  }

  #freePages(): number {
    return this.#get<{ freelist_count: number }>('PRAGMA freelist_count')?.freelist_count ?? 0
  }

  /** Reads every page, tables against indexes. Undefined when all is well. */
  firstFault(): string | undefined {
    const found = this.#get<{ integrity_check: string }>('PRAGMA integrity_check(1)')?.integrity_check
    return found === 'ok' ? undefined : (found ?? 'no answer')
  }

  close(): void {
    this.#db.close()
  }

  // Counters

  /** @throws Corrupt */
  meta(): Meta {
    const row = this.#get<Meta & { one: number; crc: number }>('SELECT * FROM meta')
    if (!row) throw new Corrupt('the counters are gone')
    if (!isSoundMeta(row)) throw new Corrupt('the checksum of the counters is wrong')
    const { one: _, crc: __, ...meta } = row
    return meta
  }

  writeMeta(meta: Meta): void {
    const { session, next_seq, next_done, first_done, done_bytes, commits, corrupt_entries } = meta
    this.#run(
      'REPLACE INTO meta VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?)',
      session,
      next_seq,
      next_done,
      first_done,
      done_bytes,
      commits,
      corrupt_entries,
      crcOfNumbers(meta),
    )
  }

  /** @throws Corrupt */
  targets(): TargetRow[] {
    return this.#all<TargetRow & { crc: number }>('SELECT * FROM targets').map(({ crc, ...row }) => {
      if (crc !== crcOfNumbers(row))
        throw new Corrupt(`the checksum of the counters of ${row.target} is wrong`)
      return row
    })
  }

  writeTarget(row: TargetRow): void {
    const { target, queued, held, dead, bytes, dead_bytes } = row
    this.#run(
      'REPLACE INTO targets VALUES (?, ?, ?, ?, ?, ?, ?)',
      target,
      queued,
      held,
      dead,
      bytes,
      dead_bytes,
      crcOfNumbers(row),
    )
  }

  /** When the oldest entry that heads a lane of this target was accepted. */
  oldestAcceptedAt(target: string): number | undefined {
    return this.#get<{ at: number }>(
      'SELECT accepted_at AS at FROM ops INDEXED BY ages WHERE target = ? AND place IN (1, 2) ORDER BY accepted_at LIMIT 1',
      target,
    )?.at
  }

  // Rows

  rowOfId(id: string): Row | undefined {
    return this.#get<Row>(text.byId, id)
  }

  /** As the index of ids has it. */
  seqOfId(id: string): number | undefined {
    return this.#get<{ seq: number }>('SELECT seq FROM ops WHERE id = ?', id)?.seq
  }

  row(seq: number): Row | undefined {
    return this.#get<Row>(text.bySeq, seq)
  }

  insert(row: Row): void {
    this.#run(text.insert, ...valuesOf(row))
  }

  /** False when its id is there already. */
  insertNew(row: Row): boolean {
    return this.#prepare(text.insertNew).run(...valuesOf(row)).changes === 1
  }

  /** Writes what may change of it. */
  update(row: Row): void {
    this.#run(
      `UPDATE ops SET place = ?, held = ?, session = ?, maybe = ?, revision = ?, attempts = ?, accepted_at = ?,
       changed_at = ?, reason = ?, state_crc = ? WHERE seq = ?`,
      row.place,
      row.held,
      row.session,
      row.maybe,
      row.revision,
      row.attempts,
      row.accepted_at,
      row.changed_at,
      row.reason,
      row.state_crc,
      row.seq,
    )
  }

  delete(seq: number): void {
    this.#run('DELETE FROM ops WHERE seq = ?', seq)
  }

  /** Where an entry stands, without what it says. */
  outline(seq: number): Outline | undefined {
    return this.#get<Outline>('SELECT id, target, lane, hash, bytes, place, held FROM ops WHERE seq = ?', seq)
  }

  /** As many as `limit` and one read allow, at least one. */
  firstRows(afterSeq: number, limit: number): Row[] {
    const rows: Row[] = []
    let bytes = 0
    for (const row of this.#each<Row>(text.after, afterSeq, limit)) {
      rows.push(row)
      bytes += row.bytes
      if (bytes >= limits.queueReadBytes) break
    }
    return rows
  }

  /** Of one state, by position. */
  list(
    state: 'queued' | 'held' | 'dead',
    target: string | undefined,
    afterSeq: number,
    limit: number,
  ): Iterable<Row> {
    const where = {
      queued: 'ops NOT INDEXED WHERE place < 3 AND held = 0 AND',
      held: 'ops INDEXED BY held WHERE held = 1 AND',
      dead: 'ops INDEXED BY dead WHERE place = 3 AND',
    }[state]
    const sql = `SELECT ${columns} FROM ${where} seq > ? AND (?2 IS NULL OR target = ?2) ORDER BY seq LIMIT ?3`
    return this.#each<Row>(sql.replace('seq > ?', 'seq > ?1'), afterSeq, target ?? null, limit)
  }

  // Lanes

  headOfLane(target: string, lane: string): { seq: number; place: number } | undefined {
    return this.#get<{ seq: number; place: number }>(
      'SELECT seq, place FROM ops INDEXED BY lanes WHERE target = ? AND lane = ? AND place < 3 ORDER BY seq LIMIT 1',
      target,
      lane,
    )
  }

  inLane(target: string, lane: string, seq: number): boolean {
    const sql = 'SELECT 1 FROM ops INDEXED BY lanes WHERE target = ? AND lane = ? AND place < 3 AND seq = ?'
    return this.#get(sql, target, lane, seq) !== undefined
  }

  /** The first of each lane that waits for nothing, by position. */
  freeHeads(target: string): Generator<{ seq: number; lane: string }> {
    const sql = 'SELECT seq, lane FROM ops INDEXED BY heads WHERE target = ? AND place = 1 ORDER BY seq'
    return this.#each<{ seq: number; lane: string }>(sql, target)
  }

  /** Rows of a lane with `fromSeq <= seq < untilSeq`. */
  laneRows(target: string, lane: string, fromSeq: number, untilSeq: number): Generator<Row> {
    return this.#each<Row>(text.laneRows, target, lane, fromSeq, untilSeq)
  }

  nextOfLane(target: string, lane: string, fromSeq: number): number | undefined {
    const sql =
      'SELECT seq FROM ops INDEXED BY lanes WHERE target = ? AND lane = ? AND place < 3 AND seq >= ? ORDER BY seq LIMIT 1'
    return this.#get<{ seq: number }>(sql, target, lane, fromSeq)?.seq
  }

  free(seq: number): void {
    this.#run('UPDATE ops SET place = 1, waits = NULL, due = NULL WHERE seq = ?', seq)
  }

  wait(seq: number, session: number, dueMs: number): void {
    this.#run('UPDATE ops SET place = 2, waits = ?, due = ? WHERE seq = ?', session, dueMs, seq)
  }

  /** Waiting lanes whose time has come, or that an earlier process let wait. */
  due(target: string, session: number, nowMs: number, limit: number): number[] {
    const from = 'SELECT seq FROM ops INDEXED BY waiting WHERE place = 2 AND target = ? AND'
    const earlier = this.#all<{ seq: number }>(`${from} waits < ? LIMIT ?`, target, session, limit)
    const now = this.#all<{ seq: number }>(
      `${from} waits = ? AND due <= ? ORDER BY due LIMIT ?`,
      target,
      session,
      nowMs,
      limit - earlier.length,
    )
    return [...earlier, ...now].map(({ seq }) => seq)
  }

  nextDue(target: string, session: number): number | undefined {
    const from = 'FROM ops INDEXED BY waiting WHERE place = 2 AND target = ? AND'
    if (this.#get(`SELECT 1 ${from} waits < ? LIMIT 1`, target, session)) return 0
    return this.#get<{ due: number }>(`SELECT due ${from} waits = ? ORDER BY due LIMIT 1`, target, session)
      ?.due
  }

  // Overdue

  expired(nowWallMs: number, limit: number): number[] {
    const sql =
      'SELECT seq FROM ops INDEXED BY expiring WHERE expires_at IS NOT NULL AND place < 3 AND expires_at <= ? ORDER BY expires_at LIMIT ?'
    return this.#all<{ seq: number }>(sql, nowWallMs, limit).map(({ seq }) => seq)
  }

  /** Lanes whose first entry is older. */
  oldLanes(target: string, beforeWallMs: number, limit: number): { seq: number; lane: string }[] {
    return this.#all<{ seq: number; lane: string }>(
      'SELECT seq, lane FROM ops INDEXED BY ages WHERE target = ? AND place IN (1, 2) AND accepted_at < ? ORDER BY accepted_at LIMIT ?',
      target,
      beforeWallMs,
      limit,
    )
  }

  // What is done

  done(id: string): DoneRow | undefined {
    return this.#get<DoneRow>('SELECT * FROM done WHERE id = ?', id)
  }

  insertDone({ number, id, hash, result, crc }: DoneRow): void {
    this.#run('INSERT OR REPLACE INTO done VALUES (?, ?, ?, ?, ?)', number, id, hash, result, crc)
  }

  oldestDone(limit: number): DoneRow[] {
    return this.#all<DoneRow>('SELECT * FROM done ORDER BY number LIMIT ?', limit)
  }

  doneAfter(number: number, limit: number): DoneRow[] {
    return this.#all<DoneRow>('SELECT * FROM done WHERE number > ? ORDER BY number LIMIT ?', number, limit)
  }

  deleteDone(number: number): void {
    this.#run('DELETE FROM done WHERE number = ?', number)
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#prepared.get(sql)
    if (!statement) {
      statement = this.#db.prepare(sql)
      this.#prepared.set(sql, statement)
    }
    return statement
  }

  #run(sql: string, ...values: SQLInputValue[]): void {
    this.#prepare(sql).run(...values)
  }

  #get<T>(sql: string, ...values: SQLInputValue[]): T | undefined {
    return this.#prepare(sql).get(...values) as T | undefined
  }

  /** One after the other: together they may be too large to hold. */
  *#each<T>(sql: string, ...values: SQLInputValue[]): Generator<T> {
    for (const row of this.#prepare(sql).iterate(...values)) yield row as T
  }

  #all<T>(sql: string, ...values: SQLInputValue[]): T[] {
    return this.#prepare(sql).all(...values) as T[]
  }
}

/** In the order of `columns`. */
function valuesOf(row: Row): SQLInputValue[] {
  return [
    row.seq,
    row.id,
    row.target,
    row.lane,
    row.hash,
    row.work,
    row.expires_at,
    row.bytes,
    row.crc,
    row.place,
    row.held,
    row.session,
    row.maybe,
    row.revision,
    row.attempts,
    row.accepted_at,
    row.changed_at,
    row.reason,
    row.state_crc,
  ]
}

export function isSoundMeta(row: Meta & { readonly one?: number; readonly crc: number }): boolean {
  const { one: _, crc, ...meta } = row
  return crc === crcOfNumbers(meta)
}

/** In the order of the names above, which every place that makes such an object keeps. */
function crcOfNumbers(row: Meta | TargetRow): number {
  return crc32(Object.values(row).join('\0'))
}

export type Outline = Pick<Row, 'id' | 'target' | 'lane' | 'hash' | 'bytes' | 'place' | 'held'>

/** Written by a later version: not corrupt, and not ours to change. */
export class NewerSchema extends Error {
  constructor(found: number) {
    super(`its format is ${found}, and this version knows ${schemaVersion}`)
  }
}
