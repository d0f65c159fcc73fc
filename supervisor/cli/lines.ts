// A stream of bytes as numbered lines, in batches that fit into one request. No line is ever held longer than it may
// be: of one that is too long only its number is left.

import { limits } from '../core/limits.ts'

export interface Line {
  /** 1 for the first line of the stream; empty lines count. */
  readonly number: number
  /** Without its end; undefined for one that is too long. */
  readonly bytes: Buffer | undefined
}

/** Blank lines are left out. */
export async function* linesOf(input: AsyncIterable<Buffer>, bytesMax: number): AsyncGenerator<Line> {
  let number = 1
  let parts: Buffer[] = []
  let length = 0
  const end = (): Line => {
    const bytes = length > bytesMax ? undefined : Buffer.concat(parts)
    parts = []
    length = 0
    return { number: number++, bytes }
  }
  const add = (bytes: Buffer) => {
    length += bytes.length
    if (length <= bytesMax) parts.push(bytes)
    else parts = []
  }
  for await (const chunk of input) {
    let start = 0
    for (let at = chunk.indexOf(newline); at !== -1; at = chunk.indexOf(newline, start)) {
      add(chunk.subarray(start, at))
      start = at + 1
      const line = end()
      if (!isBlank(line)) yield line
    }
    add(chunk.subarray(start))
  }
  const last = end()
  if (!isBlank(last)) yield last
}

export async function* batchesOf(lines: AsyncIterable<Line>): AsyncGenerator<readonly Line[]> {
  let batch: Line[] = []
  let size = 0
  for await (const line of lines) {
    const bytes = line.bytes?.length ?? 0
    if (batch.length > 0 && (batch.length >= limits.submitBatch || size + bytes > limits.submitBatchBytes)) {
      yield batch
      batch = []
      size = 0
    }
    batch.push(line)
    size += bytes
  }
  if (batch.length > 0) yield batch
}

const newline = 0x0a

function isBlank({ bytes }: Line): boolean {
  return bytes?.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d) ?? false
}
