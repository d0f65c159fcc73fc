// The formats of plain values. URLs and secrets have files of their own.

import { isIP } from 'node:net'
import { normalize } from 'node:path/posix'
import { formatDuration, formatSize, parseDurationMs, parseSizeBytes } from '../core/units.ts'
import { accept, defineFormat, type Format, refuse } from './format.ts'
import { nearest } from './nearest.ts'

const same = <T>(value: T): T => value

/** A decimal number over the whole text: no sign, no leading zeros, no exponent, no spaces. */
export function parseWhole(text: string): number | undefined {
  if (!/^(?:0|[1-9]\d{0,15})$/.test(text)) return undefined
  const value = Number(text)
  return Number.isSafeInteger(value) ? value : undefined
}

export function integer(min: number, max: number): Format<number> {
  return defineFormat({
    expected: `a whole number from ${min} to ${max}`,
    parse(text) {
      const value = parseWhole(text)
      return value === undefined || value < min || value > max ? refuse() : accept(value)
    },
    show: same,
  })
}

/** @param min and @param max as people write them, such as `1s` and `1h`; the value is in ms */
export function duration(min: string, max: string): Format<number> {
  const minMs = parseDurationMs(min) as number
  const maxMs = parseDurationMs(max) as number
  return defineFormat({
    expected: `a duration from ${min} to ${max}, as a whole number with ms, s, m, h or d`,
    parse(text) {
      const value = parseDurationMs(text)
      if (value !== undefined && value >= minMs && value <= maxMs) return accept(value)
      if (parseWhole(text) !== undefined) return refuse('it has no unit', `Write ${text}s for seconds.`)
      return refuse()
    },
    show: formatDuration,
  })
}

/** @param min and @param max as people write them, such as `4KiB` and `1TiB`; the value is in bytes */
export function size(min: string, max: string): Format<number> {
  const minBytes = parseSizeBytes(min) as number
  const maxBytes = parseSizeBytes(max) as number
  return defineFormat({
    expected: `a size from ${min} to ${max}, as a whole number with B, KiB, MiB, GiB or TiB`,
    parse(text) {
      const value = parseSizeBytes(text)
      if (value !== undefined && value >= minBytes && value <= maxBytes) return accept(value)
      if (parseWhole(text) !== undefined) return refuse('it has no unit', `Write ${text}B for bytes.`)
      const [, digits, letter] = /^(\d+) ?([KMGT])i?B?$/i.exec(text) ?? []
      if (digits === undefined || letter === undefined) return refuse()
      const meant = `${digits}${letter.toUpperCase()}iB`
      return meant === text ? refuse() : refuse('its unit is not one of these', `Write ${meant}.`)
    },
    show: formatSize,
  })
}

const booleans = new Map([
  ['true', true],
  ['1', true],
  ['yes', true],
  ['on', true],
  ['false', false],
  ['0', false],
  ['no', false],
  ['off', false],
])

export const boolean = defineFormat<boolean>({
  expected: 'true or false (also 1/0, yes/no, on/off)',
  parse(text) {
    const value = booleans.get(text.toLowerCase())
    return value === undefined ? refuse() : accept(value)
  },
  show: same,
})

/** One of a few words. `anyCase` accepts `INFO` for `info`. */
export function choice<const T extends string>(words: readonly T[], anyCase = false): Format<T> {
  return defineFormat<T>({
    expected: `${words.slice(0, -1).join(', ')} or ${words.at(-1)}${anyCase ? ', in any case' : ''}`,
    parse(text) {
      const word = words.find((word) => word === (anyCase ? text.toLowerCase() : text))
      if (word !== undefined) return accept(word)
      const lower = text.toLowerCase()
      const begun = (word: string) => lower.length > 2 && (word.startsWith(lower) || lower.startsWith(word))
      const meant = words.find(begun) ?? nearest(lower, words)
      return refuse(undefined, meant === undefined ? undefined : `Did you mean ${meant}?`)
    },
    show: same,
  })
}

