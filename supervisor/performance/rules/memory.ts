import type { Finding, Sample } from '../../core/performance.ts'
import { grown, peak, rate, type Window } from '../window.ts'
import { mebibytes, percent, roundUp, span } from '../words.ts'

const setting = '--memory, resources.limits.memory'
const stepBytes = 64 * 1024 ** 2

export function outOfMemory(window: Window): Finding[] {
  const kills = grown(window, (sample) => sample.oomKills)
  const limit = window.last.memoryLimitBytes
  if (!kills) return []
  return [
    {
      id: 'out_of_memory',
      kind: 'bottleneck',
      weight: 1,
      message: `the kernel killed ${kills === 1 ? 'a process' : `${kills} processes`} for want of memory in ${span(window.seconds)}`,
      figures: { oomKills: kills, ...(limit && { memoryLimitBytes: limit }) },
      advice: raise(
        limit,
        limit && roundUp(limit * 1.5, stepBytes),
        'no work is lost to being killed in the middle',
      ),
    },
  ]
}

export function memoryNearLimit(window: Window): Finding[] {
  const limit = window.last.memoryLimitBytes
  const most = peak(window, (sample) => sample.memoryBytes)
  if (!limit || most === undefined || most < limit * 0.85) return []
  const suggested = roundUp(most / 0.7, stepBytes)
  return [
    {
      id: 'memory_near_limit',
      kind: 'risk',
      weight: Math.min(1, most / limit),
      message: `up to ${mebibytes(most)} of ${mebibytes(limit)} were used (${percent(most / limit)})`,
      figures: { memoryBytes: most, memoryLimitBytes: limit },
      advice: raise(
        limit,
        suggested,
        `${percent(1 - most / suggested)} of it stays free for a peak; fewer records at a time need less, too`,
      ),
    },
  ]
}

/** The kernel takes back pages that are soon needed again. */
export function memoryPressure(window: Window): Finding[] {
  if (window.last.pressure?.of !== 'container') return []
  const stalled = rate(window, (sample) => sample.pressure?.memory?.some)
  const limit = window.last.memoryLimitBytes
  if (stalled === undefined || stalled < 0.05) return []
  return [
    {
      id: 'memory_pressure',
      kind: 'bottleneck',
      weight: Math.min(1, stalled),
      message: `processes waited for memory in ${percent(stalled)} of the time`,
      figures: { stalledShare: stalled },
      advice: raise(
        limit,
        limit && roundUp(limit * 1.25, stepBytes),
        `up to ${percent(stalled)} of the time back, which went into fetching pages again`,
      ),
    },
  ]
}

/** A straight line through what was used for minutes that reaches the limit within a day. */
export function memoryGrows(window: Window): Finding[] {
  const limit = window.last.memoryLimitBytes
  const line = limit === undefined ? undefined : trend(window.all, ({ memoryBytes }) => memoryBytes)
  const used = window.last.memoryBytes
  if (!limit || !line || used === undefined || line.seconds < 600 || line.fit < 0.8) return []
  // Less than a part in a thousand of the limit in the time it was seen is noise.
  if (line.perSecond * line.seconds < limit * 0.01) return []
  const secondsLeft = (limit - used) / line.perSecond
  if (secondsLeft > 86_400) return []
  return [
    {
      id: 'memory_grows',
      kind: 'risk',
      weight: Math.min(1, 3_600 / Math.max(1, secondsLeft)),
      message: `memory has grown by ${mebibytes(line.perSecond * line.seconds)} in ${span(line.seconds)} without falling: like this the limit is reached in ${span(secondsLeft)}`,
      figures: { bytesPerSecond: line.perSecond, secondsLeft, fit: line.fit },
      advice: {
        setting: 'the flow (a list or cache that only grows), or a smaller batch',
        now: null,
        suggested: null,
        gain: 'a higher limit only puts it off; without the growth the flow is not killed in the middle of its work',
      },
    },
  ]
}

export function memorySpare(window: Window): Finding[] {
  const limit = window.last.memoryLimitBytes
  const used = window.all.map(({ memoryBytes }) => memoryBytes).filter((bytes) => bytes !== undefined)
  const seconds = (window.last.atMs - (window.all[0]?.atMs ?? window.last.atMs)) / 1000
  const most = Math.max(0, ...used)
  if (!limit || used.length === 0 || seconds < 600 || most > limit / 4) return []
  const suggested = Math.max(2 * stepBytes, roundUp(most * 2, stepBytes))
  if (suggested > limit / 2) return []
  return [
    {
      id: 'memory_spare',
      kind: 'spare',
      weight: 1 - most / limit,
      message: `at most ${mebibytes(most)} of ${mebibytes(limit)} were used in ${span(seconds)}`,
      figures: { memoryBytes: most, memoryLimitBytes: limit, seconds },
      advice: {
        setting,
        now: mebibytes(limit),
        suggested: mebibytes(suggested),
        gain: `${mebibytes(limit - suggested)} for others; twice what it needed at most is left`,
      },
    },
  ]
}

function raise(limit: number | undefined, suggested: number | undefined, gain: string): Finding['advice'] {
  return {
    setting,
    now: limit === undefined ? null : mebibytes(limit),
    suggested: suggested === undefined ? null : mebibytes(suggested),
    gain,
  }
}

/** Least squares; `fit` is the share of the variance that the line explains. */
function trend(samples: readonly Sample[], figure: (sample: Sample) => number | undefined) {
  const points = samples.flatMap((sample) => {
    const y = figure(sample)
    return y === undefined ? [] : [{ x: sample.atMs / 1000, y }]
  })
  const [first, last] = [points[0], points.at(-1)]
  if (!first || !last || points.length < 10) return undefined
  const mean = (pick: (point: { x: number; y: number }) => number) =>
    points.reduce((sum, point) => sum + pick(point), 0) / points.length
  const [x, y] = [mean((point) => point.x), mean((point) => point.y)]
  const xx = mean((point) => (point.x - x) ** 2)
  const yy = mean((point) => (point.y - y) ** 2)
  const xy = mean((point) => (point.x - x) * (point.y - y))
  if (xx === 0 || yy === 0) return undefined
  return { perSecond: xy / xx, fit: xy ** 2 / (xx * yy), seconds: last.x - first.x }
}
