// The end of a test run as text: failures first, then skips, then times, then the one line that scripts read. Pure.

import { count, type FileTime, type Stage, type TestCase } from './test-case.ts'

/** Test files of each tier that are named as the slowest. */
const slowestShown = 3

/** The last line is exactly `N passed, N failed, N skipped`. */
export function report(stages: readonly Stage[]): string[] {
  const cases = stages.flatMap((stage) => stage.cases)
  const { passed, failed, skipped } = count(cases)
  return [
    ...failuresOf(cases),
    ...skipsOf(cases),
    ...timesOf(stages),
    `${passed} passed, ${failed} failed, ${skipped} skipped`,
  ]
}

/** A run that tested nothing has not passed. */
export function exitCodeOf(stages: readonly Stage[]): 0 | 1 {
  const { passed, failed } = count(stages.flatMap((stage) => stage.cases))
  return failed === 0 && passed > 0 ? 0 : 1
}

/** One failed case, with what a person needs to see to mend it. */
export function failureLines({ file, name, details }: TestCase): string[] {
  return [`✗ ${file} › ${name}`, ...details.map((line) => `    ${line}`)]
}

function failuresOf(cases: readonly TestCase[]): string[] {
  const failures = cases.filter(({ outcome }) => outcome === 'failed')
  if (failures.length === 0) return []
  return ['', 'FAILED', ...failures.flatMap(failureLines)]
}

function skipsOf(cases: readonly TestCase[]): string[] {
  const skips = cases.filter(({ outcome }) => outcome === 'skipped')
  if (skips.length === 0) return []
  return ['', 'SKIPPED', ...skips.map(({ file, name, reason }) => `- ${file} › ${name}: ${reason}`)]
}

function timesOf(stages: readonly Stage[]): string[] {
  const width = Math.max(0, ...stages.map(({ name }) => name.length))
  const lines = stages.flatMap(({ name, durationMs, cases, times }) => {
    const { passed, failed, skipped } = count(cases)
    const counts = `${passed} passed, ${failed} failed, ${skipped} skipped`
    const line = `${name.padEnd(width)} ${seconds(durationMs).padStart(7)} s  ${counts}`
    return times.length > slowestShown ? [line, ...slowestOf(times)] : [line]
  })
  return ['', ...lines, '']
}

function slowestOf(times: readonly FileTime[]): string[] {
  const slowest = times.toSorted((a, b) => b.durationMs - a.durationMs).slice(0, slowestShown)
  return slowest.map(({ file, durationMs }) => `    ${seconds(durationMs)} s in ${file}`)
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(1)
}
