// The results of several inits side by side, for people.

import type { Init } from './inits.ts'
import type { Result } from './suite.ts'

export interface Column {
  readonly init: Init
  readonly version: string
  readonly results: readonly Result[]
}

const marks = { pass: 'pass', fail: 'FAIL', 'not applicable': '–' } as const

export function table(columns: readonly Column[]): string {
  const [first] = columns
  if (!first) return ''
  const names = columns.map(({ init }) => init.name)
  const nameWidth = Math.max(...first.results.map(({ name }) => name.length)) + 4
  const widths = names.map((name) => Math.max(name.length, 4) + 2)
  const row = (name: string, cells: readonly string[]) =>
    `${name.padEnd(nameWidth)}${cells.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join('')}`.trimEnd()

  const lines: string[] = []
  for (const { init, version } of columns)
    lines.push(`${init.name}: ${`${version} `.trimStart()}(${init.shown} CMD)`)
  let group: string | undefined
  for (const [index, result] of first.results.entries()) {
    if (result.group !== group) {
      group = result.group
      lines.push('', row(group, names))
    }
    const cells = columns.map(({ results }) => marks[results[index]?.outcome ?? 'fail'])
    lines.push(row(`  ${result.name}`, cells))
  }
  lines.push(
    '',
    row(
      'passed',
      columns.map(({ results }) => score(results)),
    ),
  )
  const reasons = columns.flatMap(({ init, results }) =>
    results
      .filter(({ outcome }) => outcome === 'fail')
      .map(({ group, name, reason }) => `  ${init.name}: ${group}: ${name}: ${reason}`),
  )
  if (reasons.length > 0) lines.push('', 'Why they fail', ...reasons)
  return lines.join('\n')
}

/** Of those that apply. */
function score(results: readonly Result[]): string {
  const applicable = results.filter(({ outcome }) => outcome !== 'not applicable')
  return `${applicable.filter(({ outcome }) => outcome === 'pass').length}/${applicable.length}`
}
