// A PostgreSQL database as something the flow waits for. What its deep check needs, the driver above all, is loaded by
// the first check: who waits for no database does without it.

import type { ConnectionTarget } from '../core/connection-url.ts'
import type { Dependency } from '../core/dependency.ts'
import { knockAt } from '../core/knock.ts'
import { limits } from '../core/limits.ts'
import { createRedactor, type Secret } from '../core/secret.ts'
import { connectionOf } from './connection.ts'

export interface DatabaseSettings {
  readonly url: Secret
  /** For the whole check: connecting, opening the session and the health query. */
  readonly connectTimeoutMs: number
  readonly healthQuery: string
  readonly required: boolean
}

/** Throws `config_invalid` for a URL that `parseConnectionUrl` refuses. */
export function createDatabaseDependency(name: string, settings: DatabaseSettings): Dependency {
  const target = connectionOf(name, settings.url)
  const redact = createRedactor([settings.url.reveal(), target.password.reveal()])
  return {
    ...{ name, kind: 'database', required: settings.required },
    async check(signal) {
      const { checkDatabase } = await import('./deep-check.ts')
      const result = await checkDatabase(target, settings, signal)
      return { ...result, message: redact(result.message).slice(0, limits.foreignMessageChars) }
    },
    knock: (signal) => knockAt(knockable(target), signal),
  }
}

/** A directory stands for the socket in it. */
function knockable({ host, port }: ConnectionTarget) {
  return { host: host.startsWith('/') ? `${host}/.s.PGSQL.${port}` : host, port }
}
