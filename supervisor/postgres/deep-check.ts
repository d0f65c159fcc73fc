// What a flow would do with the database: a session of its own, as its user, in its database, that answers a query.
// Nothing less tells a database that works from one that starts.

import type { ConnectionTarget } from '../core/connection-url.ts'
import type { CheckResult } from '../core/dependency.ts'
import { limits } from '../core/limits.ts'
import { showEndpoint } from '../core/network-failure.ts'
import { createGuardedClient, type GuardedClient } from './client.ts'
import { type Encryption, encryptionsOf, tlsOptions } from './encryption.ts'
import { CheckTimeout, describeFailure, type Failure } from './failure.ts'

export async function checkDatabase(
  target: ConnectionTarget,
  settings: { readonly connectTimeoutMs: number; readonly healthQuery: string },
  signal: AbortSignal,
): Promise<CheckResult> {
  const ending = new AbortController()
  const abort = () => ending.abort(new Error('the check was cancelled'))
  if (signal.aborted) abort()
  signal.addEventListener('abort', abort, { once: true })
  const { connectTimeoutMs } = settings
  const timer = setTimeout(() => ending.abort(new CheckTimeout(connectTimeoutMs)), connectTimeoutMs)
  try {
    return await tryEncryptions(target, settings.healthQuery, ending.signal)
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', abort)
  }
}

async function tryEncryptions(
  target: ConnectionTarget,
  healthQuery: string,
  ending: AbortSignal,
): Promise<CheckResult> {
  let last: Failure | undefined
  let tlsTried = false
  for (const encryption of encryptionsOf(target.ssl.mode, target.host)) {
    tlsTried ||= encryption === 'tls'
    last = await trySession({ target, encryption, tlsTried }, healthQuery, ending)
    if (last === undefined) return { ok: true, message: `${showEndpoint(target)} answered the health query` }
    if (!last.otherEncryptionMayDo) break
  }
  const { reason, message } = last as Failure
  return { ok: false, reason, message }
}

interface Try {
  readonly target: ConnectionTarget
  readonly encryption: Encryption
  readonly tlsTried: boolean
}

/** Undefined when the health query was answered. */
async function trySession(
  attempt: Try,
  healthQuery: string,
  ending: AbortSignal,
): Promise<Failure | undefined> {
  const { target, encryption } = attempt
  let session: GuardedClient | undefined
  try {
    const ssl = encryption === 'tls' && (await readTls(target))
    session = createGuardedClient(target, { ssl, maxBytes: limits.databaseCheckBytes })
    await orEnding(session.client.connect(), ending)
    await orEnding(session.client.query(healthQuery), ending)
    await sayGoodbye(session, ending)
    return undefined
  } catch (error) {
    if (error instanceof UnreadableCertificate) {
      return { reason: 'tls', message: error.message, otherEncryptionMayDo: false }
    }
    return describeFailure(error, { ...attempt, phase: session?.phase ?? 'resolving' })
  } finally {
    session?.destroy()
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

/** `work`, or the reason of the signal as soon as it aborts. What becomes of `work` then is nobody's concern. */
async function orEnding<T>(work: Promise<T>, ending: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>()
  const abort = () => reject(ending.reason)
  if (ending.aborted) abort()
  ending.addEventListener('abort', abort, { once: true })
  try {
    return await Promise.race([work, promise])
  } finally {
    ending.removeEventListener('abort', abort)
  }
}

/** The answer is there already: a server that does not close its end is not waited for long. */
async function sayGoodbye({ client }: GuardedClient, ending: AbortSignal): Promise<void> {
  const { promise: waitedEnough, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, limits.databaseGoodbyeMs)
  try {
    await orEnding(Promise.race([client.end(), waitedEnough]), ending)
  } catch {
    // Whatever goes wrong with the goodbye, the check has succeeded.
  } finally {
    clearTimeout(timer)
  }
}
