// Passwords of the stack, made up the first time it starts. Each is a file that Compose mounts into who needs it.
//
// Compose mounts such files as they are, whatever user the container has. So others may read the files, and nobody but
// their owner the directory they are in.

import { randomBytes } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { FlowkeepError } from '../../supervisor/core/errors.ts'

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
 * @throws FlowkeepError `config_invalid` when some are missing that cannot be made up
 */
export function ensureSecrets(directory: string, databaseExists: boolean): boolean {
  const names = Object.keys(contents)
  const missing = names.filter((name) => !existsSync(join(directory, name)))
  if (missing.length === 0) return false
  if (missing.length < names.length || databaseExists) {
    const there = missing.length < names.length ? 'others are there' : 'the database they belong to is'
    throw new FlowkeepError('config_invalid', {
      operation: 'cannot start the stack',
      subject: directory,
      message: `${missing.join(', ')} of ${directory} ${missing.length === 1 ? 'is' : 'are'} missing, while ${there}`,
      hint: 'Put back what was there. If it is lost, begin anew without the data: npm stop -- --volumes, and remove all of that directory.',
    })
  }
  mkdirSync(directory, { recursive: true })
  chmodSync(directory, 0o700)
  for (const name of names) writeFileSync(join(directory, name), contents[name]?.() ?? '', { mode: 0o444 })
  return true
}
