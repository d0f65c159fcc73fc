// A file as batches: each with its rows, its rejects, and the place to go on from once it is stored.

import { createReadStream } from 'node:fs'
import { CsvReader, type Reject, type Row } from './csv-reader.ts'

/** How far a file has been stored. */
export interface Progress {
  readonly file: string
  readonly nextLine: number
  readonly nextOffset: number
  /** Of the header; 0 when it is unusable; undefined before it is read. */
  readonly columns: number | undefined
  readonly isFinished: boolean
}

export interface Batch {
  readonly rows: readonly Row[]
  readonly rejects: readonly Reject[]
  /** Once this batch is stored. */
  readonly progress: Progress
}

export function beginning(file: string): Progress {
  return { file, nextLine: 1, nextOffset: 0, columns: undefined, isFinished: false }
}

/** @param from what is stored already */
export async function* readBatches(path: string, from: Progress, batchRows: number): AsyncGenerator<Batch> {
  const reader = new CsvReader({ line: from.nextLine, offset: from.nextOffset })
  const batch = new BatchBuilder(from)
  for await (const chunk of createReadStream(path, { start: from.nextOffset })) {
    for (const record of reader.push(chunk)) {
      batch.add(record)
      if (batch.size >= batchRows) yield batch.take(false)
    }
  }
  for (const record of reader.end()) batch.add(record)
  yield batch.take(true)
}

class BatchBuilder {
  #rows: Row[] = []
  #rejects: Reject[] = []
  #progress: Progress

  constructor(from: Progress) {
    this.#progress = from
  }

  get size(): number {
    return this.#rows.length + this.#rejects.length
  }

  add(record: Row | Reject): void {
    const { columns } = this.#progress
    const isHeader = columns === undefined
    if ('reason' in record) this.#rejects.push(record)
    else if (!isHeader) this.#addRow(record, columns)
    this.#progress = {
      ...this.#progress,
      nextLine: record.line + record.lines,
      nextOffset: record.endOffset,
      columns: isHeader ? ('reason' in record ? 0 : record.fields.length) : columns,
    }
  }

  #addRow(row: Row, columns: number): void {
    if (row.fields.length === columns) this.#rows.push(row)
    else {
      const { fields, ...place } = row
      const reason = columns === 0 ? 'no_header' : 'column_count'
      this.#rejects.push({ ...place, reason, sample: fields.join(',').slice(0, 200) })
    }
  }

  take(isFinished: boolean): Batch {
    const batch = {
      rows: this.#rows,
      rejects: this.#rejects,
      progress: { ...this.#progress, isFinished },
    }
    this.#rows = []
    this.#rejects = []
    return batch
  }
}
