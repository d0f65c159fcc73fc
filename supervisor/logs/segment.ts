// What waits for stdout, in a few large buffers that are used again and again: no garbage for each line. A segment
// holds whole records only.

import { limits } from '../core/limits.ts'

const newline = 0x0a

export class Segment {
  readonly #bytes = Buffer.allocUnsafeSlow(limits.logWriteBytes)
  #written = 0
  #length = 0
  /** Bytes of the supervisor's own records put here since it was empty. */
  ownBytes = 0

  /** Takes as many of the whole records as it has room for, and returns how many bytes that were. */
  take(records: Buffer): number {
    const room = this.#bytes.length - this.#length
    const taken = records.length <= room ? records.length : records.lastIndexOf(newline, room - 1) + 1
    if (room === 0 || taken === 0) return 0
    records.copy(this.#bytes, this.#length, 0, taken)
    this.#length += taken
    return taken
  }

  /** What is to be written. Stays as it is while more is taken. */
  get waiting(): Buffer {
    return this.#bytes.subarray(this.#written, this.#length)
  }

  get isEmpty(): boolean {
    return this.#written === this.#length
  }

  /** So many more bytes are out. */
  advance(bytes: number): void {
    this.#written += bytes
    if (this.isEmpty) this.clear()
  }

  clear(): void {
    this.#written = 0
    this.#length = 0
    this.ownBytes = 0
  }

  /** Drops what waits, but for the rest of a record that is half out. */
  keepTornRecord(): void {
    const isTorn = this.#written > 0 && this.#bytes[this.#written - 1] !== newline
    this.#length = isTorn ? this.#bytes.indexOf(newline, this.#written) + 1 : this.#written
    if (this.isEmpty) this.clear()
  }
}

export function countRecords(bytes: Buffer): number {
  let count = 0
  for (let at = bytes.indexOf(newline); at >= 0; at = bytes.indexOf(newline, at + 1)) count++
  return count
}
