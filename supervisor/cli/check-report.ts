// What `flowkeep check` says, and what a refused start leaves on standard error. Pure.

import { breaksNoWord, type Column, type Look, paint, renderTable, wrap } from '../core/text-table.ts'

export interface ReportedProblem {
  readonly variable: string
  readonly found?: string
  readonly expected: string
  readonly hint?: string
}

export interface ReportedSetting {
  readonly path: string
  /** Masked where it is secret. */
  readonly value: string | number | boolean | null
  readonly source: string
}

/** Ends without a newline. */
export function renderProblems(problems: readonly ReportedProblem[], look: Look): string {
  const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`
  const title = paint(`The configuration is refused: ${count}`, ['bold', 'red'], look)
  const rows = problems.map(({ variable, found, expected, hint }) => [
    variable,
    found ?? '–',
    expected,
    hint ?? '–',
  ])
  const body = breaksNoWord(columns, rows, look)
    ? renderTable(columns, rows, look, '\n\n')
    : problemList(problems, look)
  return `${title}\n\n${body}`
}

const columns: readonly Column[] = [
  { title: 'Variable', style: 'bold', whole: true },
  { title: 'Found', style: 'red' },
  { title: 'Expected' },
  { title: 'What to do', style: 'green' },
]

function problemList(problems: readonly ReportedProblem[], look: Look): string {
  const label = 'what to do  '.length
  const blocks = problems.map(({ variable, found, expected, hint }) => [
    paint(variable, 'bold', look),
    ...field('found', found, 'red'),
    ...field('expected', expected),
    ...field('what to do', hint, 'green'),
  ])
  return blocks.map((lines) => lines.join('\n')).join('\n\n')

  function field(name: string, text: string | undefined, style?: 'red' | 'green'): string[] {
    if (text === undefined) return []
    const lines = wrap(text, Math.max(20, look.width - label - 2))
    return lines.map(
      (line, index) => `  ${(index === 0 ? name : '').padEnd(label)}${paint(line, style, look)}`,
    )
  }
}

/** For a configuration without problems: what a person would want to see confirmed. Ends without a newline. */
export function renderAccepted(settings: readonly ReportedSetting[], look: Look): string {
  const at = (path: string) => String(settings.find((setting) => setting.path === path)?.value ?? '–')
  const rows = [
    ['flow', `${at('flow.name')} (${at('environment')})`],
    ...connections('databases', 'database'),
    ...connections('services', 'service'),
    ['http', `${at('http.host')} port ${at('http.port')}`],
    ['gate', `waits up to ${at('gate.timeout')}`],
    ['restart', `${at('restart.policy')}, at most ${at('restart.max')} in ${at('restart.window')}`],
    ['stop', `${at('stop.signal')}, ${at('stop.grace')} of grace, ${at('stop.drain')} of it to drain`],
    ['set by', sources()],
  ]
  const label = Math.max(...rows.map(([name]) => name?.length ?? 0)) + 2
  const lines = rows.flatMap(([name = '', text = '']) =>
    wrap(text, Math.max(20, look.width - label - 2)).map(
      (line, index) => `  ${paint((index === 0 ? name : '').padEnd(label), 'dim', look)}${line}`,
    ),
  )
  return [paint('The configuration is sound', ['bold', 'green'], look), '', ...lines].join('\n')

  function connections(section: string, name: string): string[][] {
    const urls = settings.filter(({ path }) => path.startsWith(`${section}.`) && path.endsWith('.url'))
    return urls.map(({ path, value }) => {
      const group = path.slice(section.length + 1, -'.url'.length)
      const optional = at(`${section}.${group}.required`) === 'false' ? ' (optional)' : ''
      return [name, `${group} at ${value}${optional}`]
    })
  }

  function sources(): string {
    const words = {
      environment: 'environment',
      file: 'files',
      config_file: 'configuration file',
      default: 'default',
    }
    return Object.entries(words)
      .map(
        ([source, word]) => [settings.filter((setting) => setting.source === source).length, word] as const,
      )
      .filter(([count]) => count > 0)
      .map(([count, word]) => `${count} by ${word}`)
      .join(', ')
  }
}
