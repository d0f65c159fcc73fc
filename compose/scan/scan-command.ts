// `flowkeepctl scan`: every scanner that can look, one summary, one SARIF file, and an exit code by severity.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { sarifLog } from '../../supervisor/core/sarif.ts'
import { type Column, paint, renderTable } from '../../supervisor/core/text-table.ts'
import { plural } from '../host/figures.ts'
import type { Terminal } from '../host/terminal.ts'
import { atLeast, type Finding, type ScannerReport, type Severity, severities } from './finding.ts'
import { readImages } from './image-view.ts'
import { installedScanners, isInstalled, runScanner } from './installed-scanners.ts'
import { runOf, scanDockerfile, scanImage } from './own-scanners.ts'
import { scanDebian, scanNpm } from './package-scanners.ts'
import { checkPresent, type Subject, subjectsOf } from './subjects.ts'
import { writeSarif } from './write-sarif.ts'

export interface ScanOptions {
  readonly targets: readonly string[]
  /** Images that no target makes. */
  readonly images: readonly string[]
  /** Findings of this severity or worse fail the scan. */
  readonly severity: Severity
  /** Ids of rules whose findings are known and accepted. */
  readonly accepted: readonly string[]
  readonly sarif: string | undefined
}

export interface ScanPlace {
  readonly root: string
  readonly version: string
  /** ISO time. */
  readonly now: () => string
}

/** @returns the exit code: 1 when something of that severity was found */
export async function runScan(place: ScanPlace, options: ScanOptions, terminal: Terminal): Promise<number> {
  const accepted = new Set(options.accepted)
  const subjects = await subjectsOf(place.root, options)
  await checkPresent(subjects)
  const reports = await look(place.root, subjects, accepted, terminal)
  const time = place.now()
  if (options.sarif !== undefined) {
    const foreign = reports.flatMap(({ runs = [] }) => runs)
    writeSarif(options.sarif, sarifLog(runOf(reports, { version: place.version, time }), foreign))
  }
  const failures = reports
    .flatMap(({ findings }) => findings)
    .filter((finding) => !finding.accepted && atLeast(finding.severity, options.severity))
  if (terminal.json)
    terminal.print(JSON.stringify({ ok: failures.length === 0, time, reports: reports.map(plain) }))
  else terminal.print(render(reports, failures, options, terminal))
  return failures.length > 0 ? 1 : 0
}

async function look(
  root: string,
  subjects: readonly Subject[],
  accepted: ReadonlySet<string>,
  terminal: Terminal,
): Promise<ScannerReport[]> {
  const reports: ScannerReport[] = []
  terminal.status('  reading the images …')
  const views = await readImages(subjects.map(({ image }) => image))
  for (const [index, { image, file }] of subjects.entries()) {
    const view = views[index]
    if (view) reports.push(scanImage(view, file, accepted))
    else reports.push({ scanner: 'image', subject: image, skipped: 'it could not be read', findings: [] })
  }
  const files = subjects.filter(({ file }) => existsSync(join(root, file)))
  for (const { file, contexts } of files) {
    reports.push(scanDockerfile(file, readFileSync(join(root, file), 'utf8'), contexts, accepted))
  }
  terminal.status('  npm …')
  reports.push(await scanNpm(root))
  const asked = new Map<string, ScannerReport>()
  for (const [index, { image, file }] of subjects.entries()) {
    const packages = views[index]?.packages
    const same = packages === undefined ? undefined : asked.get(packages)
    if (same) {
      const findings = same.findings.map((finding) => ({ ...finding, subject: image, file }))
      reports.push({ ...same, subject: image, findings, note: `the packages of ${same.subject}` })
      continue
    }
    terminal.status(`  debian ${image} …`)
    const report = await scanDebian(image, file, caBundle())
    if (packages !== undefined) asked.set(packages, report)
    reports.push(report)
  }
  for (const scanner of installedScanners) {
    if (!isInstalled(scanner.name)) {
      reports.push({
        scanner: scanner.name,
        subject: '–',
        skipped: `${scanner.name} is not installed`,
        findings: [],
      })
      continue
    }
    for (const { image, file } of scanner.looksAt === 'image' ? subjects : files) {
      const subject = scanner.looksAt === 'image' ? image : file
      terminal.status(`  ${scanner.name} ${subject} …`)
      reports.push(await runScanner(scanner, subject, file, accepted, root))
    }
  }
  terminal.status('')
  return reports
}

/** As images/build-secrets.sh finds it. */
function caBundle(): string | undefined {
  const { NODE_EXTRA_CA_CERTS, SSL_CERT_FILE } = process.env
  const places = [NODE_EXTRA_CA_CERTS, SSL_CERT_FILE, '/etc/ssl/certs/ca-certificates.crt']
  return places.find((path): path is string => path !== undefined && path !== '' && existsSync(path))
}

const columns: readonly Column[] = [
  { title: 'scanner', whole: true },
  { title: 'looked at' },
  ...severities.map((title) => ({ title, whole: true }) as const),
  { title: 'remarks' },
]

function render(
  reports: readonly ScannerReport[],
  failures: readonly Finding[],
  { severity, sarif }: ScanOptions,
  { look }: Terminal,
): string {
  const found = reports.flatMap(({ findings }) => findings)
  const skipped = reports.filter((report) => report.skipped !== undefined).length
  const worst = [...found].sort((a, b) => severities.indexOf(a.severity) - severities.indexOf(b.severity))
  return [
    renderTable(columns, reports.map(rowOf), look),
    ...(worst.length > 0
      ? ['', ...worst.slice(0, findingsShown).map((finding) => lineOf(finding, look))]
      : []),
    ...(worst.length > findingsShown
      ? [`… and ${worst.length - findingsShown} more (--json has all of them)`]
      : []),
    '',
    `${plural(found.length, 'finding')}, ${failures.length} of severity ${severity} or worse; ${plural(skipped, 'look')} skipped.${sarif === undefined ? '' : ` SARIF is in ${sarif}.`}`,
  ].join('\n')
}

const findingsShown = 40

function rowOf({ scanner, subject, findings, skipped, note }: ScannerReport): string[] {
  const counts = severities.map((severity) => {
    const count = findings.filter((finding) => finding.severity === severity && !finding.accepted).length
    return skipped === undefined ? String(count) : ''
  })
  const accepted = findings.filter((finding) => finding.accepted).length
  const remarks = [
    skipped === undefined ? '' : `skipped: ${skipped}`,
    note ?? '',
    accepted > 0 ? `${accepted} accepted` : '',
  ].filter((text) => text !== '')
  return [scanner, subject, ...counts, remarks.join('; ')]
}

function lineOf({ rule, severity, message, subject, accepted }: Finding, look: Terminal['look']): string {
  const mark = accepted ? 'accepted' : severity
  const style = accepted ? 'dim' : severity === 'critical' || severity === 'high' ? 'red' : 'yellow'
  return `${paint(mark.padEnd(8), style, look)}  ${rule.padEnd(6)}  ${subject}: ${message}`
}

function plain({ runs: _, rules: __, ...report }: ScannerReport): object {
  return report
}
