// What the flow keeps in PostgreSQL. It reads there how far it is when it starts, and writes only through its supervisor:
// a batch and the file's progress are one operation, whose id is the place in the file. The tables have no keys that
// could hide a duplicate: that there are none is Flowkeep's doing.

import pg from 'pg'
import type { Batch, Progress } from './batches.ts'
import type { Operation, SupervisorClient } from './supervisor-client.ts'

const schema = `
  create table if not exists files (
    file text primary key,
    next_line bigint not null,
    next_offset bigint not null,
    columns int,
    is_finished boolean not null,
    row_count bigint not null,
    reject_count bigint not null
  );
  create table if not exists rows (file text not null, line bigint not null, lines int not null, fields jsonb not null);
  create table if not exists rejects (
    file text not null,
    line bigint not null,
    lines int not null,
    reason text not null,
    sample text not null
  )`

const insertRows = `
  insert into rows (file, line, lines, fields)
  select $1, line, lines, fields from jsonb_to_recordset($2) as batch (line bigint, lines int, fields jsonb)`

const insertRejects = `
  insert into rejects (file, line, lines, reason, sample)
  select $1, line, lines, reason, sample
  from jsonb_to_recordset($2) as batch (line bigint, lines int, reason text, sample text)`

const saveProgress = `
  insert into files values ($1, $2, $3, $4, $5, $6, $7)
  on conflict (file) do update set
    next_line = excluded.next_line,
    next_offset = excluded.next_offset,
    columns = excluded.columns,
    is_finished = excluded.is_finished,
    row_count = files.row_count + excluded.row_count,
    reject_count = files.reject_count + excluded.reject_count`

export interface Store {
  /** As of the start; what is queued is not in it yet. */
  readonly progress: ReadonlyMap<string, Progress>
  /** Rows and rejects that were stored at the start, of all files. */
  readonly recordsAtStart: number
  /** @param from where the batch begins */
  save(from: Progress, batch: Batch): Promise<'applied' | 'queued'>
}

/** @param target the name that the supervisor knows the database by */
export async function openStore(url: string, target: string, supervisor: SupervisorClient): Promise<Store> {
  const client = new pg.Client({ connectionString: url, application_name: 'flow' })
  await client.connect()
  try {
    await client.query(schema)
    const { rows } = await client.query<FileRow>('select * from files')
    return {
      progress: new Map(rows.map((row) => [row.file, toProgress(row)])),
      recordsAtStart: rows.reduce((sum, row) => sum + Number(row.row_count) + Number(row.reject_count), 0),
      save: (from, batch) => supervisor.submit({ target, ...operationFor(from, batch) }),
    }
  } finally {
    await client.end()
  }
}

/** The same batch is the same operation, also in the next life of the flow. */
export function operationFor(
  { file, nextLine: fromLine }: Progress,
  { progress, rows, rejects }: Batch,
): Omit<Operation, 'target'> {
  const { nextLine, nextOffset, columns = null, isFinished } = progress
  const place = ({ line, lines }: { line: number; lines: number }) => ({ line, lines })
  const rowParams = rows.map((row) => ({ ...place(row), fields: row.fields }))
  const rejectParams = rejects.map((reject) => ({
    ...{ ...place(reject), reason: reject.reason, sample: reject.sample },
  }))
  return {
    id: `${file}:${fromLine}`,
    key: file,
    effects: [
      { sql: insertRows, params: [file, rowParams] },
      { sql: insertRejects, params: [file, rejectParams] },
      {
        sql: saveProgress,
        params: [file, nextLine, nextOffset, columns, isFinished, rows.length, rejects.length],
      },
    ],
  }
}

interface FileRow {
  readonly file: string
  readonly next_line: string
  readonly next_offset: string
  readonly columns: number | null
  readonly is_finished: boolean
  readonly row_count: string
  readonly reject_count: string
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
