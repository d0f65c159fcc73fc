// From a database's setting to what a client needs to connect.

import { type ConnectionTarget, parseConnectionUrl } from '../core/connection-url.ts'
import { FlowkeepError } from '../core/errors.ts'
import type { Secret } from '../core/secret.ts'

/** Throws `config_invalid` for a URL that `parseConnectionUrl` refuses. */
export function connectionOf(name: string, url: Secret): ConnectionTarget {
  const parsed = parseConnectionUrl(url.reveal())
  if (parsed.ok) return parsed.target
  throw new FlowkeepError('config_invalid', {
    operation: `cannot use the URL of database ${name}`,
    subject: `databases.${name}.url`,
    message: `it ${parsed.problem}`,
    hint: 'The form is postgresql://user:password@host:5432/database?sslmode=require',
  })
}
