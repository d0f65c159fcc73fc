// Known weaknesses of packages, asked where they are published: npm's advisories for package-lock.json, Debian's
// security suite for the packages of an image. Where that can't be asked, the scan says so and why.

import type { SarifRule } from '../../supervisor/core/sarif.ts'
import { lastLine } from '../host/docker.ts'
import { capture } from '../host/run.ts'
import type { Finding, ScannerReport, Severity } from './finding.ts'

const npmMs = 60_000
const aptMs = 180_000

const npmRules: readonly SarifRule[] = (['critical', 'high', 'medium', 'low'] as const).map((severity) => ({
  id: `N-${severity}`,
  title: `No npm package with a known weakness (${severity})`,
  severity,
  expected: 'no advisory for a version in package-lock.json',
  fix: 'npm audit fix, or take another package',
}))

interface Audit {
  readonly error?: { readonly code?: string; readonly summary?: string }
  readonly message?: string
  readonly vulnerabilities?: Readonly<
    Record<string, { readonly severity: string; readonly range: string; readonly via: readonly unknown[] }>
  >
}

/** What ships is the production packages. */
export async function scanNpm(root: string): Promise<ScannerReport> {
  const base = { scanner: 'npm', subject: 'package-lock.json', findings: [] }
  const args = ['audit', '--json', '--omit=dev', '--package-lock-only']
  const { stdout, stderr } = await capture('npm', args, { cwd: root, timeoutMs: npmMs })
  const audit = parse(stdout)
  if (!audit?.vulnerabilities) {
    const why =
      audit?.message ?? audit?.error?.summary ?? (lastLine(stderr) || `no answer within ${npmMs / 1000} s`)
    return { ...base, skipped: `npm's advisories can't be asked: ${why}` }
  }
  return { ...base, findings: npmFindings(audit), rules: npmRules }
}

export function npmFindings({ vulnerabilities = {} }: Audit): Finding[] {
  return Object.entries(vulnerabilities).map(([name, { severity, range, via }]) => {
    const told = severity === 'moderate' ? 'medium' : severity === 'info' ? 'low' : (severity as Severity)
    const titles = via.map((cause) =>
      typeof cause === 'string' ? `by way of ${cause}` : String((cause as { title?: unknown }).title ?? ''),
    )
    return {
      rule: `N-${told}`,
      severity: told,
      message: `${name} ${range}: ${titles.join('; ')}`,
      subject: name,
      file: 'package-lock.json',
      accepted: false,
    }
  })
}

function parse(text: string): Audit | undefined {
  try {
    return JSON.parse(text) as Audit
  } catch {
    return undefined
  }
}

const debianRules: readonly SarifRule[] = [
  {
    id: 'P01',
    title: 'Debian has no security update for a package of the image',
    severity: 'high',
    expected: 'nothing in the security suite that is newer than what is installed',
    fix: 'flowkeepctl build --no-cache --pull',
  },
  {
    id: 'P02',
    title: 'Debian has no other update for a package of the image',
    severity: 'low',
    expected: 'nothing newer in the suites that the image names',
    fix: 'flowkeepctl build --no-cache --pull',
  },
]

/**
 * Asks apt in a container of the image, which is thrown away: what it would upgrade, and from which suite.
 * @param caBundle the host's, so that a mirror behind an authority of its own is reached; undefined for none
 */
export async function scanDebian(
  image: string,
  file: string,
  caBundle: string | undefined,
): Promise<ScannerReport> {
  const base = { scanner: 'debian', subject: image, findings: [] }
  // 9 says that there is nothing to ask.
  const script =
    'command -v apt-get >/dev/null || exit 9; apt-get -qq update >/dev/null && apt-get -s -o Debug::NoLocking=1 dist-upgrade'
  const mount =
    caBundle === undefined ? [] : ['--volume', `${caBundle}:/etc/ssl/certs/ca-certificates.crt:ro`]
  const container = [
    'run',
    '--rm',
    '--user=0',
    '--entrypoint=sh',
    '--pull=never',
    ...mount,
    image,
    '-c',
    script,
  ]
  const { code, stdout, stderr } = await capture('docker', container, { timeoutMs: aptMs })
  if (code === 9) return { ...base, skipped: 'the image has no apt' }
  if (/executable file not found|no such file or directory/i.test(stderr) && code >= 125) {
    return { ...base, skipped: 'the image has no shell to ask apt with' }
  }
  if (code !== 0 || /^(?:E|W): .*(?:Failed to fetch|Some index files failed)/m.test(stderr)) {
    const why = /^[EW]: .*$/m.exec(stderr)?.[0] ?? (lastLine(stderr) || `no answer within ${aptMs / 1000} s`)
    return { ...base, skipped: `Debian's package lists can't be had: ${why.slice(0, 200)}` }
  }
  return { ...base, findings: debianFindings(stdout, image, file), rules: debianRules }
}

/** Lines such as `Inst libssl3 [3.0.1] (3.0.2 Debian-Security:13/stable-security [amd64])`. */
export function debianFindings(simulation: string, image: string, file: string): Finding[] {
  const lines = simulation.matchAll(/^Inst (\S+) \[([^\]]+)\] \((\S+) ([^)[]*)/gm)
  return [...lines].map(([, name = '', old = '', recent = '', origin = '']) => {
    const isSecurity = /security/i.test(origin)
    return {
      rule: isSecurity ? 'P01' : 'P02',
      severity: isSecurity ? 'high' : 'low',
      message: `${name} ${old} is installed, ${recent} is there (${origin.trim()})`,
      subject: image,
      file,
      accepted: false,
    }
  })
}
