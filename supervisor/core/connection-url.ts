// A PostgreSQL URL with the meaning libpq gives it. pg's own parser is not used: it treats `prefer`, `require` and
// `verify-ca` as `verify-full`, writes warnings to stderr, and takes what is missing from PG* variables and ~/.pgpass.
// https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS

import { userInfo } from 'node:os'
import { Secret } from './secret.ts'

export const sslModes = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const

export type SslMode = (typeof sslModes)[number]

export interface ConnectionTarget {
  /** A host name, an IP address without brackets, or the directory of a Unix socket. */
  readonly host: string
  readonly port: number
  readonly user: string
  readonly database: string
  readonly password: Secret
  readonly applicationName: string | undefined
  /** Command-line options for the session, as in `-c statement_timeout=5s`. */
  readonly options: string | undefined
  readonly ssl: SslSettings
}

export interface SslSettings {
  readonly mode: SslMode
  /** Start TLS at once instead of asking for it (PostgreSQL 17 and later). */
  readonly direct: boolean
  /** Paths of PEM files. `system` as the root certificate stands for the public authorities. */
  readonly rootCertFile: string | undefined
  readonly certFile: string | undefined
  readonly keyFile: string | undefined
}

export type ParsedUrl =
  | { readonly ok: true; readonly target: ConnectionTarget }
  | { readonly ok: false; readonly problem: string }

/** Parameters of libpq that change nothing here, or whose work a setting of ours does. */
const ignoredParameters = new Set([
  'connect_timeout',
  'client_encoding',
  'fallback_application_name',
  'gssencmode',
  'keepalives',
  'keepalives_count',
  'keepalives_idle',
  'keepalives_interval',
  'sslsni',
  'sslcompression',
])

const usedParameters = new Set([
  ...['host', 'port', 'user', 'password', 'dbname', 'application_name', 'options'],
  ...['sslmode', 'sslnegotiation', 'sslrootcert', 'sslcert', 'sslkey'],
])

const noHost = 'no-host.invalid'

/** The problem is one line, and never contains the URL or a part of it that can be secret. */
export function parseConnectionUrl(text: string): ParsedUrl {
  let url: URL
  try {
    // WHATWG URLs know no user without a host; PostgreSQL's do, with the socket's directory as a parameter.
    url = new URL(text.replace(/@(?=[/?])/, `@${noHost}`))
  } catch {
    return problem('is not a URL of the form postgresql://user:password@host:5432/database')
  }
  if (!/^postgres(ql)?:$/.test(url.protocol))
    return problem('does not begin with postgresql:// or postgres://')
  const parameters = new Map(url.searchParams)
  for (const name of parameters.keys()) {
    if (!usedParameters.has(name) && !ignoredParameters.has(name)) {
      return problem(`has the parameter "${printable(name)}", which is not supported`)
    }
  }
  try {
    return readTarget(url, parameters)
  } catch {
    return problem('has a percent sign that is not followed by two hexadecimal digits (write %25 for it)')
  }
}

function readTarget(url: URL, parameters: ReadonlyMap<string, string>): ParsedUrl {
  const part = (name: string, fromUrl: string) =>
    parameters.get(name) || decodeURIComponent(fromUrl) || undefined
  const host = part('host', url.hostname === noHost ? '' : url.hostname.replace(/^\[(.*)\]$/, '$1'))
  const user = part('user', url.username) ?? nameOfThisUser()
  const port = Number(part('port', url.port) ?? 5432)
  const ssl = readSsl(parameters)
  if (host === undefined) return problem('names no host')
  if (user === undefined)
    return problem('names no user, and this process runs as a uid that has no name to take instead')
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    return problem('has a port that is none (1 to 65535)')
  if (typeof ssl === 'string') return problem(ssl)
  return {
    ok: true,
    target: {
      ...{ host, port, user, ssl },
      database: part('dbname', url.pathname.slice(1)) ?? user,
      password: new Secret(part('password', url.password) ?? ''),
      applicationName: parameters.get('application_name') || undefined,
      options: parameters.get('options') || undefined,
    },
  }
}

/** The settings, or what is wrong with them. */
function readSsl(parameters: ReadonlyMap<string, string>): SslSettings | string {
  const rootCertFile = parameters.get('sslrootcert') || undefined
  const text = parameters.get('sslmode') || (rootCertFile === 'system' ? 'verify-full' : 'prefer')
  // pg's own word for what libpq calls `require`.
  const mode = sslModes.find((known) => known === (text === 'no-verify' ? 'require' : text))
  const negotiation = parameters.get('sslnegotiation') || 'postgres'
  const settings = {
    direct: negotiation === 'direct',
    rootCertFile,
    certFile: parameters.get('sslcert') || undefined,
    keyFile: parameters.get('sslkey') || undefined,
  }
  if (mode === undefined) return `has an sslmode that is none of ${sslModes.join(', ')}`
  if (negotiation !== 'postgres' && negotiation !== 'direct')
    return 'has an sslnegotiation other than postgres or direct'
  if (settings.direct && !/^(require|verify)/.test(mode))
    return 'has sslnegotiation=direct, which needs sslmode=require or stronger'
  if (rootCertFile === 'system' && mode !== 'verify-full')
    return 'has sslrootcert=system, which needs sslmode=verify-full'
  if (mode === 'verify-ca' && rootCertFile === undefined)
    return 'has sslmode=verify-ca without the sslrootcert to verify against'
  if ((settings.certFile === undefined) !== (settings.keyFile === undefined))
    return 'has only one of sslcert and sslkey'
  return { mode, ...settings }
}

/** As libpq does where the URL names nobody. */
function nameOfThisUser(): string | undefined {
  try {
    return userInfo().username
  } catch {
    return undefined
  }
}

function problem(text: string): ParsedUrl {
  return { ok: false, problem: text }
}

function printable(name: string): string {
  return name.replace(/[^\w.-]/g, '?').slice(0, 40)
}
