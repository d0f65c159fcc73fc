// The operation queue as metrics. What waits for a target is read at the scrape; what became of operations is counted.

import { Counter, Gauge, type Registry } from 'prom-client'
import { limits } from '../core/limits.ts'
import type { BreakerState, QueueStats, TargetStats } from '../core/queue.ts'
import { createLabelGuard, otherLabel } from './label-guard.ts'

/** The greater the worse, so that `max` over the replicas shows the worst one. */
const breakerValues: Readonly<Record<BreakerState, number>> = { closed: 0, half_open: 1, open: 2 }

/** @param read the figures of this scrape; undefined while there is no queue yet, and then there are no samples */
export function addQueue(registry: Registry, read: () => QueueStats | undefined): void {
  const perTarget = (name: string, help: string, figure: (stats: TargetStats) => number) =>
    new Gauge({
      name: `flowkeep_${name}`,
      help,
      labelNames: ['target'],
      registers: [registry],
      collect() {
        this.reset()
        for (const [target, stats] of boundedTargets(read())) this.set({ target }, figure(stats))
      },
    })
  const whole = (name: string, help: string, figure: (stats: QueueStats) => number) =>
    new Gauge({
      name: `flowkeep_${name}`,
      help,
      registers: [registry],
      collect() {
        const stats = read()
        if (stats === undefined) this.remove()
        else this.set(figure(stats))
      },
    })
  perTarget(
    'operations_queued',
    'Operations that wait in the local queue, held ones included.',
    ({ queued, held }) => queued + held,
  )
  whole('operations_queued_bytes', 'What they take on disk.', ({ bytes }) => bytes)
  whole(
    'operations_oldest_age_seconds',
    'How long the oldest of them has waited; 0 when none waits.',
    ({ oldestAgeMs }) => (oldestAgeMs ?? 0) / 1000,
  )
  perTarget('operations_dead', 'Dead letters: operations that wait for a person.', ({ dead }) => dead)
  perTarget(
    'breaker_state',
    'Whether the target is tried: 0 closed (yes), 1 half open (a few at a time), 2 open (not now).',
    ({ breaker }) => breakerValues[breaker],
  )
}

/** @returns what counts operations by target and by what became of them */
export function createOperationCounter(
  registry: Registry,
): (target: string, result: string, count: number) => void {
  const counter = new Counter({
    name: 'flowkeep_operations_total',
    help: 'Operations by what became of them.',
    labelNames: ['target', 'result'],
    registers: [registry],
  })
  const guardTarget = createLabelGuard(limits.metricTargets)
  const guardResult = createLabelGuard(limits.metricOperationResults)
  return (target, result, count) =>
    counter.inc({ target: guardTarget(target), result: guardResult(result) }, count)
}

/** The first ones by name, and the rest together as one. */
function boundedTargets(stats: QueueStats | undefined): [string, TargetStats][] {
  const sorted = Object.entries(stats?.targets ?? {}).sort(([a], [b]) => (a < b ? -1 : 1))
  const [first, ...others] = sorted.slice(limits.metricTargets).map(([, target]) => target)
  const shown = sorted.slice(0, limits.metricTargets)
  return first ? [...shown, [otherLabel, others.reduce(together, first)]] : shown
}

function together(a: TargetStats, b: TargetStats): TargetStats {
  const worse = breakerValues[a.breaker] >= breakerValues[b.breaker] ? a : b
  return { ...worse, queued: a.queued + b.queued, held: a.held + b.held, dead: a.dead + b.dead }
}
