// The scanners that need nothing to be installed: our own rules for images and Dockerfiles.

import {
  failureLevels,
  type SarifResult,
  type SarifRule,
  type SarifRun,
} from '../../supervisor/core/sarif.ts'
import { dockerfileRules, judgeDockerfile } from './dockerfile-rules.ts'
import type { Finding, ScannerReport } from './finding.ts'
import { imageRules, judge } from './image-rules.ts'
import type { ImageView } from './image-view.ts'

interface Verdict {
  readonly rule: SarifRule
  readonly found: string | undefined
}

/** @param file the Dockerfile that the image comes from, as far as it is known */
export function scanImage(view: ImageView, file: string, accepted: ReadonlySet<string>): ScannerReport {
  return reportOf('image', view.name, file, judge(view), imageRules, accepted)
}

export function scanDockerfile(
  file: string,
  text: string,
  contexts: Iterable<string>,
  accepted: ReadonlySet<string>,
): ScannerReport {
  return reportOf('dockerfile', file, file, judgeDockerfile(text, contexts), dockerfileRules, accepted)
}

function reportOf(
  scanner: string,
  subject: string,
  file: string,
  verdicts: readonly Verdict[],
  rules: readonly SarifRule[],
  accepted: ReadonlySet<string>,
): ScannerReport {
  const findings = verdicts.flatMap(({ rule, found }): Finding[] =>
    found === undefined
      ? []
      : [
          {
            rule: rule.id,
            severity: rule.severity,
            message: `${rule.title}: ${found}.`,
            subject,
            file,
            accepted: accepted.has(rule.id),
          },
        ],
  )
  return { scanner, subject, findings, rules }
}

/** The findings of one scanner over several images or files, as one run. */
export function runOf(
  reports: readonly ScannerReport[],
  context: { readonly version: string; readonly time: string },
): SarifRun[] {
  const byScanner = Map.groupBy(
    reports.filter(({ rules }) => rules !== undefined),
    ({ scanner }) => scanner,
  )
  return [...byScanner].map(([scanner, all]) => ({
    tool: `Flowkeep ${scanner} scan`,
    ...context,
    category: `flowkeep-scan/${scanner}`,
    rules: all[0]?.rules ?? [],
    results: all.flatMap(({ findings }) => findings.map(resultOf)),
  }))
}

function resultOf({ rule, severity, message, subject, file, accepted }: Finding): SarifResult {
  return {
    ruleId: rule,
    kind: 'fail',
    level: failureLevels[severity],
    message: `${subject}: ${message}`,
    uri: file,
    resource: subject,
    fingerprint: `${rule} ${subject}`,
    ...(accepted && { acceptedBy: 'accepted on the command line' }),
  }
}
