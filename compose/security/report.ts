// What `flowkeepctl security` prints. Pure.

import { type Look, paint, wrap } from '../../supervisor/core/text-table.ts'
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

function renderSection(section: Section, findings: readonly Finding[], verbose: boolean, look: Look): string {
  const subjects = new Set(findings.map(({ subject }) => subject))
  const head = `${paint(titles[section], 'bold', look)} (${subjects.size}): ${describeCounts(findings, look)}`
  const shown = findings.filter((finding) => {
    const mark = markOf(finding)
    return verbose || (mark !== 'pass' && mark !== 'not applicable')
  })
  const groups = Map.groupBy(shown, (finding) =>
    JSON.stringify([finding.id, markOf(finding), finding.accepted]),
  )
  const blocks = [...groups.values()]
    .sort((a, b) => rankOf(a[0] as Finding) - rankOf(b[0] as Finding))
    .map((group) => renderGroup(group, look))
  return [head, ...blocks].join('\n\n')
}

const indent = '    '

/** What came of one rule in several places: each, and what to do about all. */
function renderGroup(group: readonly Finding[], look: Look): string {
  const first = group[0] as Finding
  const mark = markOf(first)
  const label = mark === 'fail' ? `${mark} (${first.severity})` : mark
  const alike = Map.groupBy(group, ({ found }) => found)
  const places = [...alike].map(([found, all]) => `${all.map(({ subject }) => subject).join(', ')}: ${found}`)
  const lines = [...places, ...notesOf(first)].flatMap((text) => wrap(text, look.width - indent.length))
  const from = paint(`(${first.from.join(', ')})`, 'dim', look)
  return [
    `${paint(label, styles[mark], look)}  ${paint(first.id, 'bold', look)}  ${first.title} ${from}`,
    ...lines.map((line) => `${indent}${line}`),
  ].join('\n')
}

function notesOf(finding: Finding): string[] {
  const { accepted, expected, fix } = finding
  const mark = markOf(finding)
  if (accepted !== undefined) return [`accepted: ${accepted}`]
  if (mark === 'pass' || mark === 'not applicable') return []
  return [`expected: ${expected}`, ...(mark === 'unknown' ? [] : [`→ ${fix}`])]
}

function rankOf(finding: Finding): number {
  return marks.indexOf(markOf(finding)) * severities.length + severities.indexOf(finding.severity)
}
