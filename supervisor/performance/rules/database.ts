// The sessions of each database. How many are needed follows from Little's law: uses in a second times the time of one.

import type { Finding } from '../../core/performance.ts'
import { grown, peak, rate, type Window } from '../window.ts'
import { percent, short, span } from '../words.ts'

/** Below this many uses in the window nothing can be said. */
const usesMin = 20
const slowMs = 100

export function databases(window: Window): Finding[] {
  return Object.keys(window.last.databases).flatMap((name) => {
    const figures = figuresOf(window, name)
    return figures
      ? [...tooFew(name, figures), ...slow(name, figures), ...tooMany(name, figures, window)]
      : []
  })
}

interface Figures {
  readonly size: number
  readonly uses: number
  readonly usesPerSecond: number
  readonly usedMs: number
  readonly waitedMs: number
  /** Sessions in use on average. */
  readonly busy: number
}

function figuresOf(window: Window, name: string): Figures | undefined {
  const of = (figure: 'uses' | 'usedMs' | 'waitedMs') =>
    grown(window, (sample) => sample.databases[name]?.[figure])
  const [uses, usedMs, waitedMs] = [of('uses'), of('usedMs'), of('waitedMs')]
  const size = window.tunables.poolSizes[name] ?? window.last.databases[name]?.size
  if (!uses || uses < usesMin || usedMs === undefined || waitedMs === undefined || !size) return undefined
  return {
    ...{ size, uses, usesPerSecond: uses / window.seconds, usedMs: usedMs / uses, waitedMs: waitedMs / uses },
    busy: usedMs / 1000 / window.seconds,
  }
}

function poolSize(name: string): string {
  return `CONTAINER_DATABASE_${name.toUpperCase()}_POOL_SIZE`
}

/** Callers wait for a session longer than a part of what they then do with it. */
function tooFew(name: string, { size, busy, usedMs, waitedMs, usesPerSecond }: Figures): Finding[] {
  const share = waitedMs / (waitedMs + usedMs)
  if (share < 0.2 || busy < size * 0.7) return []
  // All that is asked for now, at about two thirds of use, where waiting is rare.
  const demand = (usesPerSecond * (usedMs + waitedMs)) / 1000
  const suggested = Math.min(4 * size, Math.max(size + 1, Math.ceil(demand / 0.66)))
  return [
    {
      id: 'sessions_too_few',
      kind: 'bottleneck',
      weight: share,
      message: `callers wait ${short(waitedMs)} ms for one of ${size} sessions of ${name} and use it for ${short(usedMs)} ms`,
      figures: { waitedMs, usedMs, size, busySessions: busy, usesPerSecond },
      advice: {
        setting: poolSize(name),
        now: String(size),
        suggested: String(suggested),
        gain: `most of those ${short(waitedMs)} ms: up to ${percent(share)} less time for each use, as long as the database keeps its ${short(usedMs)} ms`,
      },
    },
  ]
}

function slow(name: string, { usedMs, uses, busy, usesPerSecond }: Figures): Finding[] {
  if (usedMs < slowMs) return []
  return [
    {
      id: 'database_slow',
      kind: 'bottleneck',
      weight: Math.min(1, usedMs / 1000) * 0.7,
      message: `a use of ${name} takes ${short(usedMs)} ms on average (${uses} of them)`,
      figures: { usedMs, uses, busySessions: busy, usesPerSecond },
      advice: {
        setting: `${name} itself: slow statements, locks, its disk, the way to it`,
        now: null,
        suggested: null,
        gain: `more sessions do not help; each tenth off those ${short(usedMs)} ms is a tenth off every operation and completion`,
      },
    },
  ]
}

/** Each session is a process of the server. */
function tooMany(name: string, { size, usesPerSecond }: Figures, window: Window): Finding[] {
  const seconds = (window.last.atMs - (window.all[0]?.atMs ?? window.last.atMs)) / 1000
  const most = peak(
    { ...window, first: window.all[0] ?? window.first },
    (sample) => sample.databases[name]?.inUse,
  )
  const busy = rate(window, (sample) => sample.databases[name]?.usedMs)
  if (seconds < 600 || size <= 5 || most === undefined || busy === undefined || most > size / 4) return []
  const suggested = Math.max(5, most * 2)
  return [
    {
      id: 'sessions_spare',
      kind: 'spare',
      weight: 1 - most / size,
      message: `at most ${most} of ${size} sessions of ${name} were seen in use in ${span(seconds)}`,
      figures: { inUse: most, size, usesPerSecond },
      advice: {
        setting: poolSize(name),
        now: String(size),
        suggested: String(suggested),
        gain: `${size - suggested} sessions of the server that each replica does not hold`,
      },
    },
  ]
}
