// Cuts a stream of bytes into lines. Of a line that is too long only the beginning is kept, however long it is.

const newline = 0x0a

export interface Line {
  /** From 1. */
  readonly number: number
  /** Without the newline; only the beginning of a line that is too long. */
  readonly bytes: Buffer
  readonly isTooLong: boolean
  /** Where the next line begins in the file. */
  readonly endOffset: number
}

export class LineSplitter {
  readonly #bytesMax: number
  #number: number
  #offset: number
  #kept: Buffer[] = []
  #keptBytes = 0
  #bytes = 0

  /** @param number of the line that begins at `offset` */
  constructor({ number, offset, bytesMax }: { number: number; offset: number; bytesMax: number }) {
    this.#number = number
    this.#offset = offset
    this.#bytesMax = bytesMax
  }

  *push(chunk: Buffer): Generator<Line> {
    let start = 0
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      this.#keep(chunk.subarray(start, end))
      start = end + 1
      yield this.#finish(1)
    }
    this.#keep(chunk.subarray(start))
  }

  /** What is left without a newline at its end is a line, too. */
  *end(): Generator<Line> {
    if (this.#bytes > 0) yield this.#finish(0)
  }

  #keep(piece: Buffer): void {
    this.#bytes += piece.length
    const room = this.#bytesMax - this.#keptBytes
    if (room === 0 || piece.length === 0) return
    const kept = piece.subarray(0, room)
    this.#kept.push(kept)
    this.#keptBytes += kept.length
  }

  #finish(newlineBytes: number): Line {
    const [only] = this.#kept
    this.#offset += this.#bytes + newlineBytes
    const line: Line = {
      number: this.#number++,
      bytes: this.#kept.length === 1 && only ? only : Buffer.concat(this.#kept),
      isTooLong: this.#bytes > this.#bytesMax,
      endOffset: this.#offset,
    }
    this.#kept = []
    this.#keptBytes = 0
    this.#bytes = 0
    return line
  }
}
