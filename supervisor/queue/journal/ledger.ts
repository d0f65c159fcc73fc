// The rules of the journal over its tables: lanes, bounds, dead letters, what is remembered of what is done. Its
// counters are kept in memory and written with every change; after a rollback they are read again.

import { crc32 } from 'node:zlib'
import { limits } from '../../core/limits.ts'
import type { Appended, ListQuery, LookUp, Reason, TargetFigures } from '../journal.ts'
import type { Database, Meta, TargetRow } from './database.ts'
import { mergeLanes } from './lane-merge.ts'
import { bytesOf, Corrupt, checked, type Draft, laneOf, newRow, type Row, sealed, stateOf } from './row.ts'
import { place } from './schema.ts'

export interface LedgerOptions {
  readonly maxOperations: number
  readonly maxBytes: number
  readonly wallMs: () => number
  /** Whether the disk has room for new entries. */
  readonly roomLeft: () => boolean
}

export interface KnownRow {
  readonly state: 'queued' | 'held' | 'dead' | 'done'
  readonly contentHash: string
  /** JSON */
  readonly result: string | null
}

/** Where it is stored, the position alone: plain numbers cross threads at no cost. */
export type AppendedRow =
  | number
  | { readonly state: 'known'; readonly known: KnownRow }
  | Extract<Appended, { readonly state: 'full' | 'too_large' }>

/** `Change` with its result as JSON. */
export type ChangeRow =
  | { readonly to: 'done'; readonly seq: number; readonly result: string | null }
  | { readonly to: 'dead'; readonly seq: number; readonly reason: Reason }
  | {
      readonly to: 'deferred' | 'held'
      readonly seq: number
      readonly notBeforeMs: number
      readonly attempts?: number
      readonly reason: Reason
    }
  | { readonly to: 'maybe_applied'; readonly seq: number }

export interface TakeBounds {
  readonly limit: number
  readonly bytes: number
  readonly nowMs: number
  readonly except: readonly string[]
}

export interface OverdueBounds {
  readonly nowWallMs: number
  readonly acceptedBeforeWallMs: number
  readonly limit: number
}

/** Lanes let go at once when their time has come. */
const dueBatch = 1_000
const occupiedLanesMax = 10_000

interface TouchedLane {
  readonly target: string
  readonly lane: string
  /** When it is to wait. */
  untilMs: number | undefined
}

export class Ledger {
  readonly #db: Database
  readonly #options: LedgerOptions
  readonly #session: number
  #meta: Meta
  #targets: Map<string, TargetRow>
  readonly #touched = new Set<TargetRow>()
  /** Some of the lanes that hold something: what comes behind it asks no index. */
  readonly #occupied = new Set<string>()
  #writing = false

  /** @throws Corrupt where the counters are gone */
  constructor(db: Database, options: LedgerOptions) {
    this.#db = db
    this.#options = options
    this.#meta = this.#readMeta()
    this.#targets = this.#readTargets()
    this.#session = this.#meta.session + 1
  }

  get commits(): number {
    return this.#meta.commits
  }

  get corruptEntries(): number {
    return this.#meta.corrupt_entries
  }

  /** Queued, held and dead ones. */
  get entries(): number {
    return this.#sum((row) => row.queued + row.held + row.dead)
  }

  get totals(): { operations: number; bytes: number; deadBytes: number } {
    return {
      operations: this.#sum((row) => row.queued + row.held),
      bytes: this.#sum((row) => row.bytes),
      deadBytes: this.#sum((row) => row.dead_bytes),
    }
  }

  figures(): Map<string, TargetFigures> {
    const figures = new Map<string, TargetFigures>()
    for (const { target, queued, held, dead } of this.#targets.values()) {
      const oldestAcceptedAtWallMs = queued + held > 0 ? this.#db.oldestAcceptedAt(target) : undefined
      figures.set(target, { queued, held, dead, oldestAcceptedAtWallMs })
    }
    return figures
  }

  // One transaction