/** Text that a regular expression accepts as a whole. */
export function matching(expected: string, pattern: RegExp): Format<string> {
  return defineFormat({
    expected,
    parse: (text) => (pattern.test(text) ? accept(text) : refuse()),
    show: same,
  })
}

export const flowName = defineFormat<string>({
  expected: 'a name of a–z, 0–9, _ and -, beginning with a letter, at most 63 characters',
  parse(text) {
    if (/^[a-z][a-z0-9_-]{0,62}$/.test(text)) return accept(text)
    const near = text
      .toLowerCase()
      .replace(/[^a-z0-9_]+/g, '-')
      .replace(/^[^a-z]+/, '')
      .slice(0, 63)
      .replace(/-$/, '')
    return refuse(undefined, near === '' ? undefined : `Write it as ${near}, for example.`)
  },
  show: same,
})

export const instanceId = matching(
  'a name of letters, digits and . _ : -, at most 128 characters',
  /^[A-Za-z0-9._:-]{1,128}$/,
)

export const databaseName = matching(
  'the name of a database as in CONTAINER_DATABASE_<NAME>_URL, in lower case',
  /^[a-z][a-z0-9]*(?:_[a-z0-9]+)*$/,
)

export const sqlQuery = matching(
  'one SQL statement on one line, at most 1000 characters',
  /^(?=.*\S)[^\p{Cc}\p{Zl}\p{Zp}]{1,1000}$/u,
)

