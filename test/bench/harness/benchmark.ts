// What a benchmark is made of: contenders run in turns, each run gives figures, and figures are compared as ratios of
// one run, because machines differ and a busy one drifts.

import type { Peer } from './peers.ts'

export interface Benchmark {
  readonly name: string
  /** For people: what is measured, and how. */
  readonly about: string
  /** What a whole run may take; measuring stops there. */
  readonly budgetSeconds: number
  run(site: Site): Promise<Findings>
}

/** What every benchmark is given. */
export interface Site {
  /** The bundle, made anew for this run. */
  readonly program: string
  readonly version: string
  readonly node: string
  /** For files; removed at the end. */
  readonly directory: string
  readonly quick: boolean
  /** How much of the time is left, in ms. */
  leftMs(): number
}

export interface Findings {
  readonly comparisons: readonly Comparison[]
  /** Peers that are not on this machine. */
  readonly absent?: readonly Peer[]
  /** Why nothing was measured. */
  readonly skipped?: string
}

export interface Comparison {
  readonly metric: string
  readonly unit: string
  readonly better: 'less' | 'more'
  /** Ours is the first. One value per round, undefined where a round gave none. */
  readonly series: readonly Series[]
  readonly targets: readonly Target[]
}

export interface Series {
  readonly name: string
  readonly version: string | undefined
  readonly values: readonly number[]
}

/** With `peer`: ours ÷ the peer's. Without: ours, in the metric's unit. At most, or at least where more is better. */
export interface Target {
  readonly peer?: string
  readonly limit: number
}

export const ours = 'flowkeep'
