// A file for the flow, with what a reader must find in it. Who makes the file says so, not who reads it: nothing here
// shares code with the flow's own reader.

import type { RejectReason } from './flow/csv-reader.ts'

export interface DataFile {
  readonly name: string
  readonly bytes: Buffer
  /** Its first line names the columns; such a line is no record. */
  readonly hasHeader: boolean
  /** Records that must be stored. */
  readonly rows: number
  /** Records that must be rejected, by reason. */
  readonly rejects: Readonly<Partial<Record<RejectReason, number>>>
}

/** Its lines, with carriage returns, without the newlines. What follows the last newline is a line if it is not empty. */
export function linesOf(file: Pick<DataFile, 'bytes'>): Buffer[] {
  const lines: Buffer[] = []
  let start = 0
  for (let end = file.bytes.indexOf(10); end >= 0; end = file.bytes.indexOf(10, start)) {
    lines.push(file.bytes.subarray(start, end))
    start = end + 1
  }
  if (start < file.bytes.length) lines.push(file.bytes.subarray(start))
  return lines
}

export function rejectCount({ rejects }: DataFile): number {
  return Object.values(rejects).reduce((sum, count) => sum + count, 0)
}

export function recordCount(files: readonly DataFile[]): number {
  return files.reduce((sum, file) => sum + file.rows + rejectCount(file), 0)
}
