// Stands in for `node:sqlite`: the same, over a disk that can fail.

import {
  DatabaseSync as RealDatabase,
  type SQLInputValue,
  type StatementResultingChanges,
  type StatementSync,
} from 'node:sqlite'
import { open, read, write } from './faulty-io.ts'

type SQLOutputRow = ReturnType<StatementSync['get']>

export class DatabaseSync extends RealDatabase {
  constructor(...args: ConstructorParameters<typeof RealDatabase>) {
    open()
    super(...args)
  }

  override exec(sql: string): void {
    // Neither settings nor taking back what was not written needs room.
    if (sql.startsWith('ROLLBACK') || sql.includes('PRAGMA locking_mode')) super.exec(sql)
    else write(sql, () => super.exec(sql))
  }

  override prepare(sql: string): StatementSync {
    const statement = read(() => super.prepare(sql))
    const run = statement.run.bind(statement) as (...values: SQLInputValue[]) => StatementResultingChanges
    const get = statement.get.bind(statement) as (...values: SQLInputValue[]) => SQLOutputRow
    statement.run = (...values: unknown[]) => write(sql, () => run(...(values as SQLInputValue[])))
    statement.get = (...values: unknown[]) => read(() => get(...(values as SQLInputValue[])))
    return statement
  }
}
