// What a scanner says.

import { type SarifRule, type SarifSeverity, sarifSeverities } from '../../supervisor/core/sarif.ts'

export type Severity = SarifSeverity

export const severities = sarifSeverities

export interface Finding {
  readonly rule: string
  readonly severity: Severity
  /** One line; never a secret's value. */
  readonly message: string
  /** The image or file it is about. */
  readonly subject: string
  /** The file that is to be mended, from the root of the checkout. */
  readonly file: string
  readonly accepted: boolean
}

export interface ScannerReport {
  readonly scanner: string
  readonly subject: string
  /** Why it could not look; nothing is known then. */
  readonly skipped?: string
  readonly findings: readonly Finding[]
  /** Of our own scanners. */
  readonly rules?: readonly SarifRule[]
  /** Of others: their SARIF runs as they are. */
  readonly runs?: readonly object[]
  /** What else is worth knowing: the age of its database. */
  readonly note?: string
}

export function atLeast(severity: Severity, least: Severity): boolean {
  return severities.indexOf(severity) <= severities.indexOf(least)
}

/** A CVSS score as code scanning reads it. */
export function severityOfScore(score: number): Severity {
  if (score >= 9) return 'critical'
  if (score >= 7) return 'high'
  return score >= 4 ? 'medium' : 'low'
}

export function some(items: readonly string[], most = 5): string {
  const more = items.length - most
  return more > 0 ? `${items.slice(0, most).join(', ')} and ${more} more` : items.join(', ')
}
