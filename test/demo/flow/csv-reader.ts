// Reads records out of a CSV file chunk by chunk, in bounded memory, and says for each line what became of it. A quote
// that never closes costs the line it is in, not the rest of the file: reading goes on with the next line.

import { isUtf8 } from 'node:buffer'
import { parseRecord } from './csv-record.ts'
import { type Line, LineSplitter } from './line-splitter.ts'

const lineBytesMax = 64 * 1024
/** Lines that one record may have, which quoted line breaks make possible. */
const recordLinesMax = 100
const sampleChars = 200

export type RejectReason =
  | 'blank_line'
  | 'broken_quotes'
  | 'column_count'
  | 'invalid_utf8'
  | 'no_header'
  | 'nul_byte'
  | 'open_quote'
  | 'too_long'

export interface Place {
  /** Number of its first line in the file, from 1. */
  readonly line: number
  /** How many lines it has. */
  readonly lines: number
  /** Where the next record begins in the file. */
  readonly endOffset: number
}

export interface Row extends Place {
  readonly fields: readonly string[]
}

export interface Reject extends Place {
  readonly reason: RejectReason
  /** Its beginning, as far as it can be shown. */
  readonly sample: string
}

export class CsvReader {
  readonly #splitter: LineSplitter
  /** Lines of a record whose quotes have not closed. */
  #open: Line[] = []

  /** @param start the line to begin with, and where it is in the file */
  constructor(start: { readonly line: number; readonly offset: number }) {
    this.#splitter = new LineSplitter({ number: start.line, offset: start.offset, bytesMax: lineBytesMax })
  }

  push(chunk: Buffer): (Row | Reject)[] {
    const records: (Row | Reject)[] = []
    for (const line of this.#splitter.push(chunk)) this.#take([line], records)
    return records
  }

  end(): (Row | Reject)[] {
    const records: (Row | Reject)[] = []
    for (const line of this.#splitter.end()) this.#take([line], records)
    while (this.#open.length > 0) this.#take(this.#giveUpOpen(records), records)
    return records
  }

  /** Takes lines in their order; one that turns out not to belong to the record before it is taken again. */
  #take(lines: Line[], records: (Row | Reject)[]): void {
    const waiting = [...lines]
    for (let line = waiting.shift(); line; line = waiting.shift()) {
      const problem = unreadable(line)
      const lone =
        this.#open.length === 0 ? (problem ?? (isBlank(line) ? 'blank_line' : undefined)) : undefined
      if (lone) {
        records.push(reject([line], lone))
        continue
      }
      const whole = [...this.#open, line]
      const parsed = problem || isTooMuch(whole) ? 'broken' : parseRecord(textOf(whole))
      if (parsed === 'open') this.#open = whole
      else if (parsed !== 'broken') {
        records.push({ ...placeOf(whole), fields: parsed })
        this.#open = []
      } else if (whole.length === 1) records.push(reject(whole, 'broken_quotes'))
      else waiting.unshift(...this.#giveUpOpen(records), line)
    }
  }

  /** @returns the lines after the one with the quote, which are looked at again, each for itself */
  #giveUpOpen(records: (Row | Reject)[]): Line[] {
    const [first, ...rest] = this.#open
    this.#open = []
    if (first) records.push(reject([first], 'open_quote'))
    return rest
  }
}

function unreadable({ bytes, isTooLong }: Line): RejectReason | undefined {
  if (isTooLong) return 'too_long'
  if (bytes.includes(0)) return 'nul_byte' // which PostgreSQL can store in no text
  return isUtf8(bytes) ? undefined : 'invalid_utf8'
}

function isBlank({ bytes }: Line): boolean {
  return bytes.length === 0 || (bytes.length === 1 && bytes[0] === 0x0d)
}

function isTooMuch(lines: readonly Line[]): boolean {
  return (
    lines.length > recordLinesMax || lines.reduce((sum, { bytes }) => sum + bytes.length, 0) > lineBytesMax
  )
}

function placeOf(lines: readonly Line[]): Place {
  const [first, last] = [lines[0], lines.at(-1)]
  if (!first || !last) throw new Error('a record has at least one line')
  return { line: first.number, lines: lines.length, endOffset: last.endOffset }
}

function reject(lines: readonly Line[], reason: RejectReason): Reject {
  return { ...placeOf(lines), reason, sample: sampleOf(textOf(lines)) }
}

function sampleOf(text: string): string {
  return text.slice(0, sampleChars).toWellFormed().replaceAll('\0', '\u2400')
}

/** Without the byte order mark that some programs put at the beginning of a file. */
function textOf(lines: readonly Line[]): string {
  const text = lines.map(({ bytes }) => bytes.toString()).join('\n')
  return lines[0]?.number === 1 && text.startsWith('\ufeff') ? text.slice(1) : text
}
