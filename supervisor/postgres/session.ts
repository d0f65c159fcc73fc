// Opens a session the way sslmode says, and closes one. Everything that talks to a database begins here.

import type { ConnectionTarget } from '../core/connection-url.ts'
import type { FailureReason } from '../core/dependency.ts'
import { limits } from '../core/limits.ts'
import { createGuardedClient, type GuardedClient } from './client.ts'
import { type Encryption, encryptionsOf, tlsOptions } from './encryption.ts'
import { orEnding } from './ending.ts'
import { type Attempt, describeFailure, type Failure } from './failure.ts'

/** A session could not be had, in words for an operator. */
export class NoSession extends Error {
  readonly reason: FailureReason

  constructor({ reason, message }: Failure, cause: unknown) {
    super(message, { cause })
    this.reason = reason
  }
}

export interface Opened {
  readonly session: GuardedClient
  /** How it was opened, for describing a failure of its first query. */
  readonly attempt: Omit<Attempt, 'phase'>
}

/** @throws NoSession, or the signal's reason when that is no CheckTimeout */
export async function openSession(
  target: ConnectionTarget,
  maxBytes: number,
  ending: AbortSignal,
): Promise<Opened> {
  let last: FailedTry | undefined
  let tlsTried = false
  for (const encryption of encryptionsOf(target.ssl.mode, target.host)) {
    tlsTried ||= encryption === 'tls'
    const attempt = { target, encryption, tlsTried }
    const tried = await trySession(attempt, maxBytes, ending)
    if ('session' in tried) return { session: tried.session, attempt }
    last = tried
    if (!last.failure.otherEncryptionMayDo) break
  }
  const { failure, cause } = last as FailedTry
  throw new NoSession(failure, cause)
}

interface FailedTry {
  readonly failure: Failure
  readonly cause: unknown
}

interface Try {
  readonly target: ConnectionTarget
  readonly encryption: Encryption
  readonly tlsTried: boolean
}

async function trySession(
  attempt: Try,
  maxBytes: number,
  ending: AbortSignal,
): Promise<{ session: GuardedClient } | FailedTry> {
  const { target, encryption } = attempt
  let session: GuardedClient | undefined
  try {
    const ssl = encryption === 'tls' && (await readTls(target))
    session = createGuardedClient(target, { ssl, maxBytes })
    await orEnding(session.client.connect(), ending)
    return { session }
  } catch (error) {
    const phase = session?.phase ?? 'resolving'
    session?.destroy()
    const failure =
      error instanceof UnreadableCertificate
        ? ({ reason: 'tls', message: error.message, otherEncryptionMayDo: false } as const)
        : describeFailure(error, { ...attempt, phase })
    return { failure, cause: error }
  }
}

class UnreadableCertificate extends Error {}

async function readTls({ ssl }: ConnectionTarget) {
  try {
    return await tlsOptions(ssl)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new UnreadableCertificate(`a certificate or key file of the URL cannot be read: ${why}`)
  }
}

/** Tells the server, and waits a moment for it to hang up. Never rejects. */
export async function sayGoodbye({ client, destroy }: GuardedClient, ending?: AbortSignal): Promise<void> {
  const { promise: waitedEnough, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, limits.databaseGoodbyeMs)
  try {
    const goodbye = Promise.race([client.end(), waitedEnough])
    await (ending ? orEnding(goodbye, ending) : goodbye)
  } catch {
    // Whatever goes wrong with the goodbye, the work before it is done.
  } finally {
    clearTimeout(timer)
    destroy()
  }
}
