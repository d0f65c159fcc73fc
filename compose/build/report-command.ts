// `flowkeepctl build --report`.

import { type Column, paint, renderTable } from '../../supervisor/core/text-table.ts'
import { plural, seconds } from '../host/figures.ts'
import type { Terminal } from '../host/terminal.ts'
import { type BuildEntry, readHistory } from './history.ts'
import { type BuildReport, reportOf, type Trend, trendBuildsMin } from './report.ts'

const buildsShown = 10
const columns: readonly Column[] = [
  { title: 'when', whole: true },
  { title: 'built' },
  { title: 'took', whole: true },
  { title: 'cached', whole: true },
  { title: 'why' },
  { title: 'longest on the way' },
]

/** @returns the exit code */
export function runReport(cacheDirectory: string, nowMs: number, terminal: Terminal): number {
  const entries = readHistory(cacheDirectory)
  const report = reportOf(entries, nowMs)
  if (terminal.json) terminal.print(JSON.stringify({ ...report, last: entries.slice(-buildsShown) }))
  else if (entries.length === 0) terminal.print('Nothing has been built from this checkout yet.')
  else terminal.print(render(entries.slice(-buildsShown), report, terminal))
  return 0
}

function render(last: readonly BuildEntry[], report: BuildReport, { look }: Terminal): string {
  const { builds, failed, cached, needless, trends, advice } = report
  return [
    renderTable(columns, last.map(rowOf), look),
    '',
    `${plural(builds, 'build')}, ${failed} failed, ${needless} without a change in any image; ${Math.round(cached * 100)} % of the steps from the cache.`,
    ...trends.map(describeTrend),
    ...(advice.length > 0 ? ['', paint('Advice', 'bold', look), ...advice.map((line) => `- ${line}`)] : []),
  ].join('\n')
}

function rowOf({ at, ok, targets, durationMs, steps, causes, options, critical }: BuildEntry): string[] {
  const longest = critical.reduce<BuildEntry['critical'][number] | undefined>(
    (a, b) => (a && a.ms >= b.ms ? a : b),
    undefined,
  )
  const why =
    causes.length > 1 ? `${causes[0]} and ${causes.length - 1} more` : (causes[0] ?? options.join(' '))
  return [
    at.slice(0, 16).replace('T', ' '),
    ok ? targets.join(', ') : `${targets.join(', ')} (failed)`,
    seconds(durationMs),
    `${steps.cached}/${steps.all}`,
    why,
    longest ? `${longest.name.replace(/\s+/g, ' ').slice(0, 60)} ${seconds(longest.ms)}` : '',
  ]
}

function describeTrend({ targets, builds, medianMs, recent }: Trend): string {
  const usual = `${targets}: ${seconds(medianMs)} (median of ${plural(builds, 'build')})`
  if (!recent) return `${usual}; too few for a trend, which takes ${trendBuildsMin}`
  return `${usual}; lately ${seconds(recent.medianMs)}, ${recent.verdict}`
}