export const healthPath = defineFormat<string>({
  expected: 'a path that begins with one /, without spaces and #, at most 1000 characters',
  parse(text) {
    // "//other.example" and "/\other.example" would lead to another host once they are joined with the URL.
    if (/^[/\\]{2}/.test(text)) return refuse('it begins with two slashes')
    return /^\/[!-~]{0,999}$/.test(text) && !/[#\\]/.test(text) ? accept(text) : refuse()
  },
  show: same,
})

export const listenHost = defineFormat<string>({
  expected: 'an IP address or a host name to listen on, such as 0.0.0.0, 127.0.0.1 or ::',
  parse(text) {
    if (isIP(text) !== 0) return accept(text)
    if (/^\[.*\]$/.test(text)) return refuse('it has brackets', 'Write an IPv6 address without brackets.')
    if (/^[\d.]+$/.test(text)) return refuse('it is no IPv4 address')
    const label = '[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?'
    return text.length <= 253 && new RegExp(`^${label}(?:\\.${label})*$`).test(text) ? accept(text) : refuse()
  },
  show: same,
})

/** @param maxBytes the longest a path may be: 107 for a socket, which is what `sun_path` holds */
export function absolutePath(what: string, maxBytes: number): Format<string> {
  return defineFormat({
    expected: `the absolute path of ${what}, at most ${maxBytes} bytes`,
    parse(text) {
      if (!text.startsWith('/')) return refuse('it is not absolute')
      if (/\p{Cc}/u.test(text)) return refuse('it has control characters')
      if (Buffer.byteLength(text) > maxBytes) return refuse(`it is ${Buffer.byteLength(text)} bytes long`)
      return accept(text)
    },
    show: same,
  })
}

/** Items between commas, without spaces and each once. @param one what a single item has to be */
function list(expected: string, one: (item: string) => boolean): Format<string> {
  return defineFormat({
    expected,
    parse(text) {
      const items = text.split(',').map((item) => item.trim())
      const bad = items.findIndex((item) => !one(item))
      return bad < 0 ? accept([...new Set(items)].join(',')) : refuse(`item ${bad + 1} is none`)
    },
    show: same,
  })
}

export const ports = list('ports from 1 to 65535, with commas between them', (item) => {
  const port = parseWhole(item)
  return port !== undefined && port >= 1 && port <= 65_535
})

export const absolutePaths = list('absolute paths, with commas between them', (item) =>
  /^\/[^\p{Cc}]{0,4094}$/u.test(item),
)

/** Where nothing may ever be cleaned up, itself or below; and what holds everything. */
const notToClean =
  /^\/(?:$|(?:bin|boot|dev|etc|lib\d*|proc|root|sbin|sys|usr)(?:\/|$)|(?:home|mnt|opt|run|srv|var)$)/

export const cleanupPaths = list(
  'absolute paths of directories without . and .., outside of the system, with commas between them',
  (item) =>
    normalize(item) === item && /^\/[^\p{Cc}]{1,4094}[^\p{Cc}/]$/u.test(item) && !notToClean.test(item),
)

/** Numbers alone: what is left of cron without names and special characters. */
export const cronSchedule = defineFormat<string>({
  expected: 'a cron expression of five fields, or six with seconds first, of numbers, * , - and /, in UTC',
  parse(text) {
    const fields = text.trim().split(/\s+/)
    if (fields.length !== 5 && fields.length !== 6) return refuse(`it has ${fields.length} fields`)
    const bounds = fields.length === 6 ? [seconds, ...cronBounds] : cronBounds
    const bad = fields.findIndex((field, index) => !isCronField(field, bounds[index] ?? seconds))
    if (bad >= 0) return refuse(`field ${bad + 1} is none`)
    const [day = '*', month = '*'] = fields.slice(-3)
    if (!isInSomeMonth(day, month)) return refuse(`no month ${month} has a day ${day}`)
    return accept(fields.join(' '))
  },
  show: same,
})

const seconds = [0, 59] as const

/** Minute, hour, day of the month, month, day of the week. */
const cronBounds = [
  [0, 59],
  [0, 23],
  [1, 31],
  [1, 12],
  [0, 7],
] as const

function isCronField(field: string, [min, max]: readonly [number, number]): boolean {
  const within = (text: string | undefined) => {
    const value = text === undefined ? undefined : parseWhole(text)
    return value !== undefined && value >= min && value <= max
  }
  return field.split(',').every((item) => {
    const [range = '', step, ...more] = item.split('/')
    if (more.length > 0) return false
    if (step !== undefined && (!/^[1-9]\d?$/.test(step) || !/^\*$|-/.test(range))) return false
    if (range === '*') return true
    const [from, to, ...rest] = range.split('-')
    return (
      rest.length === 0 && within(from) && (to === undefined || (within(to) && Number(from) <= Number(to)))
    )
  })
}

/** In a leap year. */
const daysOfMonth = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

function isInSomeMonth(day: string, month: string): boolean {
  return daysOfMonth.some((days, index) => {
    if (!fitsCronField(month, index + 1, 1)) return false
    return Array.from({ length: days }, (_, before) => before + 1).some((of) => fitsCronField(day, of, 1))
  })
}

/** @param first of the values that the field can have */
function fitsCronField(field: string, value: number, first: number): boolean {
  return field.split(',').some((item) => {
    const [range = '*', step = '1'] = item.split('/')
    const [from = first, to = from] =
      range === '*' ? [first, Number.POSITIVE_INFINITY] : range.split('-').map(Number)
    return value >= from && value <= to && (value - from) % Number(step) === 0
  })
}

export const securityChecks = list(
  'ids of checks from S01 to S38, with commas between them, as `flowkeep security` shows them',
  (item) => /^S(?:0[1-9]|[12]\d|3[0-8])$/.test(item),
)

export const configFilePath = defineFormat<string>({
  expected: 'the path of a file with NAME=value lines',
  parse: (text) => (/\p{Cc}/u.test(text) ? refuse('it has control characters') : accept(text)),
  show: same,
})

/** The kernel's -1, which stands for "no user", is not accepted. */
const idMax = 2 ** 32 - 2

export const flowUser = defineFormat<string>({
  expected: 'a numeric user id, or user and group id as in 1000:1000',
  parse(text) {
    const ids = text.split(':').map(parseWhole)
    if (ids.length <= 2 && ids.every((id) => id !== undefined && id <= idMax)) return accept(text)
    if (/[a-z]/i.test(text)) return refuse('it is not numeric', 'Look the id up with: id NAME')
    return refuse()
  },
  show: same,
})
