// What the single checks mean for the whole container. Pure.

import { type CheckStatus, severityOf } from '../core/health.ts'
import type { StateName } from '../core/lifecycle.ts'

export interface CheckVerdict {
  readonly status: CheckStatus
  /** A database or service: the container only degrades with it. */
  readonly dependency: boolean
  /** Not answered for so long that its last answer says nothing any more. */
  readonly stale: boolean
}

/** The worst of the checks, where dependencies count as degraded at most; unhealthy in every state but running. */
export function overallStatus(state: StateName, checks: Iterable<CheckVerdict>): CheckStatus {
  if (state !== 'running') return 'unhealthy'
  let worst: CheckStatus = 'healthy'
  for (const check of checks) {
    const status = contributionOf(check)
    if (severityOf(status) > severityOf(worst)) worst = status
  }
  return worst
}

/** A stale dependency is unhealthy nonetheless: it is our own checking that has failed. */
function contributionOf({ status, dependency, stale }: CheckVerdict): CheckStatus {
  if (stale) return 'unhealthy'
  return dependency && status === 'unhealthy' ? 'degraded' : status
}
