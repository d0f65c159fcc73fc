// What the log benchmarks feed: lines of 100 bytes, a tenth of them JSON.

import { closeSync, openSync, writeSync } from 'node:fs'

const text =
  '2025-03-04 12:00:00 worker 17 processed record 123456 of batch 42 in 13 ms with result ok, none left\n'
const json =
  '{"time":"2025-03-04T12:00:00.123Z","level":"info","message":"processed record 123456","batch":42}\n'

const linesABlock = 1_000

/** @param lines a multiple of 1000 */
export function writeLines(path: string, lines: number): string {
  const block = Buffer.from((text.repeat(9) + json).repeat(linesABlock / 10))
  const file = openSync(path, 'w')
  for (let written = 0; written < lines; written += linesABlock) writeSync(file, block)
  closeSync(file)
  return path
}
