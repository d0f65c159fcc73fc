// What a batch of deliveries looks like to `flowkeep.apply_operations`: arrays side by side, and each text of a
// statement once. An operation's parameters travel as JSON text of their own, which PostgreSQL reads inside the
// operation's subtransaction: what it cannot read (a NUL character in a string) is one operation's fault, not the batch's.

import { limits } from '../core/limits.ts'
import type { SqlWork } from '../core/operation.ts'
import type { Delivery } from '../core/target.ts'
import { patternOf } from './sql-state.ts'
import { readSql, type SqlText } from './sql-text.ts'

/** A delivery that PostgreSQL is asked about. */
export interface Asked {
  /** Its place among the deliveries of the call. */
  readonly place: number
  readonly delivery: Delivery
  readonly work: SqlWork
  readonly texts: readonly SqlText[]
}

/** What its statements are made of, or why they are refused. */
export function readWork(work: SqlWork): readonly SqlText[] | { readonly problem: string } {
  const texts: SqlText[] = []
  for (const { sql } of work.statements) {
    const read = readSql(sql)
    if ('problem' in read) return read
    texts.push(read)
  }
  return texts
}

const refused = patternOf('refused')
const unreached = patternOf('unreached')

export const applyStatement =
  'select state, code, message, result from flowkeep.apply_operations($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)'

/** The parameters of `applyStatement`. No id comes twice. */
export function applyParameters(batch: readonly Asked[]): unknown[] {
  const texts = new Map<string, { readonly place: number; readonly text: SqlText }>()
  const lanes = new Map<string, number>()
  const placeOf = (text: SqlText) => {
    const known = texts.get(text.query)
    if (known) return known.place
    const place = texts.size + 1
    texts.set(text.query, { place, text })
    return place
  }
  const works = batch.map(({ work, texts: own }) =>
    JSON.stringify({
      statements: own.map((text, at) => ({ query: placeOf(text), params: work.statements[at]?.params })),
      record: work.record,
    }),
  )
  const laneNumbers = batch.map(({ delivery }) => {
    const { key } = delivery.operation
    if (!lanes.has(key)) lanes.set(key, lanes.size + 1)
    return lanes.get(key)
  })
  const distinct = [...texts.values()].map(({ text }) => text)
  return [
    batch.map(({ delivery }) => delivery.operation.id),
    batch.map(({ delivery }) => delivery.contentHash),
    batch.map(({ delivery }) => delivery.revision),
    laneNumbers,
    works,
    distinct.map(({ query }) => query),
    distinct.map(({ template }) => template),
    distinct.map(({ form }) => form),
    ...[refused, unreached, limits.resultRows, limits.resultBytes],
  ]
}

/** Consecutive pieces in which no id comes twice: the second of two is asked about when the first is decided. */
export function withoutRepetition<T>(items: readonly T[], idOf: (item: T) => string): T[][] {
  const pieces: T[][] = []
  let ids = new Set<string>()
  for (const item of items) {
    const id = idOf(item)
    if (pieces.length === 0 || ids.has(id)) {
      pieces.push([])
      ids = new Set()
    }
    ids.add(id)
    pieces.at(-1)?.push(item)
  }
  return pieces
}
