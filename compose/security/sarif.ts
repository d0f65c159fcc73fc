// The report as SARIF. Pure.

import { failureLevels, type SarifLevel, type SarifResult, sarifLog } from '../../supervisor/core/sarif.ts'
import { type Finding, type Section, sections } from './finding.ts'
import type { Status } from './verdict.ts'

const kinds = {
  pass: 'pass',
  warn: 'fail',
  fail: 'fail',
  unknown: 'open',
  'not applicable': 'notApplicable',
} as const satisfies Record<Status, string>

/** One run for each section. */
export function toSarif(findings: readonly Finding[], version: string, time: string): object {
  const bySection = Map.groupBy(findings, ({ section }) => section)
  return sarifLog(
    sections.flatMap((section: Section) => {
      const all = bySection.get(section) ?? []
      const rules = [...new Map(all.map((finding) => [finding.id, finding])).values()]
      const category = `flowkeep-host-security/${section}`
      const tool = `Flowkeep host security, ${section}`
      return all.length === 0 ? [] : [{ tool, version, category, time, rules, results: all.map(resultOf) }]
    }),
  )
}

function levelOf({ status, severity }: Finding): SarifLevel {
  if (status === 'fail') return failureLevels[severity]
  if (status === 'warn') return severity === 'low' ? 'note' : 'warning'
  return 'none'
}

function resultOf(finding: Finding): SarifResult {
  const { id, from, title, status, found, subject, file, accepted } = finding
  return {
    ruleId: id,
    kind: kinds[status],
    level: levelOf(finding),
    message: `${subject}: ${title}: ${found} (${from.join(', ')}).`,
    uri: file,
    resource: subject,
    fingerprint: `${id} ${subject}`,
    ...(accepted !== undefined && { acceptedBy: accepted }),
  }
}
