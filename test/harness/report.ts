// The end of a test run as text: failures first, then skips, then times, then the one line that scripts read. Pure.

import { count, type Stage, type TestCase } from './test-case.ts'

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
  const lines = stages.map(({ name, durationMs, cases }) => {
    const { passed, failed, skipped } = count(cases)
    const seconds = (durationMs / 1000).toFixed(1).padStart(7)
    return `${name.padEnd(width)} ${seconds} s  ${passed} passed, ${failed} failed, ${skipped} skipped`
  })
  return ['', ...lines, '']
}
