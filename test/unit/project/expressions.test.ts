// No regular expression of the supervisor may be led into backtracking by what it is given: each literal in the
// source that repeats something is run against long hostile strings. One that does not come back is cut off and named.
// The others look at each place for a time that has a bound, whatever the string.

import { globSync, readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { join } from 'node:path'
import { createContext, Script } from 'node:vm'
import { parse } from 'acorn'
import t from 'tap'
import { checkout } from '../../harness/checkout.ts'

const hostileChars = 100_000
/** Far above what a linear expression needs; only one that backtracks comes near. */
const cutOffMs = 2_000

interface Expression {
  readonly place: string
  readonly source: string
  readonly flags: string
}

/** Something as often as it comes. A class or an escaped character is not told apart: one too many does no harm. */
const repeats = /[*+]|\{\d+,\}/

function expressionsOf(path: string): Expression[] {
  const found: Expression[] = []
  const code = stripTypeScriptTypes(readFileSync(join(checkout, path), 'utf8'))
  visit(parse(code, { ecmaVersion: 'latest', sourceType: 'module', locations: true }))
  return found

  function visit(node: unknown): void {
    if (Array.isArray(node)) {
      for (const each of node) visit(each)
      return
    }
    if (typeof node !== 'object' || node === null) return
    const { regex, loc } = node as {
      regex?: { pattern: string; flags: string }
      loc?: { start: { line: number } }
    }
    if (regex) found.push({ place: `${path}:${loc?.start.line}`, source: regex.pattern, flags: regex.flags })
    for (const value of Object.values(node)) visit(value)
  }
}

/** Long runs of what the expressions here look for, with and without an end that fits. */
const pieces = [
  'a',
  'A',
  '0',
  ' ',
  '\t',
  '\n',
  '/',
  '%',
  '%4',
  '-',
  '.',
  ':',
  '@',
  '"',
  '\\',
  '(',
  ')',
  '=',
  'a0',
  'a.',
  ') ',
  'a=',
  '1 ',
  'é',
  '\u2028',
]
const hostile = pieces.flatMap((piece) => {
  const run = piece.repeat(Math.ceil(hostileChars / piece.length))
  return [run, `${run}\u0000`, `postgres://${run}`, `CONTAINER_${run}!`]
})

t.test('R7 no regular expression of the supervisor can be made to backtrack', async (t) => {
  const files = globSync('supervisor/**/*.ts', { cwd: checkout })
  const expressions = files.flatMap(expressionsOf).filter(({ source }) => repeats.test(source))
  t.ok(expressions.length > 50, `${expressions.length} expressions were found`)
  const context = createContext({ hostile })
  const hanging: string[] = []
  for (const { place, source, flags } of expressions) {
    const once = flags.replace(/[gy]/g, '')
    const script = new Script(
      `{ const expression = new RegExp(${JSON.stringify(source)}, ${JSON.stringify(once)});
         for (const text of hostile) expression.test(text) }`,
    )
    try {
      script.runInContext(context, { timeout: cutOffMs })
    } catch {
      hanging.push(`${place} /${source}/${flags}`)
    }
  }
  t.same(hanging, [])
})
