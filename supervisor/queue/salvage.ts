// What can be read of a damaged journal, in order. The database is looked at twice, with all of its log and as SQLite
// believes it, since either may have lost what the other has. An entry counts when its own checksums are right.
// The new journal is whole before the damaged files are moved, so that a crash in the middle loses nothing either.

import { closeSync, copyFileSync, existsSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { Database, type DoneRow, type Meta } from './database.ts'
import { doneCrc } from './ledger.ts'
import { columns, isSound, type Row, sealed, stateOf } from './row.ts'
import { place, schema } from './schema.ts'
import { type Frame, pageBytes, readWal } from './wal.ts'

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

/** Probes into a damaged table until the rest of it is given up. */
const probesMax = 100_000

/** Returns how many entries are lost, as far as that can be known. */
export function salvage(paths: SalvagePaths, expected: Expected): number {
  removeDatabase(paths.rebuilt)
  const rebuilt = new Database(paths.rebuilt)
  try {
    const { frames, believed } = readWal(paths.wal)
    const log = { path: paths.wal, frames }
    const unreadable = [frames, frames.slice(0, believed)]
      .filter((each, index) => index === 0 || each.length < frames.length)
      .map((each) => copySound(paths.database, { ...log, frames: each }, rebuilt, `${paths.rebuilt}-view`))
    const lost = finish(rebuilt, expected, Math.max(...unreadable))
    rebuilt.checkpoint()
    return lost
  } finally {
    rebuilt.close()
  }
}

export function removeDatabase(path: string): void {
  for (const suffix of ['', '-wal', '-journal', '-shm', '-view', '-view-journal']) {
    rmSync(path + suffix, { force: true })
  }
}

interface Log {
  readonly path: string
  readonly frames: readonly Frame[]
}

/** Copies what is sound and not there yet; returns how many rows could not be read. */
function copySound(database: string, log: Log, rebuilt: Database, viewPath: string): number {
  buildView(database, log, viewPath)
  const view = openView(viewPath)
  if (!view) return 0
  try {
    rebuilt.begin()
    const done = new Sweep<DoneRow>(view, 'SELECT * FROM done', 'number')
    for (const row of done.rows()) {
      if (row.crc === doneCrc(row.id, row.hash, row.result) && !rebuilt.done(row.id)) rebuilt.insertDone(row)
    }
    let unsound = 0
    const entries = new Sweep<Row>(view, `SELECT ${columns} FROM ops`, 'seq')
    for (const row of entries.rows()) {
      if (!isSound(row)) unsound++
      else if (isMissing(rebuilt, row)) rebuilt.insert(asBehind(row))
    }
    rebuilt.commit()
    return unsound + entries.unreadable
  } finally {
    view.close()
    rmSync(viewPath, { force: true })
  }
}

function isMissing(rebuilt: Database, { id, seq }: Row): boolean {
  return !rebuilt.rowOfId(id) && !rebuilt.done(id) && !rebuilt.outline(seq)
}

function asBehind(row: Row): Row {
  return sealed({ ...row, place: row.place === place.dead ? place.dead : place.behind })
}

/** Heads of lanes and counters follow from the entries. */
function finish(rebuilt: Database, expected: Expected, unreadable: number): number {
  rebuilt.begin()
  const meta: Meta = { ...rebuilt.meta() }
  const targets = new Map<string, Parameters<Database['writeTarget']>[0]>()
  let entries = 0
  for (let after = 0; ; ) {
    const rows = rebuilt.firstRows(after, 500)
    if (rows.length === 0) break
    for (const row of rows) {
      after = row.seq
      entries++
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
  for (const counts of targets.values()) rebuilt.writeTarget(counts)
  countDone(rebuilt, meta)
  const lost = Math.max(unreadable, (expected.entries ?? 0) - entries)
  meta.commits = expected.commits + 1
  meta.corrupt_entries += lost
  rebuilt.writeMeta(meta)
  rebuilt.commit()
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

// The view: one plain database file with the log's pages in it

function buildView(database: string, { path, frames }: Log, viewPath: string): void {
  rmSync(viewPath, { force: true })
  if (existsSync(database)) copyFileSync(database, viewPath)
  else closeSync(openSync(viewPath, 'w'))
  if (frames.length === 0) return
  const [from, to] = [openSync(path, 'r'), openSync(viewPath, 'r+')]
  try {
    const buffer = Buffer.alloc(pageBytes)
    for (const { page, offset } of frames) {
      // A page number that rotted must not make a file of terabytes.
      if (page < 1 || page > 1_000_000) continue
      readSync(from, buffer, 0, pageBytes, offset)
      writeSync(to, buffer, 0, pageBytes, (page - 1) * pageBytes)
    }
  } finally {
    closeSync(from)
    closeSync(to)
  }
}

/** Undefined where not even a new first page makes it a database. */
function openView(path: string): DatabaseSync | undefined {
  for (const firstPage of [undefined, freshFirstPage()]) {
    patchFirstPage(path, firstPage)
    const view = new DatabaseSync(path, { readOnly: true })
    try {
      view.prepare('SELECT max(seq) FROM ops')
      view.prepare('SELECT max(number) FROM done')
      return view
    } catch {
      view.close()
    }
  }
  return undefined
}

/** The header and the list of the tables are the same in every journal of this version. */
function freshFirstPage(): Uint8Array {
  const fresh = new DatabaseSync(':memory:')
  try {
    fresh.exec(schema)
    return fresh.serialize().subarray(0, pageBytes)
  } finally {
    fresh.close()
  }
}

function patchFirstPage(path: string, firstPage: Uint8Array | undefined): void {
  const fd = openSync(path, 'r+')
  try {
    if (firstPage) writeSync(fd, firstPage, 0, pageBytes, 0)
    // Read and write without a log, and ask the file for its length.
    writeSync(fd, Buffer.from([1, 1]), 0, 2, 18)
    writeSync(fd, Buffer.from([0xff, 0xff, 0xff, 0xff]), 0, 4, 92)
  } finally {
    closeSync(fd)
  }
}

/** Reads a table by its key, around what cannot be read: a range that fails is halved until single keys are left. */
class Sweep<T> {
  unreadable = 0
  readonly #view: DatabaseSync
  readonly #sql: string
  readonly #key: string
  #probes = 0

  constructor(view: DatabaseSync, select: string, key: string) {
    this.#view = view
    this.#sql = `${select} NOT INDEXED WHERE ${key} BETWEEN ? AND ? ORDER BY ${key}`
    this.#key = key
  }

  *rows(): Generator<T> {
    const ranges: [number, number][] = [[1, 2 ** 40]]
    for (let range = ranges.pop(); range; range = ranges.pop()) {
      const failedAt = yield* this.#range(...range)
      if (failedAt === undefined) continue
      if (++this.#probes > probesMax) return
      const to = range[1]
      if (failedAt === to) this.unreadable++
      else {
        const middle = Math.floor((failedAt + to) / 2)
        ranges.push([middle + 1, to], [failedAt, middle])
      }
    }
  }

  /** Returns the first key that may lie behind the failure. */
  *#range(from: number, to: number): Generator<T, number | undefined> {
    let next = from
    try {
      for (const row of this.#view.prepare(this.#sql).iterate(from, to)) {
        next = Number(row[this.#key]) + 1
        yield row as unknown as T
      }
      return undefined
    } catch {
      return Math.min(next, to)
    }
  }
}
