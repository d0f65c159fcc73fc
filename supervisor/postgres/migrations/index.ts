// The migrations of the schema `flowkeep`, oldest first. To add one: write `NNNN-name.ts` beside this file, exporting
// its version (the next number), name and statements (SQL text from `sql/`, one operation a file), and list it here.
// It must be additive: the supervisor of the version before goes on working with it. What was released never changes.

import { migration0001 } from './0001-inbox.ts'
import { migration0002 } from './0002-records.ts'

export interface Migration {
  readonly version: number
  readonly name: string
  /** Run in order, all migrations in one transaction. Each may hold several statements, and no parameters. */
  readonly statements: readonly string[]
}

export const migrations: readonly Migration[] = [migration0001, migration0002]

/** The version that this supervisor brings a schema to. Newer ones suit it, too, since migrations only add. */
export const schemaVersion = migrations.length
