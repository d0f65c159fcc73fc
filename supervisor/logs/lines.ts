// Lines of the flow as records, built as bytes into blocks for the sink. A line that is a JSON object keeps its fields
// (flat.ts the usual ones, record.ts all others); everything else is text. What does not fit one record comes in parts:
// `"part":1`, `"part":2` … and `"last":true` on the last. Each record is valid JSON of at most limits.logLineBytes.

import { limits } from '../core/limits.ts'
import { Escaper, firstSpecial, printableJson, type Source } from './escape.ts'
import { FlatObject } from './flat.ts'
import { slots } from './names.ts'
import { recordOf } from './record.ts'
import { type LevelName, levels, soundLevel, soundTime } from './sound.ts'

/** Enough for `","part":1234567890,"last":true}` and the newline. */
const closingBytesMax = 48
const blockBytes = 256 * 1024

const newline = 0x0a
const quote = 0x22
const comma = 0x2c
const closingBrace = 0x7d

export interface LineWriterParts {
  readonly sink: { flow(records: Buffer): boolean }
  readonly stream: 'stdout' | 'stderr'
  readonly service: string
  readonly instance: string
}

/** Where the time stands in an opening, and its length: `{"time":"2000-01-01T00:00:00.000Z`. */
const timeAt = 9
const timeLength = 24

/** All of a record before its message. */
class Opening {
  readonly bytes: Buffer
  #time = ''

  constructor(level: LevelName, identity: string) {
    this.bytes = Buffer.from(`{"time":"${' '.repeat(timeLength)}","level":"${level}"${identity},"message":"`)
  }

  stamp(time: string): void {
    if (time === this.#time) return
    this.#time = time
    this.bytes.write(time, timeAt, 'latin1')
  }
}

export class LineWriter {
  readonly #sink: LineWriterParts['sink']
  /** The members between level and message. */
  readonly identity: string
  /** Of text; it has the time of the lines being written. */
  readonly #opening: Opening
  /** Of JSON lines, by their level. */
  readonly #openings: ReadonlyMap<LevelName, Opening>
  readonly #flat = new FlatObject()
  readonly #escaper = new Escaper()
  readonly #block = Buffer.allocUnsafeSlow(blockBytes)
  #length = 0
  #room = true
  #stampedMs = Number.NaN
  /** The time of the lines being written, ISO ms. */
  time = ''

  constructor(parts: LineWriterParts) {
    this.#sink = parts.sink
    const service = parts.service.slice(0, limits.logNameChars)
    const instance = parts.instance.slice(0, limits.logNameChars)
    const identity = { service, instance, component: 'flow', stream: parts.stream }
    this.identity = `,${printableJson(JSON.stringify(identity)).slice(1, -1)}`
    this.#opening = new Opening('info', this.identity)
    this.#openings = new Map(levels.map((level) => [level, new Opening(level, this.identity)]))
  }

  /** Sets the time of the lines that follow. */
  stamp(wallMs: number): void {
    if (wallMs === this.#stampedMs) return
    this.#stampedMs = wallMs
    this.time = new Date(wallMs).toISOString()
    this.#opening.stamp(this.time)
  }

  /** A line that needs no escaping and fits one record. */
  plain(bytes: Buffer, start: number, end: number): void {
    this.#open()
    this.#copy(bytes, start, end)
    this.#closeText()
  }

  /** Any line, without its newline. */
  line(source: Source, start: number, end: number): void {
    const { bytes } = source
    const textEnd = end > start && bytes[end - 1] === 0x0d ? end - 1 : end
    if (end - start <= limits.logLineBytes) {
      if (this.#flatRecord(bytes, start, textEnd) || this.#record(bytes, start, textEnd)) return
    }
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
      this.#append(partClosing(number, false))
      number++
      from = this.#escape(bytes, from, end)
    }
    if (number === 1) this.#closeText()
    else this.#append(partClosing(number, true))
  }

  /** One part of a line that goes on, as much as fits of more than that. Returns where it ended. */
  part(bytes: Buffer, start: number, end: number, part: number): number {
    const readTo = this.#escape(bytes, start, end)
    this.#append(partClosing(part, false))
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
    return limits.logLineBytes - this.#opening.bytes.length - closingBytesMax
  }

  /** False when the line is not one that can be written so; nothing is written then. */
  #flatRecord(bytes: Buffer, start: number, end: number): boolean {
    const flat = this.#flat
    if (end - start > this.plainBytesMax || !flat.read(bytes, start, end)) return false
    const time = taken(flat, timeSlots, soundTime, this.time)
    const level = taken(flat, levelSlots, soundLevel, 'info')
    if (time === undefined || level === undefined) return false

    this.#reserve()
    const block = this.#block
    const opening = this.#openings.get(level) as Opening
    opening.stamp(time)
    this.#append(opening.bytes)
    const message = flat.startOf(slots.message) >= 0 ? slots.message : slots.msg
    this.#copy(bytes, flat.startOf(message), flat.endOf(message))
    block[this.#length++] = quote
    for (let member = 0; member < flat.keptCount; member++) {
      block[this.#length++] = comma
      this.#copy(bytes, flat.kept[member * 2] as number, flat.kept[member * 2 + 1] as number)
    }
    block[this.#length++] = closingBrace
    block[this.#length++] = newline
    return true
  }

  #copy(bytes: Buffer, start: number, end: number): void {
    if (start === end) return
    bytes.copy(this.#block, this.#length, start, end)
    this.#length += end - start
  }

  #record(bytes: Buffer, start: number, end: number): boolean {
    const record = recordOf(bytes, start, end, this)
    if (record === undefined) return false
    // A character takes three bytes at most.
    if (record.length * 3 > limits.logLineBytes && Buffer.byteLength(record) > limits.logLineBytes)
      return false
    this.#reserve()
    this.#length += this.#block.write(record, this.#length)
    return true
  }

  #open(): void {
    this.#reserve()
    this.#append(this.#opening.bytes)
  }

  #escape(bytes: Buffer, start: number, end: number): number {
    this.#open()
    const limit = this.#length + this.plainBytesMax
    this.#escaper.escape(bytes, start, end, this.#block, this.#length, limit)
    this.#length = this.#escaper.wroteTo
    return this.#escaper.readTo
  }

  #closeText(): void {
    const block = this.#block
    block[this.#length++] = quote
    block[this.#length++] = closingBrace
    block[this.#length++] = newline
  }

  #append(bytes: Buffer): void {
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

/** A name of ours and its other spellings. */
interface Spellings {
  readonly name: number
  readonly others: readonly number[]
}

const timeSlots: Spellings = { name: slots.time, others: [slots.timestamp, slots.asctime] }
const levelSlots: Spellings = { name: slots.level, others: [slots.levelname] }

/** The sound value, or `otherwise`. Undefined when our own name has an unsound one: such a field has to move. */
function taken<T>(
  flat: FlatObject,
  { name, others }: Spellings,
  sound: (value: unknown) => T | undefined,
  otherwise: T,
): T | undefined {
  const own = flat.text(name)
  if (own !== undefined) return sound(own)
  for (const slot of others) {
    const value = sound(flat.text(slot))
    if (value !== undefined) return value
  }
  return otherwise
}

function partClosing(part: number, last: boolean): Buffer {
  return Buffer.from(last ? `","part":${part},"last":true}\n` : `","part":${part}}\n`)
}
