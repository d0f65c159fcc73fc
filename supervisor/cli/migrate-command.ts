// `flowkeep migrate`: brings the schema of one database, or of all, up to date, and says what it did to each.

import { catalogue, FlowkeepError, messageOf } from '../core/errors.ts'
import { exitCodes } from '../core/exit.ts'
import { printable } from './printable.ts'

export interface MigratableDatabase {
  readonly name: string
  /** @throws FlowkeepError, or an Error of a database that cannot be asked */
  migrate(): Promise<{ readonly from: number; readonly to: number }>
}

export interface MigrateParts {
  readonly databases: readonly MigratableDatabase[]
  /** Only this one. */
  readonly wanted: string | undefined
  readonly json: boolean
  write(text: string): void
  writeError(text: string): void
}

interface Failed {
  readonly name: string
  readonly error: { readonly code: string; readonly message: string; readonly hint: string }
}

type Migrated = { readonly name: string; readonly from: number; readonly to: number } | Failed

/** Answers with the exit code. One database after the other: what happened to each is to be seen. */
export async function runMigrateCommand(parts: MigrateParts): Promise<number> {
  const { databases, wanted, json, write, writeError } = parts
  const names = databases.map(({ name }) => name)
  if (names.length === 0) {
    writeError('flowkeep migrate: there is no database: set CONTAINER_DATABASE_<NAME>_URL\n')
    return exitCodes.configInvalid
  }
  const chosen = databases.filter(({ name }) => wanted === undefined || name === wanted)
  if (chosen.length === 0) {
    const found = printable(wanted ?? '')
    writeError(`flowkeep migrate: there is no database "${found}"; configured: ${names.join(', ')}\n`)
    return exitCodes.usage
  }
  const done: Migrated[] = []
  for (const database of chosen) {
    const result = await migrateOne(database)
    done.push(result)
    if (json) continue
    if ('error' in result) writeError(describeFailure(result))
    else write(describe(result))
  }
  if (json) write(JSON.stringify({ databases: done }))
  return codeOf(done)
}

async function migrateOne({ name, migrate }: MigratableDatabase): Promise<Migrated> {
  try {
    return { name, ...(await migrate()) }
  } catch (error) {
    if (error instanceof FlowkeepError) {
      return { name, error: { code: error.code, message: error.message, hint: error.hint } }
    }
    const hint = 'Run flowkeep check --connect; nothing was changed, and the command may be run again'
    return { name, error: { code: 'dependency_unavailable', message: messageOf(error), hint } }
  }
}

function describe({ name, from, to }: Exclude<Migrated, Failed>): string {
  if (from === to) return `${name}: the schema flowkeep is up to date (version ${to})`
  if (from === 0) return `${name}: the schema flowkeep was created (version ${to})`
  return `${name}: the schema flowkeep was brought from version ${from} to ${to}`
}

function describeFailure({ name, error }: Failed): string {
  return `${name}: ${printable(error.message)} (${error.code})\n  ${error.hint}\n`
}

function codeOf(done: readonly Migrated[]): number {
  const codes = done.flatMap((result) => ('error' in result ? [result.error.code] : []))
  if (codes.length === 0) return 0
  if (codes.includes('dependency_unavailable')) return exitCodes.dependencyUnavailable
  return catalogue.migration_refused.exitCode
}
