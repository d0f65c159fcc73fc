// Records as metrics. How many are pending is counted in the database, where every replica reads the same; the rest is
// what this supervisor has done.

import { Counter, Gauge, type Registry } from 'prom-client'
import { limits } from '../core/limits.ts'
import type { RecordQueueStats, RecordsStats } from '../core/records.ts'
import { otherLabel } from './label-guard.ts'

/** @param read the figures of this scrape; undefined while there are none, and then there are no samples */
export function addRecords(registry: Registry, read: () => RecordsStats | undefined): void {
  const done = (name: string, help: string, figure: (stats: RecordQueueStats) => number) =>
    new Counter({
      name: `flowkeep_records_${name}_total`,
      help,
      labelNames: ['queue'],
      registers: [registry],
      collect() {
        this.reset()
        for (const [queue, stats] of boundedQueues(read())) this.inc({ queue }, figure(stats))
      },
    })
  done('claimed', 'Records claimed for the flow.', ({ claimed }) => claimed)
  done('completed', 'Records completed, with their effects.', ({ completed }) => completed)
  done('failed', 'Records that the flow could not work on.', ({ failed }) => failed)
  done('fenced', 'Attempts to settle a record that has a newer owner: refused.', ({ fenced }) => fenced)
  new Gauge({
    name: 'flowkeep_records_pending',
    help: 'Records that wait, in the database; the same from every replica.',
    labelNames: ['queue'],
    registers: [registry],
    collect() {
      this.reset()
      for (const [queue, { pending }] of boundedQueues(read()))
        if (pending !== null) this.set({ queue }, pending)
    },
  })
}

/** The first ones by name, and the rest together as one. */
function boundedQueues(stats: RecordsStats | undefined): [string, RecordQueueStats][] {
  const sorted = Object.entries(stats?.queues ?? {})
  const [first, ...others] = sorted.slice(limits.metricRecordQueues).map(([, queue]) => queue)
  const shown = sorted.slice(0, limits.metricRecordQueues)
  return first ? [...shown, [otherLabel, others.reduce(together, first)]] : shown
}

function together(a: RecordQueueStats, b: RecordQueueStats): RecordQueueStats {
  return {
    ...a,
    pending: (a.pending ?? 0) + (b.pending ?? 0),
    claimed: a.claimed + b.claimed,
    completed: a.completed + b.completed,
    failed: a.failed + b.failed,
    fenced: a.fenced + b.fenced,
  }
}
