// Passwords of the stack, made up the first time it starts. Each is a file that Compose mounts into who needs it.
//
// Compose mounts such files as they are, whatever user the container has. So others may read the files, and nobody but
// their owner the directory they are in.

import { randomBytes } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { exitCode, Problem } from './problem.ts'

const passwordBytes = 24

const contents: Readonly<Record<string, () => string>> = {
  postgres_password: password,
  flows_database_url: () => `postgresql://flows:${password()}@postgres:5432/flows`,
  prefect_database_url: () => `postgresql+asyncpg://prefect:${password()}@postgres:5432/prefect`,
}

function password(): string {
  return randomBytes(passwordBytes).toString('hex')
}

/**
 * Makes them where there are none.
 * @param databaseExists whether the passwords of a database that is there already are needed
 * @returns whether they were made now
 * @throws Problem when some are missing that cannot be made up
 */
export function ensureSecrets(directory: string, databaseExists: boolean): boolean {
  const names = Object.keys(contents)
  const missing = names.filter((name) => !existsSync(join(directory, name)))
  if (missing.length === 0) return false
  if (missing.length < names.length) {
    throw new Problem(
      `${describe(directory, missing)} missing, while others are there. Put back what was there, or remove all of ${directory} and the database with it (docker compose -f compose/compose.yaml down --volumes)`,
      exitCode.refused,
    )
  }
  if (databaseExists) {
    throw new Problem(
      `the database is there, but its passwords are not: ${describe(directory, missing)} missing. Put them back, or remove the database (docker compose -f compose/compose.yaml down --volumes)`,
      exitCode.refused,
    )
  }
  mkdirSync(directory, { recursive: true })
  chmodSync(directory, 0o700)
  for (const name of names) writeFileSync(join(directory, name), contents[name]?.() ?? '', { mode: 0o444 })
  return true
}

function describe(directory: string, missing: readonly string[]): string {
  const paths = missing.map((name) => join(directory, name)).join(', ')
  return `${paths} ${missing.length === 1 ? 'is' : 'are'}`
}
