// Reads the rows of a SQLite file without SQLite: from every leaf page there is, whether or not a tree still leads to it.
// One flipped byte in a page's head would otherwise cost all rows behind it. What is found counts only where its own
// checksum is right, so this may look anywhere.

import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { type Frame, pageBytes } from './wal.ts'

/** https://www.sqlite.org/fileformat2.html */
const leafOfTable = 0x0d
/** Pages of indexes; an inner page of a table is so few bits from a leaf that it is looked into. */
const pagesWithoutRows: ReadonlySet<number> = new Set([0x02, 0x0a])
const localBytesMax = pageBytes - 35
const localBytesMin = Math.floor(((pageBytes - 12) * 32) / 255) - 23
/** A page number that rotted must not lead anywhere. */
const pagesMax = 2 ** 24
const payloadBytesMax = 64 * 1024 * 1024

export type Value = number | string | null
/** The columns of a row in their order, the key in the place of the first. */
export type Columns = readonly Value[]

export interface Source {
  readonly database: string
  readonly wal: string
  /** Pages of the log that stand for those of the database; the last one of a page counts. */
  readonly frames: readonly Frame[]
}

export interface Carving {
  /** Every row of a page that still says where its rows are; those pages that don't are left for `thorough`. */
  readonly rows: () => Generator<Columns>
  /** Looks for rows at every byte of the pages left over, or of all of them. */
  readonly thorough: (pages: 'left over' | 'all') => Generator<Columns>
  close(): void
}

/** @param columns how many columns a row of interest may have */
export function carve(source: Source, columns: ReadonlySet<number>): Carving {
  const pages = new Pages(source)
  const free = freePages(pages)
  const leftOver = new Set<number>()
  const overflow = new Set<number>()

  function* rows(): Generator<Columns> {
    for (let number = 1; number <= pages.count; number++) {
      const page = free.has(number) ? undefined : pages.read(number)
      if (!page) continue
      const head = number === 1 ? 100 : 0
      const type = page[head] ?? 0
      if (type === leafOfTable) yield* rowsOfLeaf(number, page, head)
      else if (!pagesWithoutRows.has(type)) leftOver.add(number)
    }
  }

  function* rowsOfLeaf(number: number, page: Buffer, head: number): Generator<Columns> {
    const cells = page.readUInt16BE(head + 3)
    for (let cell = 0; cell < cells; cell++) {
      const pointer = head + 8 + 2 * cell
      const at = pointer + 2 <= pageBytes ? page.readUInt16BE(pointer) : pageBytes
      const row = rowAt(pages, page, at, undefined, overflow)
      if (!row) leftOver.add(number)
      else if (columns.has(row.length)) yield row
      if (!row && at >= pageBytes) break
    }
  }

  function* thorough(which: 'left over' | 'all'): Generator<Columns> {
    for (let number = 1; number <= pages.count; number++) {
      if (free.has(number) || overflow.has(number) || (which === 'left over' && !leftOver.has(number)))
        continue
      // The pages are read into one buffer, and whoever takes a row may read others meanwhile.
      const page = Buffer.from(pages.read(number) ?? [])
      for (let at = 8; at < page.length - 8; at++) {
        const row = rowAt(pages, page, at, columns, undefined)
        if (row) yield row
      }
    }
  }

  return { rows, thorough, close: () => pages.close() }
}

class Pages {
  readonly count: number
  readonly #database: number | undefined
  readonly #wal: number | undefined
  readonly #offsets: ReadonlyMap<number, number>

  constructor({ database, wal, frames }: Source) {
    this.#database = openIfThere(database)
    this.#wal = openIfThere(wal)
    const sound = frames.filter(({ page }) => page >= 1 && page <= pagesMax)
    this.#offsets = new Map(sound.map(({ page, offset }) => [page, offset]))
    const bytes = this.#database === undefined ? 0 : fstatSync(this.#database).size
    this.count = sound.reduce((most, { page }) => Math.max(most, page), Math.ceil(bytes / pageBytes))
  }

  /** Undefined where there is none; filled up with zeros where the file was cut. */
  read(number: number): Buffer | undefined {
    if (number < 1 || number > this.count) return undefined
    const offset = this.#offsets.get(number)
    const [fd, at] = offset === undefined ? [this.#database, (number - 1) * pageBytes] : [this.#wal, offset]
    if (fd === undefined) return undefined
    const page = Buffer.alloc(pageBytes)
    try {
      return readSync(fd, page, 0, pageBytes, at) > 0 ? page : undefined
    } catch {
      return undefined
    }
  }

  close(): void {
    for (const fd of [this.#database, this.#wal]) if (fd !== undefined) closeSync(fd)
  }
}

function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, 'r')
  } catch {
    return undefined
  }
}

