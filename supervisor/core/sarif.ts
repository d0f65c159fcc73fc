// SARIF 2.1.0, for code scanning and other readers of that format.
// https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/sarif-v2.1.0-errata01-os-complete.html

export const sarifSeverities = ['critical', 'high', 'medium', 'low'] as const

export type SarifSeverity = (typeof sarifSeverities)[number]

export type SarifLevel = 'error' | 'warning' | 'note' | 'none'

export interface SarifRule {
  readonly id: string
  readonly title: string
  readonly severity: SarifSeverity
  readonly expected: string
  readonly fix: string
}

export interface SarifResult {
  readonly ruleId: string
  readonly kind: 'pass' | 'fail' | 'open' | 'notApplicable'
  /** `none` unless the kind is `fail`. */
  readonly level: SarifLevel
  readonly message: string
  /** The file that is to be mended, or that was looked at. */
  readonly uri: string
  /** What it is about, where the file doesn't say. */
  readonly resource: string
  /** Why it is shown and doesn't count. */
  readonly acceptedBy?: string
  /** Tells it from others of the same rule. */
  readonly fingerprint: string
}

export interface SarifRun {
  readonly tool: string
  readonly version: string
  /** Tells the runs over different things apart. */
  readonly category: string
  /** ISO time. */
  readonly time: string
  readonly rules: readonly SarifRule[]
  readonly results: readonly SarifResult[]
}

export const failureLevels: Readonly<Record<SarifSeverity, SarifLevel>> = {
  critical: 'error',
  high: 'error',
  medium: 'warning',
  low: 'note',
}

/** Read as a CVSS score by code scanning: from 9 critical, from 7 high, from 4 medium. */
const scores: Readonly<Record<SarifSeverity, string>> = {
  critical: '9.0',
  high: '7.0',
  medium: '5.0',
  low: '2.0',
}

/** @param foreign runs of other tools, as they gave them */
export function sarifLog(runs: readonly SarifRun[], foreign: readonly object[] = []): object {
  return {
    $schema: 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json',
    version: '2.1.0',
    runs: [...runs.map(runOf), ...foreign],
  }
}

function runOf({ tool, version, category, time, rules, results }: SarifRun): object {
  const indexes = new Map(rules.map(({ id }, index) => [id, index]))
  return {
    tool: { driver: { name: tool, version, rules: rules.map(ruleOf) } },
    automationDetails: { id: category },
    invocations: [{ executionSuccessful: true, endTimeUtc: time }],
    columnKind: 'utf16CodeUnits',
    results: results.map((result) => resultOf(result, indexes.get(result.ruleId) ?? -1)),
  }
}

function ruleOf({ id, title, severity, expected, fix }: SarifRule): object {
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

function resultOf(result: SarifResult, ruleIndex: number): object {
  const { ruleId, kind, level, message, uri, resource, acceptedBy, fingerprint } = result
  return {
    ruleId,
    ruleIndex,
    kind,
    level,
    message: { text: message },
    locations: [
      {
        physicalLocation: { artifactLocation: { uri } },
        logicalLocations: [{ name: resource, kind: 'resource' }],
      },
    ],
    partialFingerprints: { 'check/v1': fingerprint },
    ...(acceptedBy !== undefined && {
      suppressions: [{ kind: 'external', justification: acceptedBy }],
    }),
  }
}
