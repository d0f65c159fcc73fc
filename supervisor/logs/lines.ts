// Lines of the flow as records, built as bytes into blocks for the sink. A line that is a JSON object keeps its fields
// (record.ts); everything else is text. What does not fit one record comes in parts: `"part":1`, `"part":2` … and
// `"last":true` on the last. Each record is valid JSON of at most limits.logLineBytes by itself.

import { limits } from '../core/limits.ts'
import { Escaper, firstSpecial, type Source } from './escape.ts'
import { recordOf } from './record.ts'

/** Enough for `","part":1234567890,"last":true}` and the newline. */
const closingBytesMax = 48
const blockBytes = 256 * 1024
/** Where the time stands in the opening, and its length: `{"time":"2000-01-01T00:00:00.000Z`. */
const timeAt = 9
const timeLength = 24

const closing = Buffer.from('"}\n')

export interface LineWriterParts {
  readonly sink: { flow(records: Buffer): boolean }
  readonly stream: 'stdout' | 'stderr'
  readonly service: string
  readonly instance: string
}

export class LineWriter {
  readonly #sink: LineWriterParts['sink']
  /** The members between level and message. */
  readonly identity: string
  readonly #opening: Buffer
  readonly #escaper = new Escaper()
  readonly #block = Buffer.allocUnsafeSlow(blockBytes)
  #length = 0
  #room = true
  #stampedMs = Number.NaN
  /** The time of the lines being written, ISO ms. */
  time = ''

  constructor(parts: LineWriterParts) {
    this.#sink = parts.sink
    const { service, instance, stream } = parts
    this.identity = `,${JSON.stringify({ service, instance, component: 'flow', stream }).slice(1, -1)}`
    this.#opening = Buffer.from(
      `{"time":"${' '.repeat(timeLength)}","level":"info"${this.identity},"message":"`,
    )
  }

  /** Sets the time of the lines that follow. */
  stamp(wallMs: number): void {
    if (wallMs === this.#stampedMs) return
    this.#stampedMs = wallMs
    this.time = new Date(wallMs).toISOString()
    this.#opening.write(this.time, timeAt, 'latin1')
  }

  /** A line that needs no escaping and fits one record. */
  plain(bytes: Buffer, start: number, end: number): void {
    this.#open()
    bytes.copy(this.#block, this.#length, start, end)
    this.#length += end - start
    this.#close(closing)
  }

  /** Any line, without its newline. */
  line(source: Source, start: number, end: number): void {
    const { bytes } = source
    const textEnd = end > start && bytes[end - 1] === 0x0d ? end - 1 : end
    if (end - start <= limits.logLineBytes && this.#record(bytes, start, textEnd)) return
    if (textEnd - start <= this.plainBytesMax && firstSpecial(source, start, textEnd) === textEnd) {
      this.plain(bytes, start, textEnd)
    } else {
      this.rest(bytes, start, textEnd, 1)
    }
  }

  /** What is left of a line, of which `part - 1` parts are written. */
  rest(bytes: Buffer, start: number, end: number, part: number): void {
    let number = part
    let from = this.#escape(bytes, start, end)
    while (from < end) {
      this.#close(partClosing(number, false))
      number++
      from = this.#escape(bytes, from, end)
    }
    this.#close(number === 1 ? closing : partClosing(number, true))
  }

  /** One part of a line that goes on, as much as fits of more than that. Returns where it ended. */
  part(bytes: Buffer, start: number, end: number, part: number): number {
    const readTo = this.#escape(bytes, start, end)
    this.#close(partClosing(part, false))
    return readTo
  }

  /** Hands what is written to the sink. False when the sink has no room for more. */
  handOver(): boolean {
    if (this.#length > 0) this.#pass()
    const room = this.#room
    this.#room = true
    return room
  }

  /** Bytes of text, needing no escaping, that surely fit one record. */
  get plainBytesMax(): number {
    return limits.logLineBytes - this.#opening.length - closingBytesMax
  }

  #record(bytes: Buffer, start: number, end: number): boolean {
    const record = recordOf(bytes, start, end, this)
    if (record === undefined || record.length > limits.logLineBytes) return false
    if (record.length * 3 > limits.logLineBytes && Buffer.byteLength(record) > limits.logLineBytes)
      return false
    this.#reserve()
    this.#length += this.#block.write(record, this.#length)
    return true
  }

  #open(): void {
    this.#reserve()
    this.#block.set(this.#opening, this.#length)
    this.#length += this.#opening.length
  }

  #escape(bytes: Buffer, start: number, end: number): number {
    this.#open()
    const limit = this.#length + this.plainBytesMax
    this.#escaper.escape(bytes, start, end, this.#block, this.#length, limit)
    this.#length = this.#escaper.wroteTo
    return this.#escaper.readTo
  }

  #close(bytes: Buffer): void {
    this.#block.set(bytes, this.#length)
    this.#length += bytes.length
  }

  #reserve(): void {
    if (this.#length + limits.logLineBytes > blockBytes) this.#pass()
  }

  #pass(): void {
    if (!this.#sink.flow(this.#block.subarray(0, this.#length))) this.#room = false
    this.#length = 0
  }
}

function partClosing(part: number, last: boolean): Buffer {
  return Buffer.from(last ? `","part":${part},"last":true}\n` : `","part":${part}}\n`)
}
