// What lies between two samples. Counts that have fallen (another pool, another cgroup) say nothing.

import type { DiskSpace, Sample, Tunables } from '../core/performance.ts'

export interface Window {
  readonly seconds: number
  readonly first: Sample
  readonly last: Sample
  /** All that are kept, also those before `first`, for what takes longer to see. */
  readonly all: readonly Sample[]
  readonly tunables: Tunables
  readonly disks: ReadonlyMap<string, DiskSpace>
}

export type Figure = (sample: Sample) => number | undefined

/** @param samples the oldest first; undefined when they are fewer than two, or too near each other to say anything */
export function windowOf(
  samples: readonly Sample[],
  windowMs: number,
  tunables: Tunables,
  disks: ReadonlyMap<string, DiskSpace> = new Map(),
): Window | undefined {
  const last = samples.at(-1)
  const first = last && samples.find(({ atMs }) => last.atMs - atMs <= windowMs)
  if (!first || last.atMs - first.atMs < 1_000) return undefined
  return { seconds: (last.atMs - first.atMs) / 1000, first, last, all: samples, tunables, disks }
}

/** By how much it has grown. */
export function grown({ first, last }: Pick<Window, 'first' | 'last'>, figure: Figure): number | undefined {
  const [from, to] = [figure(first), figure(last)]
  return from === undefined || to === undefined || to < from ? undefined : to - from
}

export function rate(window: Window, figure: Figure): number | undefined {
  const by = grown(window, figure)
  return by === undefined ? undefined : by / window.seconds
}

/** The highest within the window. */
export function peak({ first, all }: Window, figure: Figure): number | undefined {
  const within = all.filter(({ atMs }) => atMs >= first.atMs).map(figure)
  const known = within.filter((value) => value !== undefined)
  return known.length === 0 ? undefined : Math.max(...known)
}

/** CPUs' worth of time that may be used. */
export function cpusAllowed({ cpuLimit, cpus }: Sample): number {
  return Math.min(cpuLimit ?? cpus, cpus)
}
