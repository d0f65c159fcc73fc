// What can be read of a damaged journal, in order. The database is looked at twice, with all of its log and as SQLite
// believes it, since either may have lost what the other has. An entry counts when its own checksums are right.
// The new journal is whole before the damaged files are moved, so that a crash in the middle loses nothing either.

import { rmSync } from 'node:fs'
import { type Carving, type Columns, carve, type Source } from './carve.ts'
import { Database, type DoneRow, isSoundMeta, type Meta } from './database.ts'
import { doneCrc } from './ledger.ts'
import { isSound, type Row, sealed, stateOf } from './row.ts'
import { doneColumns, metaColumns, opsColumns, place } from './schema.ts'
import { readWal } from './wal.ts'

export interface SalvagePaths {
  readonly database: string
  readonly wal: string
  /** Where the new journal is written. */
  readonly rebuilt: string
}

export interface Expected {
  /** What the mark said, or less. */
  readonly commits: number
  /** Entries there were, where that is known. */
  readonly entries: number | undefined
}

/** Returns how many entries are lost, as far as that can be known. */
export function salvage(paths: SalvagePaths, expected: Expected): number {
  removeDatabase(paths.rebuilt)
  const rebuilt = new Database(paths.rebuilt)
  try {
    const { frames, believed } = readWal(paths.wal)
    const views = believed < frames.length ? [frames, frames.slice(0, believed)] : [frames]
    const copy = new Copy(rebuilt)
    rebuilt.begin()
    const unsound = fill(
      copy,
      views.map((view) => ({ ...paths, frames: view })),
      expected.entries ?? 0,
    )
    const lost = finish(rebuilt, copy, expected, unsound)
    rebuilt.commit()
    rebuilt.checkpoint()
    return lost
  } finally {
    rebuilt.close()
  }
}

export function removeDatabase(path: string): void {
  for (const suffix of ['', '-wal', '-journal', '-shm']) {
    rmSync(path + suffix, { force: true })
  }
}

/**
 * The newest view first, and what a page still names before what merely lies about in one, which may be an older state.
 * Returns how many entries were there and unsound.
 */
function fill(copy: Copy, sources: readonly Source[], expected: number): number {
  const carvings = sources.map((source) => carve(source, columnCounts))
  try {
    const unsound = new Set<number>()
    const takeAll = (rows: (carving: Carving) => Iterable<Columns>, broken?: Set<number>) => {
      for (const carving of carvings) for (const row of rows(carving)) copy.take(row, broken)
    }
    takeAll((carving) => carving.rows(), unsound)
    takeAll((carving) => carving.thorough('left over'))
    if (copy.entries < expected) takeAll((carving) => carving.thorough('all'))
    return unsound.size
  } finally {
    for (const carving of carvings) carving.close()
  }
}

/** The new journal while it is filled. */
class Copy {
  readonly #db: Database
  readonly #session: { highest: number; nextSeq: number; corruptEntries: number }
  entries = 0

  constructor(db: Database) {
    this.#db = db
    this.#session = { highest: 0, nextSeq: 1, corruptEntries: 0 }
  }

  get counters(): { readonly highest: number; readonly nextSeq: number; readonly corruptEntries: number } {
    return this.#session
  }

  /** @param unsound is told of the entry that this was once */
  take(record: Columns, unsound?: Set<number>): void {
    if (record.length === doneColumns.length) this.#takeDone(named<DoneRow>(doneColumns, record))
    else if (record.length === metaColumns.length) this.#takeMeta(named<MetaRow>(metaColumns, record))
    else this.#takeEntry(named<Row>(opsColumns, record), unsound)
  }

  #takeDone(row: DoneRow): void {
    if (row.crc !== doneCrc(row.id, row.hash, row.result) || this.#db.done(row.id)) return
    this.#db.insertDone(row)
    const entry = this.#db.rowOfId(row.id)
    if (entry) this.#remove(entry)
  }

  #takeEntry(row: Row, unsound?: Set<number>): void {
    if (!isSound(row)) {
      unsound?.add(row.seq)
      return
    }
    if (this.#db.done(row.id) || this.#db.outline(row.seq)) return
    const same = this.#db.rowOfId(row.id)
    // A dead letter that was revived has gone on under a new number.
    if (same && same.seq > row.seq) return
    if (same) this.#remove(same)
    this.#db.insert(sealed({ ...row, place: row.place === place.dead ? place.dead : place.behind }))
    this.entries++
  }

  #takeMeta(row: MetaRow): void {
    if (!isSoundMeta(row)) return
    this.#session.highest = Math.max(this.#session.highest, row.session)
    this.#session.nextSeq = Math.max(this.#session.nextSeq, row.next_seq)
    this.#session.corruptEntries = Math.max(this.#session.corruptEntries, row.corrupt_entries)
  }

  #remove({ seq }: Row): void {
    this.#db.delete(seq)
    this.entries--
  }
}

type MetaRow = Meta & { readonly crc: number }

const columnCounts: ReadonlySet<number> = new Set(
  [opsColumns, doneColumns, metaColumns].map(({ length }) => length),
)

function named<T>(names: readonly string[], record: Columns): T {
  return Object.fromEntries(names.map((name, index) => [name, record[index]])) as T
}

/** Heads of lanes and counters follow from the entries. */
function finish(rebuilt: Database, copy: Copy, expected: Expected, unsound: number): number {
  const { highest, nextSeq, corruptEntries } = copy.counters
  const meta: Meta = { ...rebuilt.meta(), session: highest }
  const targets = new Map<string, Parameters<Database['writeTarget']>[0]>()
  for (let after = 0; ; ) {
    const rows = rebuilt.firstRows(after, 500)
    if (rows.length === 0) break
    for (const row of rows) {
      after = row.seq
      meta.session = Math.max(meta.session, row.session)
      if (rebuilt.headOfLane(row.target, row.lane)?.seq === row.seq) rebuilt.free(row.seq)
      const empty = { target: row.target, queued: 0, held: 0, dead: 0, bytes: 0, dead_bytes: 0 }
      const counts = targets.get(row.target) ?? empty
      counts[stateOf(row)]++
      counts[row.place === place.dead ? 'dead_bytes' : 'bytes'] += row.bytes
      targets.set(row.target, counts)
    }
    meta.next_seq = after + 1
  }
  meta.next_seq = Math.max(meta.next_seq, nextSeq)
  for (const counts of targets.values()) rebuilt.writeTarget(counts)
  countDone(rebuilt, meta)
  const lost = Math.max(0, expected.entries === undefined ? unsound : expected.entries - copy.entries)
  meta.commits = expected.commits + 1
  meta.corrupt_entries = corruptEntries + lost
  rebuilt.writeMeta(meta)
  return lost
}

function countDone(rebuilt: Database, meta: Meta): void {
  for (let after = 0; ; ) {
    const rows = rebuilt.doneAfter(after, 500)
    if (rows.length === 0) return
    if (after === 0) meta.first_done = rows[0]?.number ?? 1
    for (const { number, result } of rows) {
      after = number
      meta.done_bytes += result?.length ?? 0
    }
    meta.next_done = after + 1
  }
}
