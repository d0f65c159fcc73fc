// One small history, run again and again with another call failing each time.

import type { Test } from 'tap'
import { loadDisk } from '../../simulation/disks.ts'
import { noFaults } from '../../simulation/link.ts'
import { loadProduct } from '../../simulation/product.ts'
import type { Scenario } from '../../simulation/scenario.ts'
import { runSchedule, type ScheduleOptions, type Verdict } from '../../simulation/schedule.ts'

const product = await loadProduct()

/** A small history in which everything is used: direct, queued, poison, expiry, a permission, an outage, a restart. */
export const scenarioWith = (invocationsPerClient: number) => (): Scenario => ({
  supervisors: 1,
  clientsPerSupervisor: 2,
  invocationsPerClient,
  lanes: 2,
  gapMs: 500,
  requestFaults: noFaults,
  strikes: ['refused', 'stop', 'permission_lost'],
  strikesMax: 3,
  chaosMs: 4_000,
  poison: 0.1,
  guarded: 0.2,
  contended: 0,
  cursed: 0.1,
  expiring: 0.2,
  repeated: 0.1,
  otherContent: 0.3,
  toService: 0.1,
  completions: 0.1,
  revives: true,
})

const seed = 7

/** The same history, with its first call failing, then its second, until one runs to its end. */
export async function eachFailing(
  countOf: (verdict: Verdict) => number,
  failing: (at: number) => Partial<ScheduleOptions>,
  options: Pick<ScheduleOptions, 'createDisk' | 'scenario'>,
): Promise<{ runs: number; problems: string[] }> {
  const problems: string[] = []
  for (let at = 1; ; at++) {
    const verdict = await runSchedule(seed, { product, ...options, ...failing(at) })
    problems.push(...verdict.violations.map(({ kind, message }) => `${at}: ${kind}: ${message}`))
    if (at > countOf(verdict)) return { runs: at, problems }
  }
}

/** Each write to the real journal in its turn: refused, done and reported as failed, or without room. */
export async function eachWriteFailing(t: Test, how: 'before' | 'after' | 'full'): Promise<void> {
  const failing = (call: number) => ({ diskFailsAt: { call, how } })
  const { runs, problems } = await eachFailing(({ calls }) => calls, failing, {
    createDisk: await loadDisk('store'),
    scenario: scenarioWith(4),
  })
  t.same(problems, [])
  t.ok(runs > 30, `only ${runs} writes`)
}
