// Why a session could not be had, in the words of an operator: who refused what to whom, and the SQLSTATE.
// https://www.postgresql.org/docs/current/errcodes-appendix.html

import pg from 'pg'
import type { ConnectionTarget } from '../core/connection-url.ts'
import type { FailureReason } from '../core/dependency.ts'
import { codeOf, messageOf } from '../core/errors.ts'
import { classifyNetworkFailure, showEndpoint } from '../core/network-failure.ts'
import { formatDuration } from '../core/units.ts'
import type { ConnectPhase } from './client.ts'
import type { Encryption } from './encryption.ts'
import { ProtocolError } from './wire-guard.ts'

export interface Attempt {
  readonly target: ConnectionTarget
  readonly phase: ConnectPhase
  readonly encryption: Encryption
  /** TLS was tried with this server in the same check. */
  readonly tlsTried: boolean
}

export interface Failure {
  readonly reason: FailureReason
  readonly message: string
  /** The same connection with the other encryption may do: what `allow` and `prefer` make use of. */
  readonly otherEncryptionMayDo: boolean
}

export class CheckTimeout extends Error {
  readonly afterMs: number

  constructor(afterMs: number) {
    super('timed out')
    this.afterMs = afterMs
  }
}

export function describeFailure(error: unknown, attempt: Attempt): Failure {
  if (error instanceof CheckTimeout) return timeout(error.afterMs, attempt)
  const sqlState = error instanceof pg.DatabaseError ? error.code : undefined
  if (sqlState !== undefined) return refusal(sqlState, messageOf(error), attempt)
  return networkFailure(error, attempt) ?? protocolFailure(error, attempt)
}

function failure(reason: FailureReason, message: string, otherEncryptionMayDo = false): Failure {
  return { reason, message, otherEncryptionMayDo }
}

function timeout(afterMs: number, { target, phase }: Attempt): Failure {
  const where = showEndpoint(target)
  const within = `within ${formatDuration(afterMs)}`
  switch (phase) {
    case 'resolving':
      return failure('name_resolution', `the name ${target.host} was not resolved ${within}`)
    case 'connecting':
      return failure('timeout', `${where} did not accept the connection ${within}`)
    case 'encrypting':
      return failure('timeout', `${where} did not finish the TLS handshake ${within}`)
    case 'opening':
      return failure('timeout', `${where} accepted the connection, but did not answer ${within}`)
    case 'open':
      return failure('timeout', `${where} did not answer the health query ${within}`)
  }
}

/** An error message of the server. */
function refusal(sqlState: string, text: string, attempt: Attempt): Failure {
  const { target, phase } = attempt
  const where = showEndpoint(target)
  const whom = `user "${target.user}" on database "${target.database}"`
  if (/^57P0[123]$/.test(sqlState)) {
    return failure('starting', `${where} does not take sessions at the moment: ${text} (${sqlState})`)
  }
  if (phase === 'open') {
    return failure(
      'bad_answer',
      `the health query failed as ${whom} at ${where}: ${text} (SQLSTATE ${sqlState})`,
    )
  }
  if (sqlState === '28000') return notAuthorized(text, attempt)
  if (sqlState === '28P01') return failure('authentication', `${where} refused ${whom}: ${text} (28P01)`)
  if (sqlState === '3D000') {
    return failure('missing_database', `${where} has no database "${target.database}": ${text} (3D000)`)
  }
  return failure('bad_answer', `${where} refused a session for ${whom}: ${text} (SQLSTATE ${sqlState})`)
}

/** pg_hba.conf says no; the text tells whether that is about encryption. */
function notAuthorized(text: string, { target, encryption, tlsTried }: Attempt): Failure {
  const where = showEndpoint(target)
  const said = `${text} (28000)`
  if (/client certificate/.test(text)) {
    return failure('tls', `${where} wants a client certificate (sslcert and sslkey in the URL): ${said}`)
  }
  if (/no encryption|SSL off/.test(text) && encryption === 'plain' && !tlsTried) {
    const message = `${where} takes no unencrypted connection, and sslmode=${target.ssl.mode} asks for one: ${said}`
    return failure('tls', message, true)
  }
  const whom = `user "${target.user}" on database "${target.database}"`
  return failure('authentication', `${where} refused ${whom}: ${said}`, true)
}

function networkFailure(error: unknown, { target, phase, encryption }: Attempt): Failure | undefined {
  const found = classifyNetworkFailure(error, target)
  if (!found) return undefined
  if (phase === 'encrypting' && codeOf(error) === 'ECONNRESET') {
    const message = `${showEndpoint(target)} closed the connection during the TLS handshake (ECONNRESET)`
    return failure('tls', message, true)
  }
  return failure(found.reason, found.message, found.reason === 'tls' && encryption === 'tls')
}

/** What pg or the wire guard makes of a server that does not speak the protocol. */
function protocolFailure(error: unknown, { target, phase }: Attempt): Failure {
  const where = showEndpoint(target)
  const text = messageOf(error)
  if (/does not support SSL/.test(text)) {
    return failure('tls', `${where} does not offer TLS, which sslmode=${target.ssl.mode} demands`, true)
  }
  if (/^SASL: .*password must be/.test(text)) {
    return failure('authentication', `${where} asks for a password, and the URL has none`)
  }
  if (/^SASL: /.test(text)) return failure('authentication', `authentication with ${where} failed: ${text}`)
  if (error instanceof ProtocolError) {
    return failure('bad_answer', `${where} does not answer like PostgreSQL: it sent ${text}`)
  }
  if (/^Connection terminated/.test(text)) {
    const before = phase === 'open' ? 'it had answered the health query' : 'it had answered'
    return failure('bad_answer', `${where} closed the connection before ${before}`)
  }
  if (/establishing an SSL connection|received invalid response/.test(text)) {
    return failure('bad_answer', `${where} does not answer like PostgreSQL`, true)
  }
  return failure('bad_answer', `no session with ${where}: ${text}`)
}
