// Durations and sizes as people write them: `500ms`, `30s`, `5m`, `64MiB`.

const durationUnitsMs: Record<string, number> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

const sizeUnitsBytes: Record<string, number> = {
  B: 1,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  TiB: 1024 ** 4,
}

/** `1m30s` is not accepted: one whole number and one unit. Undefined when it is not a duration. */
export function parseDurationMs(text: string): number | undefined {
  return parseWithUnit(text, durationUnitsMs)
}

export function parseSizeBytes(text: string): number | undefined {
  return parseWithUnit(text, sizeUnitsBytes)
}

/** The shortest exact form: 90000 → `90s`, 60000 → `1m`. */
export function formatDuration(ms: number): string {
  return formatWithUnit(ms, durationUnitsMs, 'ms')
}

export function formatSize(bytes: number): string {
  return formatWithUnit(bytes, sizeUnitsBytes, 'B')
}

function parseWithUnit(text: string, units: Record<string, number>): number | undefined {
  const match = /^(\d{1,15})([A-Za-z]{1,3})$/.exec(text)
  if (!match) return undefined
  const [, digits, unit] = match as unknown as [string, string, string]
  if (!Object.hasOwn(units, unit)) return undefined
  const value = Number(digits) * (units[unit] as number)
  return Number.isSafeInteger(value) ? value : undefined
}

function formatWithUnit(value: number, units: Record<string, number>, smallest: string): string {
  if (value === 0) return `0${smallest === 'ms' ? 's' : smallest}`
  const [unit, factor] = Object.entries(units)
    .sort(([, a], [, b]) => b - a)
    .find(([, factor]) => Math.abs(value) >= factor && value % factor === 0) ?? [smallest, 1]
  return `${value / factor}${unit}`
}
