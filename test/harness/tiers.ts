// The three tiers of tests: where their files are, how many run at once, how long they may take.

import { globSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { type FileLimits, runFiles } from './run-file.ts'
import { type TierName, tierNames } from './selection.ts'
import { casesOf, isWholeFile } from './tap-cases.ts'
import type { FileTime, Stage, TestCase } from './test-case.ts'

export type Outcome = Pick<Stage, 'cases' | 'times'>

interface Tier extends FileLimits {
  /** Processes at once. */
  readonly jobs: number
  /** Many files share a process, because starting one costs more than they do. */
  readonly shared?: true
}

const tiers: Readonly<Record<TierName, Tier>> = {
  // In memory and on loopback.
  unit: { jobs: Math.min(4, availableParallelism()), fileMs: 120_000, testMs: 30_000, shared: true },
  // Real processes and a real database.
  integration: { jobs: Math.min(2, availableParallelism()), fileMs: 300_000, testMs: 120_000 },
  // Most of their time they wait for what an engine does.
  container: { jobs: Math.min(2, availableParallelism()), fileMs: 1_200_000, testMs: 600_000 },
}

/** They take longest and begin first, so that nothing waits for them alone at the end. */
const longest: readonly string[] = [
  'test/container/stack.test.ts',
  'test/integration/prefect/outages.test.ts',
  'test/integration/chaos/supervisors.test.ts',
]

/** Every test file, as paths from the root of the checkout. */
export function findTestFiles(root: string): string[] {
  return globSync(
    tierNames.map((tier) => `test/${tier}/**/*.test.ts`),
    { cwd: root },
  ).sort()
}

/** @param finished called with the cases of each file as soon as it has ended */
export async function runTier(
  name: TierName,
  files: readonly string[],
  root: string,
  finished: (cases: readonly TestCase[]) => void,
): Promise<Outcome> {
  const tier = tiers[name]
  const ordered = [...files].sort((a, b) => Number(longest.includes(b)) - Number(longest.includes(a)))
  const waiting = tier.shared ? split(files, tier.jobs) : ordered.map((file) => [file])
  const cases: TestCase[] = []
  const times: FileTime[] = []
  async function worker(): Promise<void> {
    for (let group = waiting.shift(); group !== undefined; group = waiting.shift()) {
      const startedMs = performance.now()
      const ofGroup = casesOf(await runFiles(group, root, tier))
      const [file, ...more] = group
      if (more.length > 0 && ofGroup.some(isWholeFile)) {
        // One of them broke the process for all: each by itself tells which.
        waiting.push(...group.map((single) => [single]))
        continue
      }
      if (more.length === 0 && file !== undefined)
        times.push({ file, durationMs: performance.now() - startedMs })
      finished(ofGroup)
      cases.push(...ofGroup)
    }
  }
  await Promise.all(Array.from({ length: tier.jobs }, worker))
  return { cases: cases.sort((a, b) => a.file.localeCompare(b.file)), times }
}

function split(files: readonly string[], count: number): string[][] {
  const groups = Array.from({ length: count }, (_, offset) =>
    files.filter((_file, index) => index % count === offset),
  )
  return groups.filter((group) => group.length > 0)
}

/** The cases of files that cannot be run here. */
export function withoutRunning(
  files: readonly string[],
  outcome: 'skipped' | 'failed',
  reason: string,
): Outcome {
  const cases = files.map((file) => ({
    file,
    name: '(whole file)',
    outcome,
    ...(outcome === 'skipped' ? { reason, details: [] } : { details: [reason] }),
  }))
  return { cases, times: [] }
}
