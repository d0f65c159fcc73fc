// What a flow would do with the database: a session of its own, as its user, in its database, that answers a query.
// Nothing less tells a database that works from one that starts.

import type { ConnectionTarget } from '../core/connection-url.ts'
import type { CheckResult } from '../core/dependency.ts'
import { limits } from '../core/limits.ts'
import { showEndpoint } from '../core/network-failure.ts'
import { endingOf, orEnding } from './ending.ts'
import { CheckTimeout, describeFailure } from './failure.ts'
import { NoSession, openSession, sayGoodbye } from './session.ts'

export async function checkDatabase(
  target: ConnectionTarget,
  settings: { readonly connectTimeoutMs: number; readonly healthQuery: string },
  signal: AbortSignal,
): Promise<CheckResult> {
  const { connectTimeoutMs, healthQuery } = settings
  const ending = endingOf(signal, connectTimeoutMs, () => new CheckTimeout(connectTimeoutMs))
  try {
    return await askHealthQuery(target, healthQuery, ending.signal)
  } catch (error) {
    if (!(error instanceof NoSession)) throw error
    return { ok: false, reason: error.reason, message: error.message }
  } finally {
    ending.release()
  }
}

async function askHealthQuery(
  target: ConnectionTarget,
  healthQuery: string,
  ending: AbortSignal,
): Promise<CheckResult> {
  const { session, attempt } = await openSession(target, limits.databaseCheckBytes, ending)
  try {
    await orEnding(session.client.query(healthQuery), ending)
    await sayGoodbye(session, ending)
    return { ok: true, message: `${showEndpoint(target)} answered the health query` }
  } catch (error) {
    const { reason, message } = describeFailure(error, { ...attempt, phase: session.phase })
    return { ok: false, reason, message }
  } finally {
    session.destroy()
  }
}
