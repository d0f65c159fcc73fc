// `flowkeepctl logs`: the logs of the stack, its JSON lines as a person reads them.

import { paint } from '../../supervisor/core/text-table.ts'
import { followLines } from '../host/run.ts'
import type { Terminal } from '../host/terminal.ts'
import { levels } from './levels.ts'
import { composeArguments, listContainers, type Project } from './project.ts'
import { unknownService } from './services.ts'

export interface LogsOptions {
  readonly services: readonly string[]
  readonly follow: boolean
  readonly tail: string
  readonly since: string | undefined
  /** Least level that is shown. */
  readonly level: string | undefined
  /** The lines as they are. */
  readonly raw: boolean
}

const eraseLine = '\u001b[2K'

/** @returns the exit code: 1 when nothing of the stack is there */
export async function runLogs(project: Project, options: LogsOptions, terminal: Terminal): Promise<number> {
  const containers = await listContainers(project)
  unknownService(containers, options.services)
  if (containers.length === 0) {
    terminal.say('Nothing of the stack is there: npm start brings it up.')
    return 1
  }
  const { services, follow, tail, since } = options
  const command = [
    ...['logs', '--no-color', '--tail', tail],
    ...(follow ? ['--follow'] : []),
    ...(since === undefined ? [] : ['--since', since]),
    ...services,
  ]
  return followLines('docker', composeArguments(project, command), (line) => {
    // Compose erases a line that it never wrote, also into a pipe.
    const shown = showLine(line.replace(eraseLine, ''), options, terminal.look)
    if (shown !== undefined) terminal.print(shown)
  })
}

/**
 * A line as Compose prints it: `flow1-1  | {"time":…}`. What is no JSON line of ours is shown as it is.
 * @returns undefined for one below the least level
 */
export function showLine(
  line: string,
  { level, raw }: Pick<LogsOptions, 'level' | 'raw'>,
  look: Terminal['look'],
): string | undefined {
  const [, container = '', text = ''] = /^(\S+)\s+\| ?([\s\S]*)$/.exec(line) ?? []
  const record = container === '' ? undefined : recordOf(text)
  if (level !== undefined && rank(record?.level) < rank(level)) return undefined
  if (raw || !record) return line
  const { time, component, event, message } = record
  const style =
    rank(record.level) >= rank('error') ? 'red' : rank(record.level) >= rank('warn') ? 'yellow' : undefined
  const source = component === 'supervisor' ? `${container} ·` : `${container}  `
  return [
    paint(String(time ?? '').slice(11, 23), 'dim', look),
    source,
    paint(String(record.level).padEnd(5), style, look),
    event === undefined || event === message
      ? String(message ?? '')
      : `${message ?? ''} ${paint(`[${event}]`, 'dim', look)}`,
  ].join(' ')
}

/** Lines without a level rank as `info`. */
function rank(level: unknown): number {
  const at = levels.indexOf(String(level) as (typeof levels)[number])
  return at === -1 ? levels.indexOf('info') : at
}

interface LogRecord {
  readonly time?: unknown
  readonly level: unknown
  readonly component?: unknown
  readonly event?: unknown
  readonly message: unknown
}

function recordOf(text: string): LogRecord | undefined {
  if (!text.startsWith('{')) return undefined
  try {
    const record = JSON.parse(text) as object
    return 'message' in record && 'level' in record ? (record as LogRecord) : undefined
  } catch {
    return undefined
  }
}