/** Pages that hold what was deleted. None where the list itself is damaged. */
function freePages(pages: Pages): Set<number> {
  const free = new Set<number>()
  const first = pages.read(1)
  if (!first) return free
  const count = first.readUInt32BE(36)
  for (let trunk = first.readUInt32BE(32); trunk !== 0; ) {
    const page = free.has(trunk) ? undefined : pages.read(trunk)
    const leaves = page?.readUInt32BE(4) ?? pageBytes
    if (!page || leaves > pageBytes / 4 - 2) return new Set()
    free.add(trunk)
    for (let leaf = 0; leaf < leaves; leaf++) free.add(page.readUInt32BE(8 + 4 * leaf))
    trunk = page.readUInt32BE(0)
  }
  return free.size === count ? free : new Set()
}

/** The row whose cell begins there; undefined where that can be none, or none of as many columns. */
function rowAt(
  pages: Pages,
  page: Buffer,
  start: number,
  columns: ReadonlySet<number> | undefined,
  overflow: Set<number> | undefined,
): Columns | undefined {
  const length = varint(page, start)
  const key = length && varint(page, length.end)
  if (!length || !key || length.value < 2 || length.value > payloadBytesMax) return undefined
  const local = localBytes(length.value)
  const end = key.end + local
  if (end > pageBytes) return undefined
  const types = serialTypes(page.subarray(key.end, end), length.value)
  if (!types || (columns && !columns.has(types.length))) return undefined
  const payload =
    local === length.value
      ? page.subarray(key.end, end)
      : withOverflow(pages, page, { from: key.end, end, bytes: length.value, overflow })
  return payload && decode(payload, types, key.value)
}

function localBytes(bytes: number): number {
  if (bytes <= localBytesMax) return bytes
  const fitting = localBytesMin + ((bytes - localBytesMin) % (pageBytes - 4))
  return fitting <= localBytesMax ? fitting : localBytesMin
}

interface Overflowing {
  readonly from: number
  readonly end: number
  /** Of the whole payload. */
  readonly bytes: number
  readonly overflow: Set<number> | undefined
}

function withOverflow(pages: Pages, page: Buffer, cell: Overflowing): Buffer | undefined {
  if (cell.end + 4 > pageBytes) return undefined
  const parts = [page.subarray(cell.from, cell.end)]
  let missing = cell.bytes - (cell.end - cell.from)
  for (let next = page.readUInt32BE(cell.end); missing > 0; ) {
    const more = pages.read(next)
    if (!more) return undefined
    cell.overflow?.add(next)
    parts.push(more.subarray(4, 4 + Math.min(missing, pageBytes - 4)))
    missing -= pageBytes - 4
    next = more.readUInt32BE(0)
  }
  return Buffer.concat(parts)
}

/** Undefined unless the header of the record and the lengths in it fit the payload exactly. */
function serialTypes(payload: Buffer, payloadBytes: number): number[] | undefined {
  const header = varint(payload, 0)
  if (!header || header.value > payload.length) return undefined
  const types: number[] = []
  let bytes = header.value
  for (let at = header.end; at < header.value; ) {
    const type = varint(payload, at)
    if (!type || type.value === 10 || type.value === 11) return undefined
    types.push(type.value)
    bytes += valueBytes(type.value)
    at = type.end
    if (at > header.value || bytes > payloadBytes) return undefined
  }
  return bytes === payloadBytes ? types : undefined
}

const integerBytes = [0, 1, 2, 3, 4, 6, 8, 8, 0, 0]

function valueBytes(type: number): number {
  return integerBytes[type] ?? Math.floor((type - 12) / 2)
}

function decode(payload: Buffer, types: readonly number[], key: number): Columns {
  let at = varint(payload, 0)?.value ?? 0
  return types.map((type, index) => {
    const bytes = payload.subarray(at, at + valueBytes(type))
    at += bytes.length
    return index === 0 && type === 0 ? key : textOrNumber(type, bytes)
  })
}

function textOrNumber(type: number, bytes: Buffer): Value {
  if (type === 0) return null
  if (type <= 4) return bytes.readIntBE(0, bytes.length)
  if (type === 5) return bytes.readIntBE(0, 6)
  if (type === 6) return Number(bytes.readBigInt64BE(0))
  if (type === 7) return bytes.readDoubleBE(0)
  if (type <= 9) return type - 8
  return bytes.toString('utf8')
}

function varint(bytes: Buffer, at: number): { value: number; end: number } | undefined {
  let value = 0
  for (let index = 0; index < 8; index++) {
    const byte = bytes[at + index]
    if (byte === undefined) return undefined
    value = value * 128 + (byte & 0x7f)
    if (byte < 0x80) return value <= Number.MAX_SAFE_INTEGER ? { value, end: at + index + 1 } : undefined
  }
  return undefined
}
