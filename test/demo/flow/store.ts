// What the flow keeps in PostgreSQL. It writes only through its supervisor: the rows of a record are its effects. The
// tables have no keys that could hide a duplicate: that there are none is Flowkeep's doing.

import pg from 'pg'
import type { Batch } from './batches.ts'
import type { Effect } from './supervisor-client.ts'

const schema = `
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

/** Makes the tables, and counts the rows and rejects that are stored already. */
export async function prepareStore(url: string): Promise<number> {
  const client = new pg.Client({ connectionString: url, application_name: 'flow' })
  await client.connect()
  try {
    await client.query(schema)
    const { rows } = await client.query<{ count: number }>(
      'select ((select count(*) from rows) + (select count(*) from rejects))::int as count',
    )
    return rows[0]?.count ?? 0
  } finally {
    await client.end()
  }
}

export function effectsOf({ progress: { file }, rows, rejects }: Batch): Effect[] {
  const rowParams = rows.map(({ line, lines, fields }) => ({ line, lines, fields }))
  const rejectParams = rejects.map(({ line, lines, reason, sample }) => ({ line, lines, reason, sample }))
  return [
    ...(rows.length > 0 ? [{ sql: insertRows, params: [file, rowParams] }] : []),
    ...(rejects.length > 0 ? [{ sql: insertRejects, params: [file, rejectParams] }] : []),
  ]
}
