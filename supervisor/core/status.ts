// What `GET /v1/status` answers and `flowkeep status` prints. The composition root fills it in.

import type { HealthReport } from './health.ts'
import type { QueueStats } from './queue.ts'
import type { RecordsStats } from './records.ts'

/** An alert that is raised and not over. */
export interface OpenAlert {
  /** As in `runbooks/alerts/`. */
  readonly name: string
  readonly severity: 'critical' | 'warning' | 'info'
  /** ISO time. */
  readonly since: string
  /** What it is about where there may be several: a path, a target, a check. */
  readonly target: string | null
  readonly description: string
  /** The container it was taken over from; null for this one's own. */
  readonly instance: string | null
  /** Receivers that have not been told yet. */
  readonly untold: readonly string[]
}

export interface StatusReport {
  readonly health: HealthReport
  readonly environment: string
  /** ISO time at which the supervisor started. */
  readonly startedAt: string
  readonly uptimeMs: number
  readonly process: {
    /** The flow's leader while one runs. */
    readonly pid: number | null
    readonly ready: boolean
    /** 1 for the first start in the container's life. */
    readonly generation: number
    /** Restarts after a failure, over the container's life. */
    readonly restarts: number
    readonly startedAt: string | null
    readonly lastExit: {
      readonly reason: string
      readonly code: number | null
      readonly signal: string | null
      readonly at: string
    } | null
  }
  /** From the cgroup; null where the kernel does not say. */
  readonly resources: {
    readonly memoryBytes: number | null
    readonly memoryLimitBytes: number | null
    readonly cpuSeconds: number | null
    readonly cpuThrottledSeconds: number | null
    readonly oomKills: number | null
    readonly pids: number | null
  }
  /** Null until the queue is open. */
  readonly queue: QueueStats | null
  /** Null until they can be had. */
  readonly records: RecordsStats | null
  /** The most severe first, `limits.alertsShown` at most; null where no receiver of alerts is named. */
  readonly alerts: readonly OpenAlert[] | null
  readonly log: { readonly lines: number; readonly dropped: number }
}
