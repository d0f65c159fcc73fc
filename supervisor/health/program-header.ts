// A health check program says in a comment how it wants to be run: `# flowkeep: interval=30s timeout=5s`.

import { limits } from '../core/limits.ts'
import { formatDuration, parseDurationMs } from '../core/units.ts'

export interface ProgramTimes {
  readonly intervalMs: number
  readonly timeoutMs: number
}

export type ProgramHeader =
  | { readonly ok: true; readonly times: ProgramTimes }
  | { readonly ok: false; readonly message: string }

const timeoutMsMin = 100

/** @param start the first `limits.healthProgramHeaderBytes` of the program */
export function parseProgramHeader(start: string, defaults: ProgramTimes): ProgramHeader {
  const lines = start.split('\n').filter((line) => /^\s*(?:#|\/\/|--|;)+\s*flowkeep:/.test(line))
  if (lines.length === 0) return { ok: true, times: defaults }
  if (lines.length > 1) return bad('there is more than one')

  const given = new Map<string, number>()
  const [, words = ''] = (lines[0] as string).split('flowkeep:', 2)
  for (const word of words.trim().split(/\s+/).filter(Boolean)) {
    const [key, value, ...rest] = word.split('=')
    if ((key !== 'interval' && key !== 'timeout') || value === undefined || rest.length > 0) {
      return bad(`"${word.slice(0, 40)}" is neither interval=… nor timeout=…`)
    }
    if (given.has(key)) return bad(`${key} is given twice`)
    const valueMs = parseDurationMs(value)
    if (valueMs === undefined) return bad(`"${value.slice(0, 40)}" is not a duration such as 30s`)
    given.set(key, valueMs)
  }
  if (given.size === 0) return bad('it says nothing')
  return withinBounds({
    intervalMs: given.get('interval') ?? defaults.intervalMs,
    timeoutMs: given.get('timeout') ?? Math.min(defaults.timeoutMs, given.get('interval') ?? Infinity),
  })
}

function withinBounds(times: ProgramTimes): ProgramHeader {
  const { healthProgramIntervalMsMin: min, healthProgramIntervalMsMax: max } = limits
  if (times.intervalMs < min || times.intervalMs > max) {
    return bad(`interval is to be from ${formatDuration(min)} to ${formatDuration(max)}`)
  }
  if (times.timeoutMs < timeoutMsMin || times.timeoutMs > times.intervalMs) {
    return bad(`timeout is to be from ${formatDuration(timeoutMsMin)} to the interval`)
  }
  return { ok: true, times }
}

function bad(why: string): ProgramHeader {
  return { ok: false, message: `its "flowkeep:" header is not understood: ${why}` }
}
