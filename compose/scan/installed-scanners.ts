// Scanners that are called where they are installed: each prints SARIF.

import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { lastLine } from '../host/docker.ts'
import { capture } from '../host/run.ts'
import { type Finding, type ScannerReport, type Severity, severityOfScore } from './finding.ts'

interface InstalledScanner {
  readonly name: string
  readonly looksAt: 'image' | 'dockerfile'
  readonly args: (subject: string) => readonly string[]
  /** Prints something about its database. */
  readonly databaseArgs?: readonly string[]
}

export const installedScanners: readonly InstalledScanner[] = [
  {
    name: 'trivy',
    looksAt: 'image',
    args: (image) => ['image', '--quiet', '--format', 'sarif', image],
    databaseArgs: ['version', '--format', 'json'],
  },
  {
    name: 'grype',
    looksAt: 'image',
    args: (image) => ['--quiet', '--output', 'sarif', `docker:${image}`],
    databaseArgs: ['db', 'status', '-o', 'json'],
  },
  { name: 'dockle', looksAt: 'image', args: (image) => ['--format', 'sarif', '--quiet', image] },
  { name: 'hadolint', looksAt: 'dockerfile', args: (file) => ['--no-fail', '--format', 'sarif', file] },
]

const scannerMs = 600_000

export function isInstalled(name: string, path = process.env['PATH'] ?? ''): boolean {
  return path.split(delimiter).some((folder) => folder !== '' && existsSync(join(folder, name)))
}

/** @param file the one that is to be mended */
export async function runScanner(
  { name, args, databaseArgs }: InstalledScanner,
  subject: string,
  file: string,
  accepted: ReadonlySet<string>,
  root: string,
): Promise<ScannerReport> {
  const base = { scanner: name, subject, findings: [] }
  const { code, stdout, stderr } = await capture(name, args(subject), { cwd: root, timeoutMs: scannerMs })
  const runs = runsIn(stdout)
  if (!runs)
    return {
      ...base,
      skipped: `${name} could not look: ${lastLine(stderr).slice(0, 200) || `exit code ${code}`}`,
    }
  const note = databaseArgs && databaseAge((await capture(name, databaseArgs, { cwd: root })).stdout)
  return {
    ...base,
    findings: runs.flatMap((run) => findingsOf(run, subject, file, accepted)),
    runs,
    ...(note && { note }),
  }
}

interface Run {
  readonly tool?: { readonly driver?: { readonly rules?: readonly Rule[] } }
  readonly results?: readonly {
    readonly ruleId?: string
    readonly level?: string
    readonly message?: { readonly text?: string }
  }[]
}

interface Rule {
  readonly id: string
  readonly properties?: Readonly<Record<string, unknown>>
  readonly defaultConfiguration?: { readonly level?: string }
}

function runsIn(stdout: string): Run[] | undefined {
  try {
    const { runs } = JSON.parse(stdout) as { runs?: unknown }
    return Array.isArray(runs) ? (runs as Run[]) : undefined
  } catch {
    return undefined
  }
}

export function findingsOf(
  run: Run,
  subject: string,
  file: string,
  accepted: ReadonlySet<string>,
): Finding[] {
  const rules = new Map((run.tool?.driver?.rules ?? []).map((rule) => [rule.id, rule]))
  return (run.results ?? []).map(({ ruleId = '?', level, message }) => {
    const rule = rules.get(ruleId)
    return {
      rule: ruleId,
      severity: severityOf(rule, level ?? rule?.defaultConfiguration?.level),
      message: (message?.text ?? '').replace(/\s+/g, ' ').trim(),
      subject,
      file,
      accepted: accepted.has(ruleId),
    }
  })
}

/** By the score that code scanning reads, where a rule has one; linters have levels only. */
function severityOf(rule: Rule | undefined, level: string | undefined): Severity {
  const score = Number(rule?.properties?.['security-severity'])
  if (Number.isFinite(score)) return severityOfScore(score)
  if (level === 'error') return 'high'
  return level === 'warning' ? 'medium' : 'low'
}

/** A database of last month finds nothing of this one: its date belongs beside the result. */
function databaseAge(text: string): string | undefined {
  const date = /"(?:UpdatedAt|built)":\s*"([^"]+)"/.exec(text)?.[1]
  return date === undefined ? undefined : `its database is of ${date.slice(0, 10)}`
}
