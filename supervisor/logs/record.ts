// A flow's line that is a JSON object, as a record: it keeps its fields and gains ours. It is parsed and written anew,
// so that a name given twice, or spelled with escapes, is one name. A field with one of our names moves to
// `flow.<name>`: the flow cannot pose as the supervisor, nor as a part of a longer line. Other spellings of time, level
// and message (`timestamp`, `levelname`, `msg` …) are read where ours says nothing, and stay.

import { limits } from '../core/limits.ts'
import { printableJson } from './escape.ts'
import { type Inspection, inspect } from './inspect.ts'
import { ourNames } from './names.ts'
import { soundLevel, soundMessage, soundTime } from './sound.ts'

type Fields = Record<string, unknown>

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
  const fields = parse(bytes.toString('utf8', start, end), inspection)
  if (!fields || (inspection.isDeep && isNestedDeeper(fields, limits.logNesting))) return undefined

  const time =
    takeOver(fields, 'time', soundTime) ??
    soundTime(own(fields, 'timestamp')) ??
    soundTime(own(fields, 'asctime')) ??
    context.time
  const level =
    takeOver(fields, 'level', isNumberedAsPino(fields) ? soundPinoLevel : soundLevel) ??
    soundLevel(own(fields, 'levelname')) ??
    'info'
  const message = takeOver(fields, 'message', soundMessage) ?? soundMessage(own(fields, 'msg')) ?? ''
  for (const name of ourNames) if (own(fields, name) !== undefined) moveAside(fields, name)

  const head = `{"time":"${time}","level":"${level}"${context.identity},"message":${JSON.stringify(message)}`
  const rest = JSON.stringify(fields)
  return printableJson(`${head}${rest === '{}' ? '' : ','}${rest.slice(1)}\n`)
}

function own(fields: Fields, name: string): unknown {
  return Object.hasOwn(fields, name) ? fields[name] : undefined
}

/** What is taken over is left out of the rest; what is not stays there, and moves aside with the others. */
function takeOver<T>(fields: Fields, name: string, sound: (value: unknown) => T | undefined): T | undefined {
  const taken = sound(own(fields, name))
  if (taken !== undefined) fields[name] = undefined // quicker than delete, and JSON.stringify leaves it out, too
  return taken
}

function moveAside(fields: Fields, name: string): void {
  let aside = `flow.${name}`
  while (Object.hasOwn(fields, aside)) aside = `flow.${aside}`
  fields[aside] = fields[name]
  fields[name] = undefined
}

/** The loggers that number levels in pino's way sign each line with both names. */
function isNumberedAsPino(fields: Fields): boolean {
  return (
    typeof own(fields, 'level') === 'number' &&
    Object.hasOwn(fields, 'pid') &&
    Object.hasOwn(fields, 'hostname')
  )
}

function soundPinoLevel(value: unknown) {
  return soundLevel(value, 'pino')
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
