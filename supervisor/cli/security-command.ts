// `flowkeep security`: what the checks found in the container it is started in, in the form that was asked for.

import type { Look } from '../core/text-table.ts'
import { type ReportedCheck, type ReportedNetwork, renderSecurity } from './security-report.ts'

export const failLevels = ['critical', 'high', 'medium', 'low', 'never'] as const

export type FailLevel = (typeof failLevels)[number]

export interface Examined {
  /** The worst first. */
  readonly checks: readonly ReportedCheck[]
  /** Undefined where it cannot be seen. */
  readonly network: ReportedNetwork | undefined
}

export interface SecurityCommandParts {
  readonly form: 'text' | 'json' | 'sarif'
  readonly verbose: boolean
  /** The least severity of a failed check that makes the exit code 1. */
  readonly failOn: FailLevel
  readonly look: Look
  readonly examined: Examined
  sarif(): object
  write(text: string): void
}

/** @returns the exit code: 1 when a check failed that counts, else 0 */
export function runSecurityCommand(parts: SecurityCommandParts): 0 | 1 {
  const { form, failOn, examined, write } = parts
  const failed = examined.checks.filter((check) => counts(check, failOn))
  if (form === 'sarif') write(`${JSON.stringify(parts.sarif())}\n`)
  else if (form === 'json') write(`${JSON.stringify(asJson(examined, failOn, failed.length === 0))}\n`)
  else write(`${asText(parts, failed.length)}\n`)
  return failed.length === 0 ? 0 : 1
}

function counts({ status, severity, accepted }: ReportedCheck, failOn: FailLevel): boolean {
  return (
    status === 'fail' &&
    !accepted &&
    failLevels.indexOf(severity) <= failLevels.indexOf(failOn) &&
    failOn !== 'never'
  )
}

function asJson({ checks, network }: Examined, failOn: FailLevel, ok: boolean): object {
  const plain = checks.map(({ id, title, severity, status, found, expected, fix, accepted }) => ({
    ...{ id, title, severity, status, found, expected, fix, accepted },
  }))
  return { ok, failOn, counts: countsOf(checks), checks: plain, network: network ?? null }
}

function asText({ examined, failOn, verbose, look }: SecurityCommandParts, failed: number): string {
  const verdict =
    failed === 0
      ? undefined
      : `${failed} failed ${failed === 1 ? 'check' : 'checks'} of severity ${failOn} or worse`
  return renderSecurity({ ...examined, counts: countsOf(examined.checks), verdict }, verbose, look)
}

function countsOf(checks: readonly ReportedCheck[]): Record<ReportedCheck['status'], number> {
  const count = (status: ReportedCheck['status']) => checks.filter((check) => check.status === status).length
  return { pass: count('pass'), warn: count('warn'), fail: count('fail'), unknown: count('unknown') }
}
