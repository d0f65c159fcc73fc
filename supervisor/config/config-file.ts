// Reads `NAME=value` lines. A value may stand in quotes, which keep its spaces; nothing in it is escaped or expanded,
// and a # begins a comment only at the start of a line, since passwords have it too.
// What is wrong is told by line number. The line itself is never repeated: it may be half of a secret.

import { configFileVariable as variable } from './names.ts'
import { type Problem, problem } from './problem.ts'

export interface ConfigFileValue {
  readonly text: string
  readonly line: number
}

export interface ConfigFile {
  readonly values: ReadonlyMap<string, ConfigFileValue>
  readonly problems: readonly Problem[]
}

const expectedLine = 'lines of the form NAME=value with a CONTAINER_ name, # comments and empty lines'

/** @param path for the problems only */
export function parseConfigFile(content: string, path: string): ConfigFile {
  const values = new Map<string, ConfigFileValue>()
  const problems: Problem[] = []
  for (const [index, raw] of content.split(/\r\n|\n/).entries()) {
    const line = index + 1
    const text = raw.trim()
    if (text === '' || text.startsWith('#')) continue
    const wrong = readLine(text, line)
    if (wrong)
      problems.push(
        problem(wrong.name ?? variable, `line ${line} of ${path} ${wrong.what}`, expectedLine, wrong.hint),
      )
  }
  return { values, problems }

  function readLine(text: string, line: number): { what: string; name?: string; hint?: string } | undefined {
    const equals = text.indexOf('=')
    if (equals === -1) return { what: 'has no "="' }
    const name = text.slice(0, equals).trimEnd()
    if (/^export\s/.test(name)) return { what: 'begins with "export"', hint: 'Leave "export" out.' }
    if (!/^CONTAINER_[A-Za-z0-9_]{1,200}$/.test(name))
      return { what: 'sets a name that does not begin with CONTAINER_' }
    if (name === variable)
      return { what: 'names another configuration file', hint: 'Set it in the environment.' }
    const earlier = values.get(name)
    if (earlier)
      return { name, what: `sets it again after line ${earlier.line}`, hint: 'Keep one of the two lines.' }
    const value = unquote(text.slice(equals + 1).trimStart())
    if (value === undefined) {
      return {
        name,
        what: 'has a quote that is not closed at the end of the line',
        hint: 'Close it, or leave both out.',
      }
    }
    values.set(name, { text: value, line })
    return undefined
  }
}

/** Undefined when a quote at the beginning is not closed exactly at the end. */
function unquote(text: string): string | undefined {
  const quote = text[0]
  if (quote !== '"' && quote !== "'") return text
  return text.length >= 2 && text.indexOf(quote, 1) === text.length - 1 ? text.slice(1, -1) : undefined
}
