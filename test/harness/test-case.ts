// What a test run is made of, whichever tool ran it.

export interface TestCase {
  /** The test file, or the stage where there is no file (`lint`). */
  readonly file: string
  readonly name: string
  readonly outcome: 'passed' | 'failed' | 'skipped'
  /** Why it was skipped. */
  readonly reason?: string
  /** Lines for a person: what was found and expected, and where. Empty unless it failed. */
  readonly details: readonly string[]
}

export interface FileTime {
  readonly file: string
  readonly durationMs: number
}

export interface Stage {
  /** `lint`, `unit`, … */
  readonly name: string
  readonly durationMs: number
  readonly cases: readonly TestCase[]
  /** How long each test file took, in any order. */
  readonly times: readonly FileTime[]
}

export interface Counts {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

export function count(cases: readonly TestCase[]): Counts {
  const counts = { passed: 0, failed: 0, skipped: 0 }
  for (const { outcome } of cases) counts[outcome]++
  return counts
}
