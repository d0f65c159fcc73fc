// Many schedules, counted together. A schedule counts only if enough was acknowledged and its faults were felt;
// which faults were felt in no schedule at all is part of the answer.

import { runSchedule, type ScheduleOptions } from './schedule.ts'

export interface Campaign {
  readonly schedules: number
  /** Those with enough acknowledgements to say something. */
  readonly counted: number
  readonly acknowledged: number
  readonly effects: number
  readonly events: number
  readonly virtualMs: number
  readonly violations: Readonly<Record<string, number>>
  /** Schedules in which each fault was felt. */
  readonly bitten: Readonly<Record<string, number>>
  /** The first ones, with what was wrong. */
  readonly failed: readonly { readonly seed: number; readonly messages: readonly string[] }[]
}

export const acknowledgedMin = 3
const failedMax = 20

/** What a campaign counts of one schedule. */
export interface Counted {
  readonly seed: number
  readonly violations: readonly { readonly kind: string; readonly message: string }[]
  readonly acknowledged: number
  readonly effects: number
  readonly events: number
  readonly virtualMs: number
  readonly bitten: ReadonlyMap<string, number>
}

export interface CampaignRange {
  readonly firstSeed: number
  readonly schedules: number
  /** From one seed to the next: several workers share a range. */
  readonly step?: number
  readonly progress?: (done: number, failed: number) => void
  /** Stops at the first violation. */
  readonly untilFailure?: boolean
}

export type CampaignOptions = CampaignRange & ScheduleOptions

/** Over the operation queue. */
export async function runCampaign(options: CampaignOptions): Promise<Campaign> {
  return await runAll(options, (seed) => runSchedule(seed, options))
}

export async function runAll(
  options: CampaignRange,
  run: (seed: number) => Promise<Counted>,
): Promise<Campaign> {
  let sum = noSchedules
  for (let index = 0; index < options.schedules; index++) {
    const seed = options.firstSeed + index * (options.step ?? 1)
    sum = add(sum, await judged(seed, run))
    options.progress?.(sum.schedules, sum.failed.length)
    if (options.untilFailure && sum.failed.length > 0) break
  }
  return sum
}

/** A schedule that throws has failed as well. */
async function judged(seed: number, run: (seed: number) => Promise<Counted>): Promise<Campaign> {
  try {
    return campaignOf(await run(seed))
  } catch (error) {
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error)
    return { ...noSchedules, schedules: 1, violations: { error: 1 }, failed: [{ seed, messages: [message] }] }
  }
}

export const noSchedules: Campaign = {
  schedules: 0,
  counted: 0,
  acknowledged: 0,
  effects: 0,
  events: 0,
  virtualMs: 0,
  violations: {},
  bitten: {},
  failed: [],
}

function campaignOf({
  seed,
  violations,
  acknowledged,
  effects,
  events,
  virtualMs,
  bitten,
}: Counted): Campaign {
  const kinds: Record<string, number> = {}
  for (const { kind } of violations) kinds[kind] = (kinds[kind] ?? 0) + 1
  const messages = violations.map(({ kind, message }) => `${kind}: ${message}`)
  return {
    schedules: 1,
    counted: acknowledged >= acknowledgedMin ? 1 : 0,
    acknowledged,
    effects,
    events,
    virtualMs,
    violations: kinds,
    bitten: Object.fromEntries([...bitten.keys()].map((fault) => [fault, 1])),
    failed: violations.length === 0 ? [] : [{ seed, messages }],
  }
}

export function add(a: Campaign, b: Campaign): Campaign {
  return {
    schedules: a.schedules + b.schedules,
    counted: a.counted + b.counted,
    acknowledged: a.acknowledged + b.acknowledged,
    effects: a.effects + b.effects,
    events: a.events + b.events,
    virtualMs: a.virtualMs + b.virtualMs,
    violations: summed(a.violations, b.violations),
    bitten: summed(a.bitten, b.bitten),
    failed: [...a.failed, ...b.failed].slice(0, failedMax),
  }
}

function summed(
  a: Readonly<Record<string, number>>,
  b: Readonly<Record<string, number>>,
): Record<string, number> {
  const sum: Record<string, number> = { ...a }
  for (const [name, count] of Object.entries(b)) sum[name] = (sum[name] ?? 0) + count
  return sum
}
