// URLs of PostgreSQL databases.

import { parseConnectionUrl } from '../core/connection-url.ts'
import { mask } from '../core/secret.ts'
import { accept, defineFormat, type Parsed, refuse } from './format.ts'
import { encodingMistake, takeApart, type UrlParts } from './url-parts.ts'

/** Parameters whose value may be shown; that of any other one may be a password. */
const openParameters = [
  'sslmode',
  'application_name',
  'connect_timeout',
  'sslrootcert',
  'sslcert',
  'sslkey',
  'sslnegotiation',
  'target_session_attrs',
  'host',
  'port',
]

const schemes = ['postgres', 'postgresql']

export const databaseUrl = defineFormat<string>({
  expected:
    'a URL with host and database, such as postgres://user:password@host:5432/database?sslmode=require',
  parse(text) {
    const taken = takeApart(text, schemes)
    if (!taken.ok) return taken
    const wrong = wrongPart(taken.value)
    if (!wrong.ok) return wrong
    const connection = parseConnectionUrl(text)
    return connection.ok ? accept(text) : refuse(`it ${connection.problem}`)
  },
  show(text) {
    const taken = takeApart(text, schemes)
    return taken.ok ? shown(taken.value) : mask
  },
  secrets(text) {
    const taken = takeApart(text, schemes)
    if (!taken.ok) return [text]
    const parts = secretParts(taken.value)
    return parts.length === 0 ? [] : [text, ...parts.flatMap((part) => [part, decoded(part)])]
  },
})

function wrongPart(parts: UrlParts): Parsed<undefined> {
  const parameters = splitQuery(parts.query)
  for (const [key, value] of parameters) {
    if (encodingMistake(key) ?? encodingMistake(value)) {
      return refuse('a parameter after the ? is not percent-encoded properly', 'Write a literal % as %25.')
    }
  }
  const socketHost = parameters.some(([key, value]) => key === 'host' && value !== '')
  if (parts.host === '' && !socketHost) return refuse('it has no host')
  return wrongDatabase(parts.path.slice(1))
}

/** The driver drops `.` and `..` as steps of a path, and decodes less in a name than in a password. */
function wrongDatabase(name: string): Parsed<undefined> {
  if (name === '') return refuse('it has no database name', 'Add it after the host: …/database')
  if (name.includes('/'))
    return refuse('it has another / after the database name', 'Leave out what follows the name.')
  const mistake = encodingMistake(name)
  if (mistake !== undefined) return refuse(`its database name has ${mistake}`)
  const decodedName = decodeURIComponent(name)
  if (/^\.{1,2}$/.test(decodedName) || decodeURI(name) !== decodedName) {
    return refuse('its database name cannot be given in a URL')
  }
  return accept(undefined)
}

function shown(parts: UrlParts): string {
  const user =
    parts.user === undefined ? '' : `${parts.user}${parts.password === undefined ? '' : `:${mask}`}@`
  const port = parts.port === undefined ? '' : `:${parts.port}`
  const parameters = splitQuery(parts.query).map(([key, value]) => {
    if (openParameters.includes(key)) return `${key}=${value}`
    return value === '' ? mask : `${key}=${mask}`
  })
  const query = parameters.length === 0 ? '' : `?${parameters.join('&')}`
  return `${parts.scheme}://${user}${parts.host}${port}${parts.path}${query}`
}

function secretParts(parts: UrlParts): string[] {
  const hidden = splitQuery(parts.query).filter(([key]) => !openParameters.includes(key))
  return [parts.password ?? '', ...hidden.map(([key, value]) => value || key)].filter((part) => part !== '')
}

/** Still percent-encoded, in order, with those that come twice. */
function splitQuery(query: string | undefined): [key: string, value: string][] {
  if (query === undefined || query === '') return []
  return query.split('&').map((pair) => {
    const equals = pair.indexOf('=')
    return equals === -1 ? [pair, ''] : [pair.slice(0, equals), pair.slice(equals + 1)]
  })
}

/** Sound by the time it is called: a URL with a mistake in its encoding was refused. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}