  /** True when something was written and is on disk now. */
  commit(): boolean {
    if (!this.#writing) return false
    this.#meta.commits++
    this.#meta.session = this.#session
    this.#db.writeMeta(this.#meta)
    for (const row of this.#touched) this.#db.writeTarget(row)
    this.#db.commit()
    this.#touched.clear()
    this.#writing = false
    return true
  }

  rollback(): void {
    this.#touched.clear()
    this.#occupied.clear()
    this.#writing = false
    this.#db.rollback()
    this.#meta = this.#readMeta()
    this.#targets = this.#readTargets()
  }

  // What the journal promises

  append(drafts: readonly Draft[]): AppendedRow[] {
    return drafts.map((draft): AppendedRow => {
      const done = this.#knownDone(draft.id)
      if (done) return { state: 'known', known: done }
      const bytes = bytesOf(draft)
      const bound = this.#boundReached(bytes)
      const seq = bound ? undefined : this.#insertNew(draft, bytes)
      if (seq !== undefined) return seq
      const known = this.#knownEntry(draft.id)
      if (known) return { state: 'known', known }
      const { maxBytes } = this.#options
      if (bytes > maxBytes) return { state: 'too_large', bytes, maxBytes }
      if (bound) return { state: 'full', bound }
      throw new Corrupt(`an index names "${draft.id}", which is not there`)
    })
  }

  lookUp(requests: readonly LookUp[]): { known: KnownRow | undefined; laneQueued: boolean }[] {
    return requests.map(({ id, target, key }) => ({
      known: this.#known(id),
      laneQueued: this.#db.headOfLane(target, laneOf(key)) !== undefined,
    }))
  }

  take(target: string, { limit, bytes, nowMs, except }: TakeBounds): Row[] {
    const due = this.#db.due(target, this.#session, nowMs, dueBatch)
    if (due.length > 0) this.#write()
    for (const seq of due) this.#db.free(seq)
    const taken: Row[] = []
    let left = bytes
    if (limit < 1) return taken
    for (const row of mergeLanes(this.#db, target, new Set(except.map(laneOf)))) {
      left -= row.bytes
      if (taken.length > 0 && left < 0) break
      taken.push(this.#seen(row))
      if (taken.length >= limit) break
    }
    return taken
  }

  overdue({ nowWallMs, acceptedBeforeWallMs, limit }: OverdueBounds): Row[] {
    const found = new Map<number, Row>()
    const expired = this.#db.expired(nowWallMs, limit).values()
    gather(
      found,
      expired.map((seq) => this.#existing(seq)),
      limit,
    )
    for (const target of this.#targets.keys())
      gather(found, this.#oldRows(target, acceptedBeforeWallMs, limit), limit)
    return [...found.values()]
      .sort((a, b) => a.seq - b.seq)
      .slice(0, limit)
      .map((row) => this.#seen(row))
  }

  *#oldRows(target: string, acceptedBeforeWallMs: number, lanes: number): Generator<Row> {
    for (const { seq, lane } of this.#db.oldLanes(target, acceptedBeforeWallMs, lanes)) {
      for (const row of this.#db.laneRows(target, lane, seq, Number.MAX_SAFE_INTEGER)) {
        if (row.accepted_at >= acceptedBeforeWallMs) break
        yield checked(row)
      }
    }
  }

  nextDueMs(target: string): number | undefined {
    return this.#db.nextDue(target, this.#session)
  }

  settle(changes: readonly ChangeRow[]): void {
    const lanes = new Map<string, TouchedLane>()
    for (const change of changes) {
      const where = this.#db.outline(change.seq)
      // Discarded meanwhile, or settled by a call whose answer was lost.
      if (!where || where.place === place.dead) continue
      this.#write()
      const name = laneName(where)
      const lane = lanes.get(name) ?? { target: where.target, lane: where.lane, untilMs: undefined }
      if (change.to === 'done') {
        this.#count(where, -1)
        this.#db.delete(change.seq)
        this.#remember(where.id, where.hash, change.result)
      } else {
        this.#change(this.#existing(change.seq), change)
        if ('notBeforeMs' in change) lane.untilMs = Math.max(change.notBeforeMs, lane.untilMs ?? 0)
      }
      if (change.to !== 'maybe_applied') lanes.set(name, lane)
    }
    for (const lane of lanes.values()) this.#place(lane)
  }

  /** Without their work. */
  list({ state, target, afterSeq, limit }: ListQuery): Row[] {
    const rows = this.#db.list(state, target, afterSeq, limit)
    return Array.from(rows, (row) => ({ ...this.#seen(checked(row)), work: '' }))
  }

  show(id: string): Row | undefined {
    const row = this.#db.rowOfId(id)
    return row && this.#seen(checked(row))
  }

  retry(id: string): 'retried' | 'unknown' | 'not_waiting' {
    const row = this.#db.rowOfId(id)
    if (!row) return 'unknown'
    checked(row)
    if (row.place === place.dead) this.#revive(row)
    else if (!this.#free(row.target, row.lane)) return 'not_waiting'
    return 'retried'
  }

  discard(id: string): 'discarded' | 'unknown' {
    const row = this.#db.rowOfId(id)
    if (!row) return 'unknown'
    this.#write()
    this.#count(row, -1)
    this.#db.delete(row.seq)
    if (row.place !== place.dead) this.#place({ target: row.target, lane: row.lane, untilMs: undefined })
    return 'discarded'
  }

  // Looking through all of it

  /** Checks the entries after `afterSeq`, and that the indexes know them. Returns where it came to, undefined at the end. */
  scrub(afterSeq: number, limit: number): number | undefined {
    const rows = this.#db.firstRows(afterSeq, limit)
    for (const row of rows) {
      checked(row)
      if (this.#db.seqOfId(row.id) !== row.seq) throw new Corrupt(`no index names entry ${row.seq}`)
      if (row.place === place.dead) continue
      if (!this.#db.inLane(row.target, row.lane, row.seq)) throw new Corrupt(`no lane names entry ${row.seq}`)
      const isHead = this.#db.headOfLane(row.target, row.lane)?.seq === row.seq
      if (isHead !== (row.place !== place.behind)) throw new Corrupt(`entry ${row.seq} is at a wrong place`)
    }
    return rows.at(-1)?.seq
  }

  // Steps

  #write(): void {
    if (this.#writing) return
    this.#db.begin()
    this.#writing = true
  }

  #known(id: string): KnownRow | undefined {
    return this.#knownEntry(id) ?? this.#knownDone(id)
  }

  #knownEntry(id: string): KnownRow | undefined {
    const row = this.#db.rowOfId(id)
    return row && { state: stateOf(checked(row)), contentHash: row.hash, result: null }
  }

  #knownDone(id: string): KnownRow | undefined {
    if (this.#meta.next_done === this.#meta.first_done) return undefined
    const done = this.#db.done(id)
    if (!done) return undefined
    if (done.crc !== doneCrc(id, done.hash, done.result))
      throw new Corrupt(`the checksum of "${id}" is wrong`)
    return { state: 'done', contentHash: done.hash, result: done.result }
  }

  /** Dead letters count: they take up the same disk. */
  #boundReached(bytes: number): 'operations' | 'bytes' | 'disk' | undefined {
    const { maxOperations, maxBytes, roomLeft } = this.#options
    if (this.entries >= maxOperations) return 'operations'
    if (this.#sum((row) => row.bytes + row.dead_bytes) + bytes > maxBytes) return 'bytes'
    return roomLeft() ? undefined : 'disk'
  }

  /** Undefined when its id is there already. */
  #insertNew(draft: Draft, bytes: number): number | undefined {
    this.#write()
    const seq = this.#meta.next_seq
    const row = newRow(draft, { seq, session: this.#session, wallMs: this.#options.wallMs(), bytes })
    const lane = laneName(draft)
    if (!this.#occupied.has(lane) && !this.#db.headOfLane(draft.target, draft.lane)) row.place = place.free
    if (!this.#db.insertNew(row)) return undefined
    this.#meta.next_seq++
    if (this.#occupied.size >= occupiedLanesMax) this.#occupied.clear()
    this.#occupied.add(lane)
    this.#count(row, 1)
    return seq
  }

  #change(row: Row, change: Exclude<ChangeRow, { to: 'done' }>): void {
    this.#count(row, -1)
    if (change.to === 'maybe_applied') row.maybe = 1
    else row.reason = JSON.stringify(change.reason)
    if (change.to === 'dead') row.place = place.dead
    if ('notBeforeMs' in change) row.attempts = change.attempts ?? row.attempts
    if (change.to !== 'maybe_applied') row.held = change.to === 'held' ? 1 : 0
    // What an earlier process left in doubt stays so.
    if (row.session !== this.#session) row.maybe = 1
    row.session = this.#session
    row.changed_at = this.#options.wallMs()
    this.#db.update(sealed(row))
    this.#count(row, 1)
  }

  /** The first of a lane stands where `take` finds it, or waits. */
  #place({ target, lane, untilMs }: TouchedLane): void {
    const head = this.#db.headOfLane(target, lane)
    if (!head) {
      this.#occupied.delete(laneName({ target, lane }))
      return
    }
    if (untilMs !== undefined) this.#db.wait(head.seq, this.#session, untilMs)
    else if (head.place === place.behind) this.#db.free(head.seq)
  }

  /** False when the lane waited for nothing. */
  #free(target: string, lane: string): boolean {
    const head = this.#db.headOfLane(target, lane)
    if (head?.place !== place.waiting) return false
    this.#write()
    this.#db.free(head.seq)
    return true
  }

  /** Accepted anew: its age begins again, or it would at once be dead of it. */
  #revive(row: Row): void {
    this.#write()
    this.#count(row, -1)
    this.#db.delete(row.seq)
    row.seq = this.#meta.next_seq++
    row.place = this.#db.headOfLane(row.target, row.lane) ? place.behind : place.free
    row.revision++
    row.attempts = 0
    row.maybe = row.maybe || row.session !== this.#session ? 1 : 0
    row.session = this.#session
    row.accepted_at = this.#options.wallMs()
    row.changed_at = row.accepted_at
    this.#db.insert(sealed(row))
    this.#count(row, 1)
  }

  /** Remembers that this id is done, and forgets the oldest ones beyond the bounds. */
  #remember(id: string, hash: string, result: string | null): void {
    const kept = result !== null && result.length > limits.queueDoneResultChars ? null : result
    const number = this.#meta.next_done++
    this.#db.insertDone({ number, id, hash, result: kept, crc: doneCrc(id, hash, kept) })
    this.#meta.done_bytes += kept?.length ?? 0
    while (
      this.#meta.next_done - this.#meta.first_done > limits.queueDoneIds ||
      this.#meta.done_bytes > limits.queueDoneChars
    ) {
      const [oldest] = this.#db.oldestDone(1)
      if (!oldest) break
      this.#db.deleteDone(oldest.number)
      this.#meta.first_done = oldest.number + 1
      this.#meta.done_bytes -= oldest.result?.length ?? 0
    }
  }

  #count(row: Pick<Row, 'target' | 'place' | 'held' | 'bytes'>, by: 1 | -1): void {
    let counts = this.#targets.get(row.target)
    if (!counts) {
      counts = { target: row.target, queued: 0, held: 0, dead: 0, bytes: 0, dead_bytes: 0 }
      this.#targets.set(row.target, counts)
    }
    counts[stateOf(row)] += by
    counts[row.place === place.dead ? 'dead_bytes' : 'bytes'] += by * row.bytes
    this.#touched.add(counts)
  }

  #existing(seq: number): Row {
    const row = this.#db.row(seq)
    if (!row) throw new Corrupt(`an index names entry ${seq}, which is not there`)
    return checked(row)
  }

  /** As its owner is to see it. */
  #seen(row: Row): Row {
    return row.session === this.#session ? row : { ...row, maybe: 1 }
  }

  #sum(figure: (row: TargetRow) => number): number {
    let sum = 0
    for (const row of this.#targets.values()) sum += figure(row)
    return sum
  }

  #readMeta(): Meta {
    return this.#db.meta()
  }

  #readTargets(): Map<string, TargetRow> {
    return new Map(this.#db.targets().map((row) => [row.target, row]))
  }
}

/** Up to so many and as many bytes as one read may hold. */
function gather(found: Map<number, Row>, rows: Iterable<Row>, limit: number): void {
  let [count, bytes] = [0, 0]
  for (const row of rows) {
    found.set(row.seq, row)
    bytes += row.bytes
    if (++count >= limit || bytes >= limits.queueReadBytes) return
  }
}

/** No target has a space in its name. */
function laneName({ target, lane }: { readonly target: string; readonly lane: string }): string {
  return `${target} ${lane}`
}

export function doneCrc(id: string, hash: string, result: string | null): number {
  return crc32([id, hash, result].join('\0'))
}
