// What is seen of the flow from outside, and the watch that judges it by that. Made here, beside `main.ts`: the calls of
// the flow are counted on their way to the records and to the queue, which know nothing of it.

import type { Settings } from './config/settings.ts'
import type { Clock } from './core/clock.ts'
import { checkName, type Dependency } from './core/dependency.ts'
import type { HealthReport } from './core/health.ts'
import type { Logger } from './core/logger.ts'
import type { OperationQueue } from './core/queue.ts'
import type { Records } from './core/records.ts'
import type { Redact } from './core/secret.ts'
import { askOnce } from './dependencies.ts'
import { describeProcess } from './process/describe-process.ts'
import { StuckWatch } from './process/stuck-watch.ts'

export interface StuckFlowHost {
  readonly clock: Clock
  readonly logger: Logger
  readonly redact: Redact
  /** As they are now. */
  settings(): Settings
  dependencies(): readonly Dependency[]
  health(): Pick<HealthReport, 'checks'>
  /** Lines of the flow so far. */
  lines(): number
  held(): number
  pid(): number | undefined
  restart(): void
  counted(result: 'restarted' | 'left'): void
}

/** Requests of the flow so far, and what they were about. */
export interface FlowCalls {
  readonly claims: number
  readonly claimed: number
  readonly settled: number
  readonly submissions: number
  readonly submitted: number
}

export interface StuckFlow {
  readonly watch: StuckWatch
  readonly calls: FlowCalls
  /** The flow has said that it is well. */
  readied(): void
  watchQueue(queue: OperationQueue): OperationQueue
  watchRecords(records: Records): Records
}

export function createStuckFlow(host: StuckFlowHost): StuckFlow {
  const { clock, counted, logger, redact, restart } = host
  let work = 0
  let signs = 0
  let waiting = 0
  const calls = { claims: 0, claimed: 0, settled: 0, submissions: 0, submitted: 0 }
  const watch = new StuckWatch({
    ...{ clock, counted, logger, restart },
    stuckAfterMs: () => host.settings().flow.stuckAfterMs,
    activity: () => ({ work, signs: signs + host.lines(), held: host.held(), waiting: waiting > 0 }),
    outage() {
      const { checks } = host.health()
      return host.dependencies().some((dependency) => checks[checkName(dependency)]?.status === 'unhealthy')
    },
    async whatIsAway() {
      const refusals = await askOnce(host.dependencies())
      return refusals.map(({ dependency, reason, message }) =>
        redact(`${checkName(dependency)} ${reason}: ${message}`),
      )
    },
    describeFlow: () => describeProcess(host.pid()),
  })
  /** Whatever the answer is, also a refusal: the flow has brought its work as far as it goes. */
  const counting = async <T>(call: Promise<T>): Promise<T> => {
    try {
      return await call
    } finally {
      work++
    }
  }
  return {
    watch,
    calls,
    readied() {
      work++
    },
    watchQueue: (queue) => ({
      submit(raw) {
        calls.submissions++
        calls.submitted += raw.length
        return counting(queue.submit(raw))
      },
      list: (request) => queue.list(request),
      show: (id) => queue.show(id),
      retry: (id) => queue.retry(id),
      discard: (id) => queue.discard(id),
      stats: () => queue.stats(),
    }),
    watchRecords: (records) => ({
      enqueue: (body) => counting(records.enqueue(body)),
      async claim(body, gone) {
        signs++
        waiting++
        calls.claims++
        try {
          const handed = await records.claim(body, gone)
          calls.claimed += handed.records.length
          return handed
        } finally {
          waiting--
        }
      },
      settle(action, id, body) {
        calls.settled++
        return counting(records.settle(action, id, body))
      },
      async completeAll(body) {
        const completed = await counting(records.completeAll(body))
        calls.settled += completed.length
        return completed
      },
      stats: () => records.stats(),
    }),
  }
}
