// What the flow keeps in PostgreSQL. A batch and the file's progress are one transaction: after a crash the file goes on
// exactly where the last batch that is stored ended. The keys make sure of it a second time.

import pg from 'pg'
import type { Batch, Progress } from './batches.ts'

const schema = `
  create table if not exists files (
    file text primary key,
    next_line bigint not null,
    next_offset bigint not null,
    columns int,
    is_finished boolean not null,
    row_count bigint not null,
    reject_count bigint not null,
    repeat_count bigint not null
  );
  create table if not exists rows (
    file text not null,
    line bigint not null,
    lines int not null,
    fields jsonb not null,
    primary key (file, line)
  );
  create table if not exists rejects (
    file text not null,
    line bigint not null,
    lines int not null,
    reason text not null,
    sample text not null,
    primary key (file, line)
  )`

const insertRows = `
  insert into rows (file, line, lines, fields)
  select $1, line, lines, fields from unnest($2::bigint[], $3::int[], $4::jsonb[]) as batch (line, lines, fields)
  on conflict (file, line) do nothing`

const insertRejects = `
  insert into rejects (file, line, lines, reason, sample)
  select $1, line, lines, reason, sample
  from unnest($2::bigint[], $3::int[], $4::text[], $5::text[]) as batch (line, lines, reason, sample)
  on conflict (file, line) do nothing`

const saveProgress = `
  insert into files values ($1, $2, $3, $4, $5, $6, $7, $8)
  on conflict (file) do update set
    next_line = excluded.next_line,
    next_offset = excluded.next_offset,
    columns = excluded.columns,
    is_finished = excluded.is_finished,
    row_count = files.row_count + excluded.row_count,
    reject_count = files.reject_count + excluded.reject_count,
    repeat_count = files.repeat_count + excluded.repeat_count`

export interface Store {
  progress(): Promise<Map<string, Progress>>
  /** Rows and rejects that are stored, of all files. */
  countRecords(): Promise<number>
  save(batch: Batch): Promise<void>
  close(): Promise<void>
}

export async function openStore(url: string): Promise<Store> {
  const client = new pg.Client({ connectionString: url, application_name: 'flow' })
  await client.connect()
  await client.query(schema)

  async function insert({ progress, rows, rejects }: Batch): Promise<void> {
    const { file, nextLine, nextOffset, columns, isFinished } = progress
    const stored = await client.query(insertRows, [
      file,
      rows.map(({ line }) => line),
      rows.map(({ lines }) => lines),
      rows.map(({ fields }) => JSON.stringify(fields)),
    ])
    const refused = await client.query(insertRejects, [
      file,
      rejects.map(({ line }) => line),
      rejects.map(({ lines }) => lines),
      rejects.map(({ reason }) => reason),
      rejects.map(({ sample }) => sample),
    ])
    const repeats = rows.length + rejects.length - (stored.rowCount ?? 0) - (refused.rowCount ?? 0)
    const counts = [rows.length, rejects.length, repeats]
    await client.query(saveProgress, [file, nextLine, nextOffset, columns, isFinished, ...counts])
  }

  return {
    async progress() {
      const { rows } = await client.query('select * from files')
      return new Map(rows.map((row) => [row.file, toProgress(row)]))
    },
    async countRecords() {
      const { rows } = await client.query('select sum(row_count + reject_count) as count from files')
      return Number(rows[0]?.count ?? 0)
    },
    async save(batch) {
      await client.query('begin')
      await insert(batch)
      await client.query('commit')
    },
    close: () => client.end(),
  }
}

interface FileRow {
  readonly file: string
  readonly next_line: string
  readonly next_offset: string
  readonly columns: number | null
  readonly is_finished: boolean
}

function toProgress(row: FileRow): Progress {
  return {
    file: row.file,
    nextLine: Number(row.next_line),
    nextOffset: Number(row.next_offset),
    columns: row.columns ?? undefined,
    isFinished: row.is_finished,
  }
}
