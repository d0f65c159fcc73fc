// The report of a run: figures, verdict, and what to do. On the screen and as JSON.

import type { Account } from './account.ts'
import type { Campaign } from './campaign.ts'
import { faultNames } from './faults/all.ts'
import type { Options } from './options.ts'

export interface Report {
  readonly outcome: 'passed' | 'failed' | 'invalid'
  /** One line each. */
  readonly reasons: readonly string[]
  readonly advice: string
  readonly command: string
  readonly seed: number
  readonly minutes: number
  readonly supervisors: number
  readonly writers: number
  readonly faults: Readonly<Record<string, number>>
  readonly totals: Omit<Account, 'violations'>
  readonly violations: Readonly<Record<string, number>>
  readonly examples: readonly string[]
  readonly longestDrainMs: number
  readonly longestHealingMs: number
  readonly absent: readonly string[]
}

const examplesMax = 20
/** Fewer say nothing. */
const acknowledgedMin = 100

export function reportOf(campaign: Campaign, options: Options, absent: readonly string[]): Report {
  const { cycles, accounts, failure } = campaign
  const sum = (figure: Exclude<keyof Account, 'violations'>) =>
    accounts.reduce((total, account) => total + account[figure], 0)
  const found = accounts.flatMap(({ violations }) => violations)
  const acknowledged = sum('acknowledged')
  const reasons = [
    ...(found.length > 0 ? [`${found.length} violations`] : []),
    ...(failure === undefined ? [] : [failure]),
    ...(acknowledged < acknowledgedMin ? [`only ${acknowledged} operations were acknowledged`] : []),
  ]
  const outcome = found.length > 0 ? 'failed' : reasons.length > 0 ? 'invalid' : 'passed'
  return {
    ...{ outcome, reasons, absent, seed: options.seed, command: commandOf(options, cycles.length) },
    advice: advice[outcome],
    minutes: Math.round(campaign.tookMs / 6_000) / 10,
    supervisors: options.supervisors,
    writers: options.writers,
    faults: countBy(cycles.map(({ fault }) => fault)),
    totals: {
      ...{ acknowledged, invocations: sum('invocations'), queued: sum('queued'), refused: sum('refused') },
      ...{ unanswered: sum('unanswered'), conflicts: sum('conflicts'), effects: sum('effects') },
      dead: sum('dead'),
    },
    violations: countBy(found.map(({ kind }) => kind)),
    examples: found.slice(0, examplesMax).map(({ kind, message }) => `${kind}: ${message}`),
    longestDrainMs: Math.round(campaign.longestDrainMs),
    longestHealingMs: Math.round(Math.max(0, ...cycles.map(({ healedMs }) => healedMs))),
  }
}

const advice = {
  passed: 'Nothing.',
  failed:
    'A promise of the queue is broken. The examples name operations; the ledgers and the supervisors’ state are in the files that were kept. Repeat it with the command, then make it smaller with --scenario.',
  invalid:
    'Nothing is proven either way. If the machine was overloaded, repeat it with fewer --supervisors or --writers; if the same fault does not bite or heal again, look into that fault with --scenario.',
} as const

function commandOf({ seed, scenarios, supervisors, writers, bug }: Options, cycles: number): string {
  const words = [
    ...['npm run chaos --', `--seed ${seed}`, `--cycles ${Math.max(1, cycles)}`],
    ...(scenarios.length === 0 ? [] : [`--scenario ${scenarios.join(',')}`]),
    ...[`--supervisors ${supervisors}`, `--writers ${writers}`],
    ...(bug === undefined ? [] : [`--bug ${bug}`]),
  ]
  return words.join(' ')
}

export function textOf(report: Report): string {
  const { totals, faults, violations } = report
  const count = (number: number) => number.toLocaleString('en-US')
  const of = (...kinds: string[]) => kinds.reduce((sum, kind) => sum + (violations[kind] ?? 0), 0)
  const injected = Object.values(faults).reduce((sum, times) => sum + times, 0)
  const others = Object.keys(violations).filter(
    (kind) => !['lost', 'duplicate', 'phantom', 'order'].includes(kind),
  )
  return [
    '',
    `${report.outcome.toUpperCase()}  ${report.reasons.join('; ')}`,
    '',
    `${report.minutes} minutes, ${report.supervisors} supervisors with ${report.writers} writers each, seed ${report.seed}`,
    `${injected} faults of ${Object.keys(faults).length} kinds, each seen to bite and seen healed:`,
    ...faultNames.flatMap((name) =>
      faults[name] ? [`  ${name.padEnd(28)}${String(faults[name]).padStart(5)}`] : [],
    ),
    `${count(totals.acknowledged)} operations acknowledged, ${count(totals.queued)} of them through the queue; ${count(totals.effects)} effects, ${count(totals.dead)} dead letters`,
    `${count(totals.refused)} refused (${count(totals.conflicts)} for other content under a used id), ${count(totals.unanswered)} left without an answer`,
    `${of('lost')} lost, ${of('duplicate')} duplicated, ${of('phantom')} phantom, ${of('order')} out of order${others.map((kind) => `, ${violations[kind]} ${kind}`).join('')}`,
    ...(report.outcome === 'passed'
      ? [`at a confidence of 95 %: fewer than one in ${count(Math.floor(totals.acknowledged / 3))}`]
      : []),
    `longest drain ${report.longestDrainMs} ms, longest healing ${report.longestHealingMs} ms`,
    ...report.absent.map((sentence) => `left out: ${sentence}`),
    ...report.examples.map((example) => `  ${example}`),
    `what to do: ${report.advice}`,
    `again: ${report.command}`,
    '',
  ].join('\n')
}

function countBy(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1
  return counts
}
