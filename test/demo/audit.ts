// Compares what is in the database with the files, line by line. Every line must be covered once, by the header, a row or
// a reject, and every row must hold what its lines say.

import pg from 'pg'
import { type DataFile, linesOf } from './data-file.ts'

export interface Audit {
  readonly rows: number
  readonly rejects: number
  readonly rejectsByReason: Readonly<Record<string, number>>
  /** Lines that are neither stored nor rejected. */
  readonly lost: number
  /** Lines that are stored or rejected more than once. */
  readonly duplicated: number
  /** Rows whose fields are not those of their lines, or whose lines the file does not have. */
  readonly differing: number
  /** Files with other numbers of rows and rejects than they must have. */
  readonly miscounted: readonly string[]
}

interface Stored {
  readonly line: number
  readonly lines: number
  readonly fields: readonly string[] | null
  readonly reason: string | null
}

// Line numbers are far below what an int holds.
const storedOfFile = `
  select line::int, lines, fields, null as reason from rows where file = $1
  union all
  select line::int, lines, null, reason from rejects where file = $1`

export async function audit(url: string, files: readonly DataFile[]): Promise<Audit> {
  const client = new pg.Client({ connectionString: url, application_name: 'audit' })
  await client.connect()
  try {
    const audits: FileAudit[] = []
    for (const file of files) {
      const { rows } = await client.query<Stored>(storedOfFile, [file.name])
      audits.push(auditFile(file, rows))
    }
    const strangers = await client.query<{ file: string }>(
      'select file from rows union select file from rejects except select unnest($1::text[])',
      [files.map(({ name }) => name)],
    )
    return {
      ...sumOf(audits),
      miscounted: [
        ...audits.flatMap(({ miscounted }) => miscounted ?? []),
        ...strangers.rows.map(({ file }) => `${file}: there is no such file`),
      ],
    }
  } finally {
    await client.end()
  }
}

interface FileAudit {
  readonly rows: number
  readonly reasons: readonly string[]
  readonly lost: number
  readonly duplicated: number
  readonly differing: number
  readonly miscounted: string | undefined
}

function auditFile(file: DataFile, stored: readonly Stored[]): FileAudit {
  const lines = linesOf(file).map(String)
  const coverage = new Uint32Array(lines.length)
  if (file.hasHeader) coverage[0] = 1
  let differing = 0
  for (const record of stored) {
    const first = record.line - 1
    for (let index = first; index < first + record.lines; index++)
      coverage[index] = (coverage[index] ?? 0) + 1
    const text = lines.slice(first, first + record.lines).join('\n')
    if (record.fields && toCsv(record.fields) !== withoutReturn(text)) differing++
  }
  const reasons = stored.flatMap(({ reason }) => reason ?? [])
  const rows = stored.length - reasons.length
  return {
    rows,
    reasons,
    lost: coverage.filter((times) => times === 0).length,
    duplicated: coverage.filter((times) => times > 1).length,
    differing,
    miscounted: miscount(file, rows, countEach(reasons)),
  }
}

function miscount(file: DataFile, rows: number, rejects: Record<string, number>): string | undefined {
  const describe = (rows: number, rejects: Record<string, number>) =>
    [
      `${rows} rows`,
      ...Object.entries(rejects)
        .sort()
        .map(([reason, count]) => `${count} ${reason}`),
    ].join(', ')
  const expected = describe(file.rows, file.rejects)
  const found = describe(rows, rejects)
  return found === expected ? undefined : `${file.name}: ${found} instead of ${expected}`
}

function sumOf(audits: readonly FileAudit[]) {
  const sum = (key: 'rows' | 'lost' | 'duplicated' | 'differing') =>
    audits.reduce((total, one) => total + one[key], 0)
  const reasons = audits.flatMap((one) => one.reasons)
  return {
    rows: sum('rows'),
    rejects: reasons.length,
    rejectsByReason: countEach(reasons),
    lost: sum('lost'),
    duplicated: sum('duplicated'),
    differing: sum('differing'),
  }
}

function countEach(words: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1
  return counts
}

/** As all the files are written: with quotes only where they are needed. */
function toCsv(fields: readonly string[]): string {
  return fields.map((field) => (/[",\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field)).join(',')
}

function withoutReturn(text: string): string {
  return text.endsWith('\r') ? text.slice(0, -1) : text
}
