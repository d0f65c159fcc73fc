// What the demo found, as a table, and the verdict with everything that is missing.

import { styleText } from 'node:util'
import type { LogRecords } from '../harness/log-records.ts'
import type { Step } from './board.ts'
import { type DataFile, linesOf, recordCount } from './data-file.ts'
import { formatBytes, formatCount, formatMs } from './format.ts'
import type { Figures } from './story.ts'
import type { Watch } from './watch.ts'

export interface Findings {
  readonly files: readonly DataFile[]
  readonly steps: readonly Step[]
  readonly figures: Figures
  readonly records: LogRecords
  readonly watch: Watch
  /** What must be found in no log. */
  readonly secret: string
}

/** One line for each thing that was promised and not seen. */
export function whatIsMissing(findings: Findings): string[] {
  const { figures, records, steps, watch, secret } = findings
  const problems = steps.flatMap(({ title, state, detail }) => {
    if (state === 'done') return []
    return [state === 'failed' ? `${title}: ${detail}` : `${title}: not reached`]
  })
  const expect = (isSo: boolean, problem: string) => {
    if (!isSo) problems.push(problem)
  }
  const invalid = invalidLines(records)
  expect(invalid === 0, `${invalid} lines of the log are not what they must be`)
  expect(
    !records.all.some((record) => JSON.stringify(record).includes(secret)),
    "the log shows the database's password",
  )
  expect(
    watch.unanswered.length === 0,
    `${watch.unanswered.length} requests failed, such as: ${watch.unanswered[0]}`,
  )
  const {
    zombiesLeft = 0,
    processesLeft = 0,
    flowStarts = 2,
    unexpectedEvents = 0,
    logLinesDropped = 0,
  } = figures
  expect(zombiesLeft === 0, `${zombiesLeft} zombies at the end`)
  expect(processesLeft === 0, `${processesLeft} processes outlive the supervisor`)
  expect(flowStarts === 2, `the flow was started ${flowStarts} times instead of twice`)
  expect(unexpectedEvents === 0, `${unexpectedEvents} events that the lifecycle does not know`)
  expect(logLinesDropped === 0, `${logLinesDropped} lines of the log were dropped`)
  expect(figures.queuedMost !== 0, 'nothing was queued while the database was away')
  return [...problems, ...whatTheDatabaseLacks(findings)]
}

function whatTheDatabaseLacks({ figures: { audit } }: Findings): string[] {
  if (!audit) return []
  const { lost, duplicated, differing, miscounted } = audit
  return [
    ...(lost > 0 ? [`${lost} lines are lost`] : []),
    ...(duplicated > 0 ? [`${duplicated} lines are duplicated`] : []),
    ...(differing > 0 ? [`${differing} rows differ from their lines`] : []),
    ...miscounted,
  ]
}

export function renderReport(findings: Findings, missing: readonly string[]): string {
  const rows = tableRows(findings)
  const width = Math.max(...rows.map(([name]) => name.length))
  const table = rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`)
  const verdict =
    missing.length === 0
      ? styleText(
          'green',
          'PASSED: every line is accounted for exactly once, and everything promised was seen.',
        )
      : styleText('red', ['FAILED:', ...missing.map((problem) => `  - ${problem}`)].join('\n'))
  return ['', ...table, '', verdict, ''].join('\n')
}

function tableRows({ files, figures, records, watch }: Findings): [string, string][] {
  const { audit } = figures
  const lines = files.reduce((sum, file) => sum + linesOf(file).length, 0)
  const reasons = Object.entries(audit?.rejectsByReason ?? {}).sort()
  const known = <T>(value: T | undefined, format: (value: T) => string) =>
    value === undefined ? 'unknown' : format(value)
  const invalid = invalidLines(records)
  return [
    ['files', `${files.length}, ${formatCount(lines)} lines`],
    ['rows read', `${formatCount(recordCount(files))} (counted in the files)`],
    ['rows stored', known(audit?.rows, formatCount)],
    [
      'rows rejected',
      known(audit?.rejects, formatCount) +
        (reasons.length > 0 ? ` (${reasons.map(([reason, count]) => `${reason} ${count}`).join(', ')})` : ''),
    ],
    ['lines lost', known(audit?.lost, formatCount)],
    ['lines duplicated', known(audit?.duplicated, formatCount)],
    ['rows that differ from the file', known(audit?.differing, formatCount)],
    ['flow starts, restarts', known(figures.flowStarts, (starts) => `${starts}, ${starts - 1}`)],
    ['orphans reaped', known(figures.orphansReaped, formatCount)],
    ['zombies left', known(figures.zombiesLeft, formatCount)],
    ['processes left', known(figures.processesLeft, formatCount)],
    ['gate wait', known(figures.gateWaitMs, formatMs)],
    ['database ready to flow started', known(figures.readyToFlowMs, formatMs)],
    ['flow killed to flow running', known(figures.killedToRunningMs, formatMs)],
    ['rows per second, while it works', known(figures.rowsPerSecond, formatCount)],
    ['rows handed over without the database', known(figures.rowsWhileAway, formatCount)],
    ['operations queued at most', known(figures.queuedMost, formatCount)],
    ['database back to queue empty', known(figures.drainMs, formatMs)],
    ['shutdown', known(figures.stopMs, formatMs)],
    ["supervisor's memory at most", known(figures.memoryPeakBytes, formatBytes)],
    [
      'HTTP',
      `${formatCount(watch.looks)} answers of /health and /metrics each, ${watch.unanswered.length} failed, ` +
        `the slowest ${formatMs(watch.slowestMs)}`,
    ],
    [
      'log lines all valid JSON',
      `${invalid === 0 ? 'yes' : `no, ${invalid} are not`} (${formatCount(records.all.length)} lines)`,
    ],
  ]
}

const everyRecordHas = ['time', 'level', 'message', 'service', 'instance', 'component'] as const
const lineBytesMax = 16 * 1024

function invalidLines({ all, garbled, longestLineBytes }: LogRecords): number {
  const incomplete = all.filter((record) => everyRecordHas.some((name) => typeof record[name] !== 'string'))
  return garbled.length + incomplete.length + (longestLineBytes > lineBytesMax ? 1 : 0)
}
