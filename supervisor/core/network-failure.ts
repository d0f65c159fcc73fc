// What an error of a socket, of name resolution or of TLS means to an operator. The same for every kind of dependency.

import type { FailureReason } from './dependency.ts'
import { codeOf, messageOf } from './errors.ts'

export interface Endpoint {
  /** A host name, an IP address, or the absolute path of a socket. */
  readonly host: string
  readonly port: number
}

export interface NetworkFailure {
  readonly reason: FailureReason
  readonly message: string
}

/** `db:5432`, `[::1]:5432`, `/run/postgresql/.s.PGSQL.5432` */
export function showEndpoint({ host, port }: Endpoint): string {
  if (host.startsWith('/')) return host
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

const reasonByCode: Readonly<Record<string, FailureReason>> = {
  ENOTFOUND: 'name_resolution',
  EAI_AGAIN: 'name_resolution',
  EAI_FAIL: 'name_resolution',
  EAI_NODATA: 'name_resolution',
  EAI_NONAME: 'name_resolution',
  EAI_ADDRFAMILY: 'name_resolution',
  ECONNREFUSED: 'refused',
  // The path of a Unix socket: nobody has made it, or nobody lets us in.
  ENOENT: 'refused',
  EACCES: 'refused',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
  EHOSTDOWN: 'unreachable',
  ENETDOWN: 'unreachable',
  EADDRNOTAVAIL: 'unreachable',
  EINVAL: 'unreachable',
  EPERM: 'unreachable',
  EMFILE: 'unreachable',
  ENFILE: 'unreachable',
  ETIMEDOUT: 'timeout',
  EPROTO: 'tls',
  ECONNRESET: 'bad_answer',
  EPIPE: 'bad_answer',
}

/** Codes Node.js gives to a certificate that it does not accept, as OpenSSL names them. */
const certificateCode =
  /CERT|^(UNABLE_TO_|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH_EXCEEDED|HOSTNAME_MISMATCH|CRL_|OCSP_)/

/** Undefined when the error is none of the network's. */
export function classifyNetworkFailure(error: unknown, endpoint: Endpoint): NetworkFailure | undefined {
  const cause = decisive(error)
  const code = codeOf(cause)
  if (code === undefined) return undefined
  const reason = reasonOfCode(code)
  return reason && { reason, message: messageFor(reason, code, cause, endpoint) }
}

function reasonOfCode(code: string): FailureReason | undefined {
  if (Object.hasOwn(reasonByCode, code)) return reasonByCode[code]
  if (/^ERR_(TLS|SSL|OSSL)/.test(code) || certificateCode.test(code)) return 'tls'
  return undefined
}

// A name with several addresses fails with one error for each. The one that got furthest says most: on a machine
// without IPv6 "network unreachable" for `::1` says nothing about a refusal at 127.0.0.1.
const furthestFirst: readonly FailureReason[] = ['tls', 'bad_answer', 'refused', 'timeout', 'unreachable']

function decisive(error: unknown): unknown {
  if (!(error instanceof AggregateError) || error.errors.length === 0) return error
  const members: unknown[] = error.errors
  for (const reason of furthestFirst) {
    const found = members.find((member) => reasonOfCode(codeOf(member) ?? '') === reason)
    if (found) return found
  }
  return members[0]
}

function messageFor(reason: FailureReason, code: string, cause: unknown, endpoint: Endpoint): string {
  const where = showEndpoint(endpoint)
  switch (reason) {
    case 'name_resolution':
      return code === 'EAI_AGAIN'
        ? `the name ${endpoint.host} cannot be resolved at the moment: the name server does not answer (EAI_AGAIN)`
        : `the name ${endpoint.host} cannot be resolved (${code})`
    case 'refused':
      if (code === 'ENOENT') return `there is no socket at ${where} (ENOENT)`
      if (code === 'EACCES') return `the permissions of ${where} do not let this user connect (EACCES)`
      return `${where} refused the connection: nothing listens there (${code})`
    case 'unreachable':
      return `${where} cannot be reached from here: ${messageOf(cause)}`
    case 'timeout':
      return `${where} did not accept the connection in time (${code})`
    case 'tls':
      return `no TLS connection with ${where}: ${messageOf(cause)} (${code})`
    default:
      return `${where} closed the connection before it had answered (${code})`
  }
}
