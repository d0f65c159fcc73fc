// From one of the flow's pipes to the sink: cuts what arrives into lines at the byte level. Only an unfinished line is
// held back, at most limits.logLineBytes of it: when it grows beyond, it goes out part by part as it comes. No line is
// ever dropped here, and each is counted once, however many parts it has.

import type { Clock } from '../core/clock.ts'
import { limits } from '../core/limits.ts'
import { firstSpecial, type Source, sourceOf } from './escape.ts'
import { LineWriter, type LineWriterParts } from './lines.ts'

const newline = 0x0a

export interface FlowPumpParts extends LineWriterParts {
  readonly clock: Pick<Clock, 'wallMs'>
  /** Told how many lines ended, at most once for each chunk. */
  counted(lines: number): void
}

export interface FlowPump {
  /** False when the pipe should not be read until the sink has room; the chunk is taken all the same. */
  push(chunk: Buffer): boolean
  /** The pipe has ended: an unfinished line is a line. */
  end(): void
  /** The latest lines as the flow wrote them, each cut to limits.lastLogLineChars. */
  lastLines(): string[]
}

export function createFlowPump(parts: FlowPumpParts): FlowPump {
  return new Pump(parts)
}

class Pump implements FlowPump {
  readonly #parts: FlowPumpParts
  readonly #writer: LineWriter
  /** The beginning of a line that has not ended, without the parts that are out. */
  readonly #held = sourceOf(Buffer.allocUnsafeSlow(limits.logLineBytes))
  #heldBytes = 0
  /** Parts of that line that are out. */
  #partsOut = 0
  #lastLines: string[] = []

  constructor(parts: FlowPumpParts) {
    this.#parts = parts
    this.#writer = new LineWriter(parts)
  }

  push(chunk: Buffer): boolean {
    this.#writer.stamp(this.#parts.clock.wallMs())
    const source = sourceOf(chunk)
    let start = 0
    let lines = 0
    if (this.#heldBytes > 0) {
      const end = chunk.indexOf(newline)
      if (end < 0) {
        this.#hold(chunk, 0, chunk.length)
        return this.#writer.handOver()
      }
      this.#hold(chunk, 0, end)
      this.#finishHeld()
      start = end + 1
      lines = 1
    }
    const whole = this.#writeLines(source, start)
    this.#rememberTail(chunk, start, whole.end, whole.lines)
    this.#hold(chunk, whole.end, chunk.length)
    lines += whole.lines
    if (lines > 0) this.#parts.counted(lines)
    return this.#writer.handOver()
  }

  end(): void {
    if (this.#heldBytes === 0) return
    this.#writer.stamp(this.#parts.clock.wallMs())
    this.#finishHeld()
    this.#parts.counted(1)
    this.#writer.handOver()
  }

  lastLines(): string[] {
    return [...this.#lastLines]
  }

  /** Writes the lines that end in this chunk, and says where the last one does. */
  #writeLines(source: Source, from: number): { end: number; lines: number } {
    const writer = this.#writer
    const { bytes } = source
    const plainBytesMax = writer.plainBytesMax
    let start = from
    let lines = 0
    for (;;) {
      const special = firstSpecial(source, start, bytes.length)
      if (bytes[special] === newline && special - start <= plainBytesMax) {
        writer.plain(bytes, start, special)
        start = special + 1
      } else {
        const end = special < bytes.length ? bytes.indexOf(newline, special) : -1
        if (end < 0) return { end: start, lines }
        writer.line(source, start, end)
        start = end + 1
      }
      lines++
    }
  }

  /** Adds to the unfinished line. As long as it is over its bound, a part of it goes out: never all of it. */
  #hold(chunk: Buffer, start: number, end: number): void {
    const { bytes } = this.#held
    let from = start
    for (;;) {
      const copied = chunk.copy(bytes, this.#heldBytes, from, end)
      this.#heldBytes += copied
      from += copied
      if (from === end) return
      if (this.#partsOut === 0) this.#remember([shortText(bytes, 0, this.#heldBytes)])
      this.#partsOut++
      // It reads less than it writes, so it cannot come to the end of what is held, nor cut a sequence there.
      const readTo = this.#writer.part(bytes, 0, this.#heldBytes, this.#partsOut)
      bytes.copyWithin(0, readTo, this.#heldBytes)
      this.#heldBytes -= readTo
    }
  }

  #finishHeld(): void {
    const { bytes } = this.#held
    if (this.#partsOut === 0) {
      this.#remember([shortText(bytes, 0, this.#heldBytes)])
      this.#writer.line(this.#held, 0, this.#heldBytes)
    } else {
      const end = bytes[this.#heldBytes - 1] === 0x0d ? this.#heldBytes - 1 : this.#heldBytes
      this.#writer.rest(bytes, 0, end, this.#partsOut + 1)
    }
    this.#heldBytes = 0
    this.#partsOut = 0
  }

  /** Remembers the latest of the lines from `from` to `to`, where the newline of the last one ends. */
  #rememberTail(bytes: Buffer, from: number, to: number, lines: number): void {
    const texts: string[] = []
    let end = to - 1
    while (texts.length < Math.min(lines, limits.lastLogLines)) {
      const start = end > from ? bytes.lastIndexOf(newline, end - 1) + 1 : from
      texts.push(shortText(bytes, start, end))
      end = start - 1
    }
    this.#remember(texts.reverse())
  }

  #remember(texts: readonly string[]): void {
    if (texts.length > 0) this.#lastLines = [...this.#lastLines, ...texts].slice(-limits.lastLogLines)
  }
}

function shortText(bytes: Buffer, start: number, end: number): string {
  // A character takes four bytes at most.
  const cutEnd = Math.min(end, start + limits.lastLogLineChars * 4)
  const text = bytes.toString('utf8', start, cutEnd).slice(0, limits.lastLogLineChars)
  return (text.endsWith('\r') ? text.slice(0, -1) : text).toWellFormed()
}
