// What was found, for people and as JSON.

import type { Benchmark, Comparison, Findings, Target } from './benchmark.ts'
import { mad, median, ratio } from './statistics.ts'

export interface Measured {
  readonly benchmark: Pick<Benchmark, 'name' | 'about'>
  readonly findings: Findings
  readonly seconds: number
  /** One-minute load average of the machine before and after. */
  readonly load: readonly [number, number]
}

export interface Verdict {
  readonly target: Target
  /** The ratio, or ours where there is no peer. */
  readonly found: number
  readonly met: boolean
}

/** Targets whose peer was measured. */
export function verdicts({ series, targets, better }: Comparison): Verdict[] {
  const [first] = series
  if (!first) return []
  return targets.flatMap((target) => {
    const peer = series.find(({ name }) => name === target.peer)
    if (target.peer !== undefined && !peer) return []
    const found = peer ? ratio(first.values, peer.values).median : median(first.values)
    return [{ target, found, met: better === 'less' ? found <= target.limit : found >= target.limit }]
  })
}

export function textOf({ benchmark, findings, seconds, load }: Measured): string {
  const lines = [`${benchmark.name}: ${benchmark.about}`]
  if (findings.skipped) lines.push(`  skipped: ${findings.skipped}`)
  for (const one of findings.comparisons) lines.push('', ...comparisonLines(one))
  for (const { name, install } of findings.absent ?? [])
    lines.push(`  ${name} is not here: install ${install}`)
  lines.push(
    '',
    `  ${seconds.toFixed(0)} s; load average ${load.map((value) => value.toFixed(1)).join(' → ')}`,
    '',
  )
  return lines.join('\n')
}

function comparisonLines(compared: Comparison): string[] {
  const { metric, unit, better, series } = compared
  const judged = verdicts(compared)
  const lines = [`  ${metric}, ${unit} (${better} is better, ${series[0]?.values.length} rounds)`]
  for (const [index, { name, version, values }] of series.entries()) {
    const title = version === undefined ? name : `${name} ${version}`
    const found = `${number(median(values)).padStart(9)} ± ${number(mad(values)).padEnd(7)}`
    const against = ratio(series[0]?.values ?? [], values)
    const compared = index === 0 ? '' : `flowkeep ${number(against.median)} ± ${number(against.mad)} ×`
    const verdict = judged.find(({ target }) => target.peer === (index === 0 ? undefined : name))
    lines.push(
      `    ${title.padEnd(36)}${found} ${compared.padEnd(26)} ${verdict ? words(verdict, better) : ''}`.trimEnd(),
    )
  }
  return lines
}

function words({ target, met }: Verdict, better: Comparison['better']): string {
  const limit = `${better === 'less' ? '≤' : '≥'} ${target.limit}${target.peer === undefined ? '' : ' ×'}`
  return `target ${limit}: ${met ? 'met' : 'MISSED'}`
}

function number(value: number): string {
  if (Number.isNaN(value)) return '–'
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2
  return value.toFixed(digits)
}

export function jsonOf({ benchmark, findings, seconds, load }: Measured) {
  return {
    name: benchmark.name,
    about: benchmark.about,
    seconds,
    loadAverage: { before: load[0], after: load[1] },
    skipped: findings.skipped ?? null,
    absent: (findings.absent ?? []).map(({ name, install }) => ({ name, install })),
    comparisons: findings.comparisons.map((compared) => ({
      metric: compared.metric,
      unit: compared.unit,
      better: compared.better,
      contenders: compared.series.map(({ name, version, values }, index) => ({
        name,
        version: version ?? null,
        median: median(values),
        mad: mad(values),
        /** Ours ÷ this one. */
        ratio: index === 0 ? null : ratio(compared.series[0]?.values ?? [], values),
        values,
      })),
      targets: verdicts(compared).map(({ target, found, met }) => ({
        peer: target.peer ?? null,
        limit: target.limit,
        found,
        met,
      })),
    })),
  }
}
