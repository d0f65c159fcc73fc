// The records on a screen: what is in the database, and what this container has done. Pure.

import { limits } from '../core/limits.ts'
import type { RecordsStats } from '../core/records.ts'
import { type Look, renderTable } from '../core/text-table.ts'
import { printable } from './printable.ts'

const columns = [
  { title: 'records of', whole: true },
  { title: 'pending', whole: true },
  { title: 'later', whole: true },
  { title: 'in work', whole: true },
  { title: 'failed', whole: true },
  { title: 'claimed here', whole: true },
  { title: 'completed', whole: true },
  { title: 'failed', whole: true },
  { title: 'fenced', whole: true },
] as const

const states: Readonly<Record<RecordsStats['state'], string>> = {
  ready: '',
  unavailable: ' – the database is away',
  schema_missing: ' – the database lacks the tables: run flowkeep migrate',
  not_configured: 'no database is chosen: set CONTAINER_RECORDS_DATABASE',
}

/** Ends without a newline. */
export function renderRecords({ database, state, held, ahead, queues }: RecordsStats, look: Look): string {
  const where = database === null ? '' : `in ${database}, ${held} held by the flow, ${ahead} claimed ahead`
  const line = `records  ${printable(where)}${states[state]}`
  const rows = Object.entries(queues).map(([queue, stats]) => [
    printable(queue).slice(0, limits.shownCellChars),
    ...[stats.pending, stats.scheduled, stats.running, stats.failedKept].map((count) => String(count ?? '–')),
    ...[stats.claimed, stats.completed, stats.failed, stats.fenced].map(String),
  ])
  return rows.length === 0 ? line : `${line}\n\n${renderTable(columns, rows, look)}`
}
