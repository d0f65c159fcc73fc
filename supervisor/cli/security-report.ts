// What `flowkeep security` prints. Pure.

import { type Look, paint, renderTable, wrap } from '../core/text-table.ts'
import { printable } from './printable.ts'

type Style = Parameters<typeof paint>[1]

export interface ReportedCheck {
  readonly id: string
  readonly title: string
  readonly severity: 'critical' | 'high' | 'medium' | 'low'
  readonly status: 'pass' | 'warn' | 'fail' | 'unknown'
  readonly found: string
  readonly expected: string
  readonly fix: string
  readonly accepted: boolean
}

export interface SecurityReport {
  /** The worst first. */
  readonly checks: readonly ReportedCheck[]
  readonly counts: Readonly<Record<ReportedCheck['status'], number>>
  /** Why the exit code is not 0; undefined when it is. */
  readonly verdict: string | undefined
  readonly network: ReportedNetwork | undefined
}

export interface ReportedNetwork {
  readonly listening: readonly {
    readonly address: string
    readonly port: number
    readonly allowed: boolean
  }[]
  readonly needed: readonly {
    readonly name: string
    readonly host: string
    readonly port: number
    readonly connected: boolean
  }[]
  readonly connections: readonly { readonly count: number; readonly for: string | null }[]
  readonly routes: readonly string[]
  readonly notes: readonly string[]
}

/** Lines for the findings on one screen, and how many are shown whole at least; the others are shown by name. */
const linesOfFindings = 28
const shownWholeMin = 5

const statusStyles: Readonly<Record<ReportedCheck['status'], Style>> = {
  pass: 'green',
  warn: 'yellow',
  fail: ['bold', 'red'],
  unknown: 'dim',
}

/** Ends without a newline. */
export function renderSecurity(report: SecurityReport, verbose: boolean, look: Look): string {
  const parts = verbose
    ? [renderAll(report.checks, look)]
    : [renderFindings(report.checks, look), renderUnknown(report.checks, look)]
  return [headline(report, look), ...parts, renderNetwork(report.network, look)]
    .filter((part) => part !== '')
    .join('\n\n')
}

function headline({ counts, verdict }: SecurityReport, look: Look): string {
  const warnings = counts.warn === 1 ? 'warning' : 'warnings'
  const words = { fail: 'failed', warn: warnings, unknown: 'unknown', pass: 'passed' } as const
  const counted = (['fail', 'warn', 'unknown', 'pass'] as const)
    .map((status) => paint(`${counts[status]} ${words[status]}`, statusStyles[status], look))
    .join(', ')
  const said =
    verdict === undefined
      ? paint('Closed enough', ['bold', 'green'], look)
      : paint(verdict, ['bold', 'red'], look)
  return `${said}: ${counted}`
}

function renderFindings(checks: readonly ReportedCheck[], look: Look): string {
  const findings = checks.filter(({ status }) => status === 'fail' || status === 'warn')
  if (findings.length === 0) return ''
  const tableOf = (count: number) => findingsTable(findings.slice(0, count), look)
  let shown = findings.length
  while (shown > shownWholeMin && tableOf(shown).split('\n').length > linesOfFindings) shown -= 1
  const table = tableOf(shown)
  const more = findings.slice(shown).map(({ id, title }) => `${id} ${title}`)
  if (more.length === 0) return table
  const rest = wrap(`And ${more.length} more (--verbose shows them): ${more.join('; ')}`, look.width)
  return `${table}\n\n${rest.join('\n')}`
}

function findingsTable(findings: readonly ReportedCheck[], look: Look): string {
  return renderTable(
    [
      { title: 'Check', style: 'bold', whole: true },
      { title: 'Severity', whole: true },
      { title: 'What was found' },
      { title: 'What to do', style: 'green' },
    ],
    findings.map((check) => [
      check.id,
      severityOf(check),
      printable(`${check.title}: ${check.found}`),
      check.fix,
    ]),
    look,
  )
}

/** A warning has the severity of its check in brackets: it is less than a failure of the same severity. */
function severityOf({ status, severity, accepted }: ReportedCheck): string {
  const word = status === 'warn' ? `(${severity})` : severity
  return accepted ? `${word}, accepted` : word
}

function renderUnknown(checks: readonly ReportedCheck[], look: Look): string {
  const unknown = checks.filter(({ status }) => status === 'unknown')
  if (unknown.length === 0) return ''
  const lines = unknown.map(({ id, title, found }) => printable(`${id} ${title}: ${found}`))
  return [
    paint('Unknown', 'bold', look),
    ...lines.flatMap((line) => wrap(line, look.width - 2)).map((line) => `  ${line}`),
  ].join('\n')
}

function renderAll(checks: readonly ReportedCheck[], look: Look): string {
  return renderTable(
    [
      { title: 'Check', style: 'bold', whole: true },
      { title: 'Status', whole: true },
      { title: 'Severity', whole: true },
      { title: 'What was found' },
      { title: 'Expected' },
      { title: 'What to do', style: 'green' },
    ],
    checks.map((check) => [
      check.id,
      check.status,
      severityOf({ ...check, status: 'fail' }),
      printable(`${check.title}: ${check.found}`),
      check.expected,
      check.status === 'pass' ? '' : check.fix,
    ]),
    look,
    '\n\n',
  )
}

function renderNetwork(network: ReportedNetwork | undefined, look: Look): string {
  if (!network) return ''
  const listening = network.listening.map(
    ({ address, port, allowed }) => `${address} port ${port}${allowed ? '' : ' (not meant to)'}`,
  )
  const needed = network.needed.map(
    ({ name, host, port, connected }) => `${name} at ${host} port ${port}${connected ? ', connected' : ''}`,
  )
  const rows = [
    ['listens', listening.join(', ') || 'nowhere'],
    ['needs', needed.join('; ') || 'nothing'],
    ['routes', network.routes.join(', ') || 'none'],
    ...network.notes.map((note) => ['note', note]),
  ]
  const label = 'listens  '.length
  const lines = rows.flatMap(([name = '', text = '']) =>
    wrap(printable(text), Math.max(20, look.width - label - 2)).map(
      (line, index) => `  ${paint((index === 0 ? name : '').padEnd(label), 'dim', look)}${line}`,
    ),
  )
  return [paint('Network', 'bold', look), ...lines].join('\n')
}
