// A flow's line that is a JSON object, as a record: it keeps its fields and gains ours. It is parsed and written anew,
// so that a key given twice, or spelled with escapes, is one key. A field with one of our names moves to `flow.<name>`:
// the flow cannot pose as the supervisor, nor as a part of a longer line. Other spellings of time, level and message
// (`timestamp`, `levelname`, `msg` …) are read where ours says nothing, and stay.

import { limits } from '../core/limits.ts'
import { printableJson } from './escape.ts'
import { type Inspection, inspect } from './inspect.ts'
import { soundLevel, soundMessage, soundTime } from './sound.ts'

type Fields = Readonly<Record<string, unknown>>

const ourNames = new Set([
  ...['time', 'level', 'message'],
  ...['service', 'instance', 'component', 'stream', 'event', 'part', 'parts', 'last'],
])

export interface RecordContext {
  /** When the line was read, ISO ms. */
  readonly time: string
  /** The members between level and message: `,"service":…` to the stream. */
  readonly identity: string
}

/** The record as JSON text with its newline; undefined when the line has to be taken as text. */
export function recordOf(
  bytes: Buffer,
  start: number,
  end: number,
  context: RecordContext,
): string | undefined {
  const inspection = inspect(bytes, start, end)
  if (!inspection) return undefined
  const fields = parse(bytes.toString(inspection.isSimple ? 'latin1' : 'utf8', start, end), inspection)
  if (!fields || (inspection.isMaybeDeep && isNestedDeeper(fields, limits.logNesting))) return undefined

  // Without a backslash in the line, no text in it needs one now.
  const quote = inspection.isSimple ? inQuotes : JSON.stringify
  const taken: Taken = { time: undefined, level: undefined, message: undefined }
  let rest = ''
  for (const name of Object.keys(fields)) {
    const value = fields[name]
    if (takeOver(taken, name, value, fields)) continue
    const kept = ourNames.has(name) ? asideName(fields, name) : name
    rest += `,${quote(kept)}:${typeof value === 'string' ? quote(value) : JSON.stringify(value)}`
  }
  const time = taken.time ?? soundTime(own(fields, 'timestamp')) ?? soundTime(own(fields, 'asctime'))
  const level = taken.level ?? soundLevel(own(fields, 'levelname'), false)
  const message = taken.message ?? soundMessage(own(fields, 'msg'))

  const head = `{"time":"${time ?? context.time}","level":"${level ?? 'info'}"${context.identity}`
  const record = `${head},"message":${quote(message ?? '')}${rest}}\n`
  return inspection.isSimple ? record : printableJson(record)
}

interface Taken {
  time: string | undefined
  level: string | undefined
  message: string | undefined
}

/** Whether the field's value becomes ours, so that it need not be kept beside it. */
function takeOver(taken: Taken, name: string, value: unknown, fields: Fields): boolean {
  switch (name) {
    case 'time':
      taken.time = soundTime(value)
      return taken.time !== undefined
    case 'level':
      taken.level = soundLevel(value, isNumberedAsPino(fields))
      return taken.level !== undefined
    case 'message':
      taken.message = soundMessage(value)
      return taken.message !== undefined
    default:
      return false
  }
}

function inQuotes(text: string): string {
  return `"${text}"`
}

function own(fields: Fields, name: string): unknown {
  return Object.hasOwn(fields, name) ? fields[name] : undefined
}

/** The loggers that number levels in pino's way sign each line with both names. */
function isNumberedAsPino(fields: Fields): boolean {
  return Object.hasOwn(fields, 'pid') && Object.hasOwn(fields, 'hostname')
}

function asideName(fields: Fields, name: string): string {
  let aside = `flow.${name}`
  while (Object.hasOwn(fields, aside)) aside = `flow.${aside}`
  return aside
}

function parse(line: string, { isNumberAtRisk }: Inspection): Fields | undefined {
  try {
    return isNumberAtRisk ? JSON.parse(line, keepDigits) : JSON.parse(line)
  } catch {
    return undefined
  }
}

// Not in TypeScript's own library yet.
const { rawJSON } = JSON as typeof JSON & { rawJSON(text: string): unknown }

/** Numbers that JavaScript would round (64-bit ids) or lose (1e999) stay as they were written. */
function keepDigits(_key: string, value: unknown, context?: { source?: string }): unknown {
  const source = context?.source
  return typeof value === 'number' && source !== undefined && String(value) !== source
    ? rawJSON(source)
    : value
}

function isNestedDeeper(value: unknown, levelsLeft: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (levelsLeft === 0) return true
  return Object.values(value).some((inner) => isNestedDeeper(inner, levelsLeft - 1))
}
