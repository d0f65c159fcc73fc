// Runs contenders in turns: A B, then B A, and so on, so that neither drift nor order favours one of them.

import { performance } from 'node:perf_hooks'
import type { Comparison, Series, Site } from './benchmark.ts'

export interface Contender<Metric extends string> {
  readonly name: string
  readonly version?: string | undefined
  /** One run; its figures. */
  run(): Promise<Readonly<Record<Metric, number>>>
}

const roundsMin = 3

/** The figures of every metric; the first contender is ours. */
export async function runRounds<Metric extends string>(
  site: Site,
  contenders: readonly Contender<Metric>[],
  { rounds, warmUps = 1 }: { rounds: number; warmUps?: number },
): Promise<(metric: Metric) => Series[]> {
  const figures = new Map(contenders.map(({ name }) => [name, [] as Readonly<Record<Metric, number>>[]]))
  for (let round = 0; round < warmUps; round++) for (const contender of contenders) await contender.run()

  const wanted = Math.max(roundsMin, site.quick ? Math.round(rounds / 3) : rounds)
  for (let round = 0; round < wanted; round++) {
    const startedAtMs = performance.now()
    for (const contender of round % 2 === 0 ? contenders : contenders.toReversed()) {
      figures.get(contender.name)?.push(await contender.run())
    }
    const tookMs = performance.now() - startedAtMs
    if (round + 1 >= roundsMin && site.leftMs() < tookMs) break
  }
  return (metric) =>
    contenders.map(({ name, version }) => ({
      name,
      version,
      values: (figures.get(name) ?? []).map((run) => run[metric]),
    }))
}

type Words = Omit<Comparison, 'series' | 'targets'> & Partial<Pick<Comparison, 'targets'>>

export function comparison(words: Words, series: readonly Series[]): Comparison {
  return { targets: [], ...words, series }
}
