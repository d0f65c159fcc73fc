// What `flowkeepctl security` prints. Pure.

import { type Column, type Look, paint, renderTable } from '../../supervisor/core/text-table.ts'
import { plural } from '../host/figures.ts'
import { atLeast, type Severity, severities } from '../scan/finding.ts'
import { type Finding, type Section, sections } from './finding.ts'
import type { Status } from './verdict.ts'

export type Mark = Status | 'accepted'

export const marks: readonly Mark[] = ['fail', 'warn', 'unknown', 'accepted', 'pass', 'not applicable']

const styles: Readonly<Record<Mark, Parameters<typeof paint>[1]>> = {
  fail: ['bold', 'red'],
  warn: 'yellow',
  unknown: 'yellow',
  accepted: 'dim',
  pass: 'green',
  'not applicable': 'dim',
}

const titles: Readonly<Record<Section, string>> = {
  images: 'Images',
  services: 'Compose services',
  containers: 'Containers',
}

export function markOf({ status, accepted }: Finding): Mark {
  return accepted === undefined ? status : 'accepted'
}

/** The failures that make the exit code 1. */
export function failuresOf(findings: readonly Finding[], failOn: Severity): Finding[] {
  return findings.filter((finding) => markOf(finding) === 'fail' && atLeast(finding.severity, failOn))
}

export function countsOf(findings: readonly Finding[]): Record<Mark, number> {
  const counts = { fail: 0, warn: 0, unknown: 0, accepted: 0, pass: 0, 'not applicable': 0 }
  for (const finding of findings) counts[markOf(finding)]++
  return counts
}

export interface ReportOptions {
  readonly failOn: Severity
  /** Also what passed and what does not apply. */
  readonly verbose: boolean
  readonly sarif: string | undefined
}

export function renderReport(
  findings: readonly Finding[],
  { failOn, verbose, sarif }: ReportOptions,
  look: Look,
): string {
  const parts = sections.flatMap((section) => {
    const ofSection = findings.filter((finding) => finding.section === section)
    return ofSection.length === 0 ? [] : [renderSection(section, ofSection, verbose, look)]
  })
  const failures = failuresOf(findings, failOn).length
  const verdict =
    failures === 0
      ? paint(`No failure of severity ${failOn} or worse.`, ['bold', 'green'], look)
      : paint(`${plural(failures, 'failure')} of severity ${failOn} or worse.`, ['bold', 'red'], look)
  const written = sarif === undefined ? '' : ` SARIF is in ${sarif}.`
  return [...parts, `${verdict} In all ${describeCounts(findings, look)}.${written}`].join('\n\n')
}

function describeCounts(findings: readonly Finding[], look: Look): string {
  const counts = countsOf(findings)
  const words: Readonly<Record<Mark, string>> = {
    fail: 'failed',
    warn: counts.warn === 1 ? 'warning' : 'warnings',
    unknown: 'unknown',
    accepted: 'accepted',
    pass: 'passed',
    'not applicable': 'not applicable',
  }
  return marks
    .map((mark) => paint(`${counts[mark]} ${words[mark]}`, counts[mark] > 0 ? styles[mark] : 'dim', look))
    .join(', ')
}

const columns: readonly Column[] = [
  { title: 'result', whole: true },
  { title: 'rule', whole: true },
  { title: 'where' },
  { title: 'found' },
  { title: 'what to do, or why it is accepted' },
]

function renderSection(section: Section, findings: readonly Finding[], verbose: boolean, look: Look): string {
  const subjects = new Set(findings.map(({ subject }) => subject))
  const head = `${paint(titles[section], 'bold', look)} (${subjects.size}): ${describeCounts(findings, look)}`
  const shown = findings.filter((finding) => {
    const mark = markOf(finding)
    return verbose || (mark !== 'pass' && mark !== 'not applicable')
  })
  if (shown.length === 0) return head
  return `${head}\n\n${renderTable(columns, rowsOf(shown, look), look)}`
}

/** One row for what came of a rule in several places, the worst first. */
function rowsOf(findings: readonly Finding[], look: Look): string[][] {
  const groups = Map.groupBy(findings, (finding) =>
    JSON.stringify([finding.id, markOf(finding), finding.accepted]),
  )
  return [...groups.values()]
    .sort((a, b) => rankOf(a[0] as Finding) - rankOf(b[0] as Finding))
    .map((group) => {
      const first = group[0] as Finding
      const mark = markOf(first)
      return [
        paint(mark === 'fail' ? `${mark} (${first.severity})` : mark, styles[mark], look),
        first.id,
        group.map(({ subject }) => subject).join(', '),
        `${first.title}: ${foundIn(group)}`,
        first.accepted ?? (mark === 'fail' || mark === 'warn' ? first.fix : ''),
      ]
    })
}

/** Once where it is the same everywhere. */
function foundIn(group: readonly Finding[]): string {
  const all = new Set(group.map(({ found }) => found))
  if (all.size === 1) return group[0]?.found ?? ''
  return group.map(({ subject, found }) => `${subject} ${found}`).join('; ')
}

function rankOf(finding: Finding): number {
  return marks.indexOf(markOf(finding)) * severities.length + severities.indexOf(finding.severity)
}
