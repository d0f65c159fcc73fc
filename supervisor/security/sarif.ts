// The report as SARIF.

import { failureLevels, type SarifLevel, type SarifResult, sarifLog } from '../core/sarif.ts'
import type { Result } from './check.ts'

export interface SarifContext {
  readonly version: string
  /** The instance, which tells the report of one container from that of another. */
  readonly instance: string
  /** ISO time. */
  readonly time: string
}

/** A result that is no failure has no level: passed checks are `pass`, what could not be seen is `open`. */
export function levelOf({ status, severity }: Pick<Result, 'status' | 'severity'>): SarifLevel {
  if (status === 'fail') return failureLevels[severity]
  if (status === 'warn') return severity === 'low' ? 'note' : 'warning'
  return 'none'
}

const kinds = { pass: 'pass', warn: 'fail', fail: 'fail', unknown: 'open' } as const

export function toSarif(results: readonly Result[], { version, instance, time }: SarifContext): object {
  return sarifLog([
    {
      tool: 'Flowkeep SecurityValidator',
      version,
      category: `flowkeep-security/${instance}`,
      time,
      rules: results,
      results: results.map(resultOf),
    },
  ])
}

function resultOf(result: Result): SarifResult {
  const { id, title, reads, found, status, accepted } = result
  return {
    ruleId: id,
    kind: kinds[status],
    level: levelOf(result),
    message: `${title}: ${found}.`,
    uri: `file://${reads}`,
    resource: reads,
    fingerprint: id,
    ...(accepted && { acceptedBy: 'named in CONTAINER_SECURITY_ACCEPTED' }),
  }
}
