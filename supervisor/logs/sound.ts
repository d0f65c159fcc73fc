// What a flow's JSON line says about its own time and level, where it can be believed. Understands the forms of
// Python's logging and its JSON formatters, Prefect, pino and bunyan.

export const levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const

export type LevelName = (typeof levels)[number]

const levelsByName: ReadonlyMap<string, LevelName> = new Map([
  ...levels.map((level) => [level, level] as const),
  ['warning', 'warn'],
  ['critical', 'fatal'],
])

/** @param numbering whose numbers: Python's 10 is DEBUG, pino's and bunyan's is trace */
export function soundLevel(value: unknown, numbering: 'python' | 'pino' = 'python'): LevelName | undefined {
  if (typeof value === 'number')
    return value < 10 ? undefined : levels[value / 10 - (numbering === 'pino' ? 1 : 0)]
  if (typeof value !== 'string' || value.length > 8) return undefined
  return levelsByName.get(value) ?? levelsByName.get(value.toLowerCase())
}

export function soundMessage(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

const earliestMs = Date.UTC(2000, 0)
const latestMs = Date.UTC(2100, 0)

/**
 * A time from 2000 to 2099 as ISO ms in UTC. Takes ISO text (as UTC where it names no zone; Python's form with a space
 * and a comma, too) and numbers of s, ms or µs since the epoch.
 */
export function soundTime(value: unknown): string | undefined {
  if (typeof value === 'number') {
    // The three ranges do not overlap.
    const ms = [value * 1000, value, value / 1000].find(isSane)
    return ms === undefined ? undefined : new Date(ms).toISOString()
  }
  if (typeof value !== 'string' || value.length > 40) return undefined
  if (value !== latestText) {
    latestTime = soundTimeText(value)
    latestText = value
  }
  return latestTime
}

/** At a high rate many lines say the same. */
let latestText = ''
let latestTime: string | undefined

function soundTimeText(value: string): string | undefined {
  if (utcForm.test(value)) return `${value.slice(0, 10)}T${value.slice(11, 19)}.${value.slice(20, 23)}Z`
  const ms = parseIso(value)
  return ms !== undefined && isSane(ms) ? new Date(ms).toISOString() : undefined
}

function isSane(ms: number): boolean {
  return ms >= earliestMs && ms < latestMs
}

/** What nearly all loggers write, and valid for sure (but for 29 February), so that no Date has to be made of it. */
const utcForm = new RegExp(
  [
    /^20\d\d-/,
    /(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\d|30)|02-(?:0[1-9]|1\d|2[0-8]))/,
    /[T ](?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d[.,]\d{3,9}(?:Z|\+00:00)?$/,
  ]
    .map((part) => part.source)
    .join(''),
)

const isoForm =
  /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))?(?: ?(?:Z|UTC|([+-])(\d\d):?(\d\d)))?$/i

function parseIso(value: string): number | undefined {
  const match = isoForm.exec(value)
  if (!match) return undefined
  const [, date, time, fraction = '', sign, hours = '0', minutes = '0'] = match
  const wanted = `${date}T${time}.${fraction.slice(0, 3).padEnd(3, '0')}Z`
  const read = new Date(wanted)
  // A day that the month does not have is read as one of the next month.
  if (Number.isNaN(read.getTime()) || read.toISOString() !== wanted) return undefined
  const offsetMinutes = Number(hours) * 60 + Number(minutes)
  if (offsetMinutes > 14 * 60) return undefined
  return read.getTime() - (sign === '-' ? -1 : 1) * offsetMinutes * 60_000
}
