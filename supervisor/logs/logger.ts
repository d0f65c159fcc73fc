// The supervisor's own records, by pino, in the same form as the flow's. Each is one line of at most
// limits.logLineBytes, free of secrets, whatever was given as a field.

import { pino } from 'pino'
import type { Clock } from '../core/clock.ts'
import { limits } from '../core/limits.ts'
import type { LogFields, Logger } from '../core/logger.ts'
import type { Redact } from '../core/secret.ts'
import { printableJson } from './escape.ts'
import { cut, type ShapeBounds, shape } from './shape.ts'
import type { LevelName } from './sound.ts'

export interface LoggerParts {
  readonly sink: { own(line: string): void; onDropped(listener: (lines: number) => void): void }
  readonly clock: Pick<Clock, 'wallMs'>
  readonly level: LevelName
  readonly service: string
  readonly instance: string
  readonly redact: Redact
}

/** `level` can be set while it runs. */
export type LevelLogger = Logger & { level: LevelName }

/** Names that a field cannot have; it stays as `field.<name>`. */
const reservedNames = new Set(['time', 'level', 'message', 'service', 'instance', 'component'])

/** Tried in turn until the record is small enough. */
const bounds: readonly ShapeBounds[] = [
  { chars: 4000, entries: 100 },
  { chars: 500, entries: 50 },
  { chars: 100, entries: 20 },
]

/** What service, instance, time and level may take of a record. */
const baseBytesMax = 4096

export function createLogger(parts: LoggerParts): LevelLogger {
  const { sink, clock, redact } = parts
  const base = {
    service: parts.service.slice(0, limits.logNameChars),
    instance: parts.instance.slice(0, limits.logNameChars),
    component: 'supervisor',
  }
  const log = pino(
    {
      level: parts.level,
      base,
      messageKey: 'message',
      timestamp: () => `,"time":"${new Date(clock.wallMs()).toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: (line: string) => sink.own(printableJson(line)) },
  )

  function write(level: 'debug' | 'info' | 'warn' | 'error', fields: LogFields, message: string): void {
    if (!log.isLevelEnabled(level)) return
    const fitting = fit(fields, message, redact)
    log[level](fitting.fields, fitting.message)
  }

  sink.onDropped((lines) =>
    write(
      'error',
      { event: 'log.dropped', lines },
      `${lines} log lines were dropped because stdout took none`,
    ),
  )

  return {
    debug: (fields, message) => write('debug', fields, message),
    info: (fields, message) => write('info', fields, message),
    warn: (fields, message) => write('warn', fields, message),
    error: (fields, message) => write('error', fields, message),
    get level() {
      return log.level as LevelName
    },
    set level(level) {
      log.level = level
    },
  }
}

interface Fitting {
  readonly fields: Record<string, unknown>
  readonly message: string
}

function fit(fields: LogFields, message: string, redact: Redact): Fitting {
  const named = Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [reservedNames.has(name) ? `field.${name}` : name, value]),
  )
  const redacted = redact(message)
  for (const [index, bound] of bounds.entries()) {
    const shaped = shape(named, redact, bound) as Record<string, unknown>
    if (index > 0) shaped['truncated'] = true
    const fitting = { fields: shaped, message: cut(redacted, bound.chars) }
    if (bytesOf(fitting) <= limits.logLineBytes - baseBytesMax) return fitting
  }
  return { fields: { event: cut(String(fields.event), 100), truncated: true }, message: cut(redacted, 500) }
}

function bytesOf(fitting: Fitting): number {
  return Buffer.byteLength(printableJson(JSON.stringify(fitting)))
}
