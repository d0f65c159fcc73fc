// The fields of one of the supervisor's own records, made safe to print: plain JSON values without secrets, small
// enough for one record. Errors show their message, code and causes.

import { codeOf, FlowkeepError } from '../core/errors.ts'
import type { Redact } from '../core/secret.ts'

export interface ShapeBounds {
  /** Characters of a string. */
  readonly chars: number
  /** Entries of an array or object. */
  readonly entries: number
}

const depthMax = 5
const cutMark = '…'

/** Anything into a JSON value; undefined where there is nothing to show. */
export function shape(value: unknown, redact: Redact, bounds: ShapeBounds, depth = 0): unknown {
  switch (typeof value) {
    case 'string':
      return cut(redact(value), bounds.chars)
    case 'number':
      return Number.isFinite(value) ? value : String(value)
    case 'bigint':
      return String(value)
    case 'boolean':
      return value
    case 'object':
      return value === null ? null : shapeObject(value, redact, bounds, depth)
    default:
      return undefined
  }
}

export function cut(text: string, chars: number): string {
  return (text.length > chars ? text.slice(0, chars - 1) + cutMark : text).toWellFormed()
}

function shapeObject(value: object, redact: Redact, bounds: ShapeBounds, depth: number): unknown {
  if (depth === depthMax) return cutMark
  try {
    if (value instanceof Error) return shapeEntries(errorEntries(value), redact, bounds, depth)
    if ('toJSON' in value && typeof value.toJSON === 'function') {
      return shape(value.toJSON(), redact, bounds, depth + 1)
    }
    if (Array.isArray(value)) {
      return value.slice(0, bounds.entries).map((item) => shape(item, redact, bounds, depth + 1) ?? null)
    }
    return shapeEntries(Object.entries(value), redact, bounds, depth)
  } catch {
    return '[unreadable]' // a getter that throws must not cost the record
  }
}

function shapeEntries(
  entries: readonly (readonly [string, unknown])[],
  redact: Redact,
  bounds: ShapeBounds,
  depth: number,
): Record<string, unknown> {
  const shaped: Record<string, unknown> = Object.create(null)
  for (const [name, value] of entries.slice(0, bounds.entries)) {
    shaped[cut(redact(name), bounds.chars)] = shape(value, redact, bounds, depth + 1)
  }
  return shaped
}

function errorEntries(error: Error): [string, unknown][] {
  const entries: [string, unknown][] = [
    ['name', error.name],
    ['message', error.message],
    ['code', codeOf(error)],
  ]
  if (error instanceof FlowkeepError) entries.push(['subject', error.subject], ['hint', error.hint])
  else entries.push(['stack', error.stack])
  if (error.cause !== undefined) entries.push(['cause', error.cause])
  return entries
}
