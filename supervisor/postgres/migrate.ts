// Brings the schema `flowkeep` of a database up to date. Safe from many containers at once: an advisory lock of the
// transaction lets one at a time look and act, also through a transaction pooler. All or nothing.

import { FlowkeepError } from '../core/errors.ts'
import { type Migration, migrations } from './migrations/index.ts'
import type { DatabasePool, Query, QueryOptions } from './pool.ts'
import { QueryRefused } from './unavailable.ts'

export interface Migrated {
  /** 0 where there was no schema. */
  readonly from: number
  readonly to: number
}

/** Any number will do, as long as every version of Flowkeep takes the same. */
const lockKey = 7_052_110_421

/** @throws DatabaseUnavailable, or a FlowkeepError `migration_refused` */
export async function migrate(
  pool: DatabasePool,
  options: QueryOptions = {},
  steps: readonly Migration[] = migrations,
): Promise<Migrated> {
  const newest = steps.length
  try {
    // Asked without the lock and without a permission to create: mostly there is nothing to do.
    const found = await readVersion((text, values) => pool.query(text, values, options))
    if (found >= newest) return { from: found, to: found }
    return await pool.transaction((query) => migrateLocked(query, steps), options)
  } catch (error) {
    if (error instanceof QueryRefused) throw refused(error)
    throw error
  }
}

/** 0 where there is no schema. @throws DatabaseUnavailable, QueryRefused */
export async function readVersion(query: Query): Promise<number> {
  const { rows } = await query<{ exists: boolean }>(
    `select to_regclass('flowkeep.schema_version') is not null as exists`,
  )
  if (!rows[0]?.exists) return 0
  const versions = await query<{ version: number }>(
    'select coalesce(max(version), 0) as version from flowkeep.schema_version',
  )
  return versions.rows[0]?.version ?? 0
}

async function migrateLocked(query: Query, steps: readonly Migration[]): Promise<Migrated> {
  await query('select pg_advisory_xact_lock($1)', [lockKey])
  // Not "if not exists": that asks for the permission to create even where there is nothing to create.
  const { rows } = await query<{ missing: boolean }>(`select to_regnamespace('flowkeep') is null as missing`)
  if (rows[0]?.missing) await query('create schema flowkeep')
  await query(`create table if not exists flowkeep.schema_version (
    version integer primary key,
    name text not null,
    applied_at timestamptz not null default now()
  )`)
  const from = await readVersion(query)
  for (const { version, name, statements } of steps.slice(from)) {
    for (const statement of statements) await query(statement)
    await query('insert into flowkeep.schema_version (version, name) values ($1, $2)', [version, name])
  }
  return { from, to: Math.max(from, steps.length) }
}

function refused(error: QueryRefused): FlowkeepError {
  const forbidden = error.sqlState === '42501'
  return new FlowkeepError('migration_refused', {
    operation: 'cannot bring the schema flowkeep up to date',
    message: `${error.message} (SQLSTATE ${error.sqlState})`,
    hint: forbidden
      ? 'Run it once as a user that may: GRANT CREATE ON DATABASE … TO …, or as the owner of the schema flowkeep. Then grant the flow’s user USAGE on the schema, and SELECT, INSERT, UPDATE and DELETE on its tables'
      : 'The schema is as it was before. See what stands in the way in the schema flowkeep',
    cause: error,
  })
}
