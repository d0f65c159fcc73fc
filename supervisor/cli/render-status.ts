// The status on one screen. Pure.

import type { OpenAlert, StatusReport } from '../core/status.ts'
import { type Look, renderTable } from '../core/text-table.ts'
import { age } from './age.ts'
import { printable } from './printable.ts'
import { renderQueue } from './render-queue.ts'
import { renderRecords } from './render-records.ts'

type Row = readonly [title: string, text: string]

const checkColumns = [
  { title: 'check', whole: true },
  { title: 'status', whole: true },
  { title: 'since', whole: true },
  { title: 'took', whole: true },
  { title: 'message' },
] as const

const alertColumns = [
  { title: 'alert', whole: true },
  { title: 'severity', whole: true },
  { title: 'since', whole: true },
  { title: 'target' },
  { title: 'description' },
] as const

export function renderStatus(status: StatusReport, look: Look): string {
  const { health } = status
  const checks = Object.entries(health.checks).map(([name, check]) =>
    [name, check.status, check.since, `${check.durationMs} ms`, check.message].map(printable),
  )
  const sections = [
    list([
      ['flow', `${health.flow ?? '–'} on ${health.instance ?? '–'} (${status.environment})`],
      ['state', `${health.state}, ${health.status}`],
      ['supervisor', `${health.version}, up ${age(status.uptimeMs)}`],
      ['process', processLine(status)],
      ['last exit', lastExitLine(status)],
    ]),
    renderTable(checkColumns, checks, look),
    ...alertSection(status.alerts, look),
    ...(status.queue ? [renderQueue(status.queue, look)] : []),
    ...(status.records ? [renderRecords(status.records, look)] : []),
    list(resourceRows(status)),
  ]
  return `${sections.join('\n\n')}\n`
}

/** A supervisor of the version before has none. */
function alertSection(alerts: readonly OpenAlert[] | null | undefined, look: Look): string[] {
  if (!alerts || alerts.length === 0) return []
  const rows = alerts.map(({ name, severity, since, target, description, instance, untold }) => [
    name,
    severity,
    since,
    target ?? '–',
    `${instance === null ? '' : `${instance}: `}${description}${
      untold.length === 0 ? '' : ` (not told yet: ${untold.join(', ')})`
    }`,
  ])
  return [
    renderTable(
      alertColumns,
      rows.map((row) => row.map(printable)),
      look,
    ),
  ]
}

function processLine({ process }: StatusReport): string {
  const counts = `generation ${process.generation}, restarts ${process.restarts}`
  if (process.pid === null) return `none (${counts})`
  const since = process.startedAt === null ? '' : `, since ${process.startedAt}`
  return `pid ${process.pid}, ${process.ready ? 'ready' : 'not ready'}${since} (${counts})`
}

function lastExitLine({ process: { lastExit } }: StatusReport): string {
  if (!lastExit) return '–'
  const how = lastExit.signal === null ? `code ${lastExit.code}` : lastExit.signal
  return `${lastExit.reason}, ${how}, at ${lastExit.at}`
}

function resourceRows({ resources, log }: StatusReport): Row[] {
  const limit =
    resources.memoryLimitBytes === null ? ', no limit' : ` of ${mebibytes(resources.memoryLimitBytes)}`
  return [
    ['memory', `${mebibytes(resources.memoryBytes)}${limit}`],
    ['cpu', `${seconds(resources.cpuSeconds)} used, ${seconds(resources.cpuThrottledSeconds)} throttled`],
    ['processes', resources.pids === null ? '–' : String(resources.pids)],
    ['OOM kills', resources.oomKills === null ? '–' : String(resources.oomKills)],
    ['log lines', `${log.lines} from the flow, ${log.dropped} dropped`],
  ]
}

function mebibytes(bytes: number | null): string {
  return bytes === null ? '–' : `${(bytes / 1024 ** 2).toFixed(1)} MiB`
}

function seconds(value: number | null): string {
  return value === null ? '–' : `${value.toFixed(1)} s`
}

function list(rows: readonly Row[]): string {
  const width = Math.max(...rows.map(([title]) => title.length))
  return rows.map(([title, text]) => `${title.padEnd(width)}  ${printable(text)}`).join('\n')
}
