// What the history of builds says: how long they take and whether that changes, and what would make them quicker. Pure.

import { median, plural, seconds } from '../host/figures.ts'
import type { BuildEntry } from './history.ts'

export interface Trend {
  /** The targets that were built together. */
  readonly targets: string
  readonly builds: number
  readonly medianMs: number
  /** Of the last builds against those before; undefined where there are too few. */
  readonly recent?: { readonly medianMs: number; readonly verdict: 'slower' | 'quicker' | 'steady' }
}

export interface BuildReport {
  readonly builds: number
  readonly failed: number
  /** Share of the steps that came from the cache, from 0 to 1. */
  readonly cached: number
  /** Builds whose images all came out as they had been. */
  readonly needless: number
  readonly trends: readonly Trend[]
  readonly advice: readonly string[]
}

/** Builds of the same targets before anything is said about a trend, and how many of them are the recent ones. */
export const trendBuildsMin = 10
const recentBuilds = 5
/** Differences that are no more than this are nothing to speak of. */
const trendShareMin = 0.15
const trendMadsMin = 3

const adviceBuildsMin = 5
/** A step is worth a word when it was waited for in this share of the builds, for this share of their time. */
const heavyShare = 0.3
const heavyMsMin = 2_000
const freshDays = 14
const dayMs = 86_400_000

export function reportOf(entries: readonly BuildEntry[], nowMs: number): BuildReport {
  const done = entries.filter(({ ok }) => ok)
  const steps = done.map((entry) => entry.steps)
  const all = sum(steps.map((step) => step.all))
  return {
    builds: entries.length,
    failed: entries.length - done.length,
    cached: all === 0 ? 0 : sum(steps.map((step) => step.cached)) / all,
    needless: done.filter(isNeedless).length,
    trends: trendsOf(done.filter(({ options }) => options.length === 0)),
    advice: [...heavySteps(done), ...restlessInputs(done), ...missedCache(done), ...old(done, nowMs)],
  }
}

function isNeedless({ targets, unchanged, options }: BuildEntry): boolean {
  return options.length === 0 && targets.every((target) => unchanged.includes(target))
}

function trendsOf(entries: readonly BuildEntry[]): Trend[] {
  const groups = Map.groupBy(entries, ({ targets }) => targets.join(', '))
  return [...groups].map(([targets, builds]) => {
    const times = builds.map(({ durationMs }) => durationMs)
    const trend = { targets, builds: builds.length, medianMs: median(times) ?? 0 }
    if (builds.length < trendBuildsMin) return trend
    const [before, recent] = [times.slice(0, -recentBuilds), times.slice(-recentBuilds)]
    return { ...trend, recent: { medianMs: median(recent) ?? 0, verdict: verdictOf(before, recent) } }
  })
}

/** By median and median absolute deviation: one build on a busy machine is no trend. */
function verdictOf(before: readonly number[], recent: readonly number[]): 'slower' | 'quicker' | 'steady' {
  const [old, now] = [median(before) ?? 0, median(recent) ?? 0]
  const mad = median(before.map((value) => Math.abs(value - old))) ?? 0
  const difference = Math.abs(now - old)
  if (difference <= Math.max(old * trendShareMin, mad * trendMadsMin)) return 'steady'
  return now > old ? 'slower' : 'quicker'
}

/** Steps that builds wait for again and again. */
function heavySteps(entries: readonly BuildEntry[]): string[] {
  if (entries.length < adviceBuildsMin) return []
  const times = new Map<string, number[]>()
  for (const { critical } of entries) {
    for (const { name, ms } of critical) {
      // The same step is called after one target in one build and after another in the next.
      const step = name.replace(/^\[\S+ (?=\S)/, '[').replace(/\s+/g, ' ')
      times.set(step, [...(times.get(step) ?? []), ms])
    }
  }
  return [...times]
    .map(([step, values]) => ({ step, values, ms: median(values) ?? 0 }))
    .filter(({ values, ms }) => values.length >= entries.length * heavyShare && ms >= heavyMsMin)
    .sort((a, b) => sum(b.values) - sum(a.values))
    .slice(0, 3)
    .map(
      ({ step, values, ms }) =>
        `${values.length} of ${plural(entries.length, 'build')} waited for ${step} (${seconds(ms)}): move what it needs and rarely changes in front of what often does, or give it a cache mount.`,
    )
}

/** Inputs that cause most of the builds. */
function restlessInputs(entries: readonly BuildEntry[]): string[] {
  if (entries.length < adviceBuildsMin) return []
  const counts = new Map<string, number>()
  for (const { causes, targets } of entries) {
    // What rebuilds one image only is what a build is for.
    if (targets.length > 1) for (const cause of causes) counts.set(cause, (counts.get(cause) ?? 0) + 1)
  }
  return [...counts]
    .filter(([cause, count]) => / changed$/.test(cause) && count >= Math.max(3, entries.length * heavyShare))
    .sort(([, a], [, b]) => b - a)
    .slice(0, 2)
    .map(
      ([cause, count]) =>
        `"${cause}" rebuilt several images in ${count} of ${plural(entries.length, 'build')}: if only a part of it is needed, copy that part alone.`,
    )
}

function missedCache(entries: readonly BuildEntry[]): string[] {
  const cold = entries.filter(
    ({ steps, options }) => steps.all > 0 && steps.cached === 0 && !options.includes('--no-cache'),
  )
  if (entries.length < adviceBuildsMin || cold.length < entries.length / 2) return []
  return [
    `${cold.length} of ${plural(entries.length, 'build')} found nothing in the cache: see whether something prunes it (docker builder prune, a full disk, an engine that is new each time).`,
  ]
}

function old(entries: readonly BuildEntry[], nowMs: number): string[] {
  const fresh = entries.findLast(({ options }) => options.includes('--no-cache'))
  const sinceMs = nowMs - Date.parse((fresh ?? entries[0])?.at ?? '')
  if (!(sinceMs > freshDays * dayMs)) return []
  const days = Math.floor(sinceMs / dayMs)
  return [
    `For ${plural(days, 'day')} no build fetched Debian's packages anew: flowkeepctl build --no-cache --pull brings their security updates.`,
  ]
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
