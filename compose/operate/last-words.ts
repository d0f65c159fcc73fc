// What a container said last, as far as it tells why it does not run: a traceback, most often.

import { capture } from '../host/run.ts'

const linesRead = 200
const charsShown = 1_500

/**
 * The last lines of its flow; where it has none, what its supervisor found wrong; of a container that isn't ours, its
 * last lines as they are. Empty where it has said nothing.
 * @param since ISO time; undefined for all it has said
 */
export async function lastWords(id: string, lines: number, since?: string): Promise<string> {
  const args = ['logs', '--tail', String(linesRead), ...(since === undefined ? [] : ['--since', since]), id]
  const { stdout, stderr } = await capture('docker', args)
  return tellingLines(`${stdout}${stderr}`, lines)
}

/** Pure. */
export function tellingLines(log: string, lines: number): string {
  const said = log.split('\n').filter((line) => line.trim() !== '')
  const records = said.map(recordOf)
  const own = records.filter((record) => record !== undefined)
  const ofFlow = own.filter(({ component }) => component === 'flow')
  const ofSupervisor = own.filter(({ level }) => level === 'error' || level === 'fatal')
  const telling =
    own.length === 0
      ? said
      : (ofFlow.length > 0 ? ofFlow : ofSupervisor).map((record) => record.message ?? '')
  return telling.slice(-lines).join('\n').slice(-charsShown)
}

interface LogRecord {
  readonly component?: string
  readonly level?: string
  readonly message?: string
}

function recordOf(line: string): LogRecord | undefined {
  try {
    const value = JSON.parse(line) as LogRecord | null
    return typeof value === 'object' && value?.component !== undefined ? value : undefined
  } catch {
    return undefined
  }
}
