// The report as SARIF 2.1.0, for code scanning and other readers of that format.
// https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/sarif-v2.1.0-errata01-os-complete.html

import type { Result, Severity } from './check.ts'

export type SarifLevel = 'error' | 'warning' | 'note' | 'none'

export interface SarifContext {
  readonly version: string
  /** The instance, which tells the report of one container from that of another. */
  readonly instance: string
  /** ISO time. */
  readonly time: string
}

const failureLevels: Readonly<Record<Severity, SarifLevel>> = {
  critical: 'error',
  high: 'error',
  medium: 'warning',
  low: 'note',
}

/** Read as a CVSS score by code scanning: from 9 critical, from 7 high, from 4 medium. */
const scores: Readonly<Record<Severity, string>> = { critical: '9.0', high: '7.0', medium: '5.0', low: '2.0' }

/** A result that is no failure has no level: passed checks are `pass`, what could not be seen is `open`. */
export function levelOf({ status, severity }: Pick<Result, 'status' | 'severity'>): SarifLevel {
  if (status === 'fail') return failureLevels[severity]
  if (status === 'warn') return severity === 'low' ? 'note' : 'warning'
  return 'none'
}

const kinds = { pass: 'pass', warn: 'fail', fail: 'fail', unknown: 'open' } as const

export function toSarif(results: readonly Result[], { version, instance, time }: SarifContext): object {
  return {
    $schema: 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: { driver: { name: 'Flowkeep SecurityValidator', version, rules: results.map(ruleOf) } },
        automationDetails: { id: `flowkeep-security/${instance}` },
        invocations: [{ executionSuccessful: true, endTimeUtc: time }],
        columnKind: 'utf16CodeUnits',
        results: results.map(resultOf),
      },
    ],
  }
}

function ruleOf({ id, title, severity, expected, fix }: Result): object {
  return {
    id,
    name: title.replace(/[^A-Za-z0-9]+(.)?/g, (_, next: string | undefined) => next?.toUpperCase() ?? ''),
    shortDescription: { text: `${title}.` },
    fullDescription: { text: `Expected: ${expected}.` },
    help: { text: `What to do: ${fix}.` },
    defaultConfiguration: { level: failureLevels[severity] },
    properties: { 'security-severity': scores[severity], severity, tags: ['security', 'container'] },
  }
}

function resultOf(result: Result, ruleIndex: number): object {
  const { id, title, reads, found, status, accepted } = result
  return {
    ruleId: id,
    ruleIndex,
    kind: kinds[status],
    level: levelOf(result),
    message: { text: `${title}: ${found}.` },
    locations: [
      {
        physicalLocation: { artifactLocation: { uri: `file://${reads}` } },
        logicalLocations: [{ name: reads, kind: 'resource' }],
      },
    ],
    partialFingerprints: { 'check/v1': id },
    ...(accepted && {
      suppressions: [{ kind: 'external', justification: 'named in CONTAINER_SECURITY_ACCEPTED' }],
    }),
  }
}
