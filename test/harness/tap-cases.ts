// From the TAP a test file wrote, and from how its process ended, to its test cases. Pure.
// A case is a `t.test` at the top level of the file; assertions outside of one count only when they fail.
// A file always has at least one case, so that one that crashed, hung or ran nothing can't go unnoticed.

import { Parser, type Result } from 'tap-parser'
import type { TestCase } from './test-case.ts'

export interface FileRun {
  /** Path from the root of the checkout. */
  readonly file: string
  readonly tap: string
  readonly stderr: string
  readonly code: number | null
  readonly signal: string | null
  /** Set when the file was ended because it ran longer than this. */
  readonly timedOutAfterMs?: number
}

/** Lines of standard error that a failed file shows. */
const stderrLinesMax = 40

export function casesOf(run: FileRun): TestCase[] {
  const { cases, stray, skippedBecause, malformed } = parse(run)
  // Exit code 1 is how tap says that a case failed; any other ending is a failure of its own.
  const isExplained = run.code === 1 && cases.some(({ outcome }) => outcome === 'failed')
  const ending = isExplained && run.timedOutAfterMs === undefined ? undefined : endingOf(run)
  const problems = [...(ending ? [ending] : []), ...malformed]
  if (problems.length > 0) return [...cases, wholeFile(run, problems)]
  if (cases.length > 0) return cases
  if (skippedBecause !== undefined) return [skipped(run.file, wholeFileName, skippedBecause)]
  if (stray > 0) return [{ file: run.file, name: '(assertions)', outcome: 'passed', details: [] }]
  return [wholeFile(run, ['it ran no test'])]
}

interface Parsed {
  readonly cases: TestCase[]
  /** Passed assertions outside of any case. */
  readonly stray: number
  readonly skippedBecause: string | undefined
  /** What is wrong with the TAP itself: it bailed out, lacks its plan, or has not met it. */
  readonly malformed: readonly string[]
}

function parse({ file: first, tap }: FileRun): Parsed {
  let file = first
  const cases: TestCase[] = []
  let stray = 0
  let details: string[] = []
  const parser = new Parser()
  // Written by several-files.ts.
  parser.on('comment', (comment: string) => {
    file = /^# file (.+)\n$/.exec(comment)?.[1] ?? file
  })
  // Leaf assertions of any depth; they come before the test point that closes their case.
  parser.on('result', (result: Result) => {
    if (!result.ok && !result.todo && !result.skip) details.push(...describe(result))
  })
  parser.on('assert', (result: Result) => {
    if (result.skip) cases.push(skipped(file, result.name, reasonOf(result.skip)))
    else if (result.todo) cases.push(skipped(file, result.name, `to do: ${reasonOf(result.todo)}`))
    else if (!result.ok) {
      cases.push(failed(file, result.name, details.length > 0 ? details : describe(result)))
    } else if (result.closingTestPoint) {
      cases.push({ file, name: result.name, outcome: 'passed', details: [] })
    } else stray++
    details = []
  })
  parser.end(tap)
  const { plan, bailout, failures } = parser.results ?? { plan: undefined, bailout: false, failures: [] }
  const malformed = failures.flatMap(({ tapError }) =>
    tapError ? [`malformed test output: ${tapError}`] : [],
  )
  const reason = plan?.skipAll ? plan.skipReason : ''
  return {
    cases,
    stray,
    skippedBecause: reason && reason !== 'no tests found' ? reason : undefined,
    malformed: bailout ? [`bailed out: ${reasonOf(bailout)}`] : malformed,
  }
}

function endingOf({ timedOutAfterMs, signal, code }: FileRun): string | undefined {
  if (timedOutAfterMs !== undefined) return `it ran for more than ${timedOutAfterMs / 1000} s and was ended`
  if (signal !== null) return `it was ended by ${signal}`
  if (code !== 0) return `it ended with exit code ${code}`
  return undefined
}

function describe(result: Result): string[] {
  const diag: Record<string, unknown> = result.diag ?? {}
  const at = diag['at'] as { fileName?: string; lineNumber?: number; columnNumber?: number } | undefined
  const lines = [at?.fileName ? `${result.name} (${at.fileName}:${at.lineNumber})` : result.name]
  for (const key of ['diff', 'found', 'wanted', 'message', 'error', 'stack', 'signal', 'expired', 'test']) {
    const value = diag[key]
    if (value === undefined || value === '' || (key === 'stack' && 'diff' in diag)) continue
    const text = typeof value === 'string' ? value : JSON.stringify(value, null, 2)
    if (text.includes('\n'))
      lines.push(
        `${key}:`,
        ...text
          .trimEnd()
          .split('\n')
          .map((line) => `  ${line}`),
      )
    else lines.push(`${key}: ${text}`)
  }
  return lines
}

function lastLines(text: string): string[] {
  const lines = text.trimEnd().split('\n').filter(Boolean)
  return lines.length === 0
    ? []
    : ['standard error:', ...lines.slice(-stderrLinesMax).map((line) => `  ${line}`)]
}

function reasonOf(directive: string | boolean): string {
  return typeof directive === 'string' && directive !== '' ? directive : 'no reason given'
}

function skipped(file: string, name: string, reason: string): TestCase {
  return { file, name, outcome: 'skipped', reason, details: [] }
}

const wholeFileName = '(whole file)'

/** The process itself failed, whatever its cases say. */
export function isWholeFile({ name, outcome }: TestCase): boolean {
  return name === wholeFileName && outcome === 'failed'
}

function wholeFile({ file, stderr }: FileRun, problems: readonly string[]): TestCase {
  return failed(file, wholeFileName, [...problems, ...lastLines(stderr)])
}

function failed(file: string, name: string, details: readonly string[]): TestCase {
  return { file, name, outcome: 'failed', details }
}
