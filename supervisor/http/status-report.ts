// The answer to `GET /v1/status`, put together from what the parts know.

import { type FlowExit, reasonOfFlowExit } from '../core/exit.ts'
import type { HealthReport } from '../core/health.ts'
import { limits } from '../core/limits.ts'
import type { QueueStats } from '../core/queue.ts'
import type { RecordsStats } from '../core/records.ts'
import type { OpenAlert, StatusReport } from '../core/status.ts'

export interface StatusSources {
  readonly health: HealthReport
  readonly environment: string
  /** Wall clock. */
  readonly startedAtMs: number
  readonly nowMs: number
  readonly ready: boolean
  readonly flow: {
    readonly pid: number | undefined
    readonly generation: number
    readonly restarts: number
    readonly startedAtMs: number | undefined
    readonly lastExit: FlowExit | undefined
    readonly lastExitAtMs: number | undefined
  }
  readonly resources: {
    readonly memoryBytes: number | undefined
    readonly memoryLimitBytes: number | undefined
    readonly cpuSeconds: number | undefined
    readonly cpuThrottledSeconds: number | undefined
    readonly oomKills: number | undefined
    readonly pids: number | undefined
  }
  readonly queue: QueueStats | undefined
  readonly records: RecordsStats | undefined
  /** Bounded already. */
  readonly alerts: readonly OpenAlert[] | null
  readonly log: { readonly lines: number; readonly dropped: number }
}

export function statusReport(sources: StatusSources): StatusReport {
  const { flow, resources } = sources
  return {
    health: sources.health,
    environment: sources.environment,
    startedAt: new Date(sources.startedAtMs).toISOString(),
    uptimeMs: sources.nowMs - sources.startedAtMs,
    process: {
      pid: flow.pid ?? null,
      ready: sources.ready,
      generation: flow.generation,
      restarts: flow.restarts,
      startedAt: isoOrNull(flow.startedAtMs),
      lastExit: flow.lastExit
        ? {
            reason: reasonOfFlowExit(flow.lastExit),
            code: flow.lastExit.code ?? null,
            signal: flow.lastExit.signal ?? null,
            at: new Date(flow.lastExitAtMs ?? sources.nowMs).toISOString(),
          }
        : null,
    },
    resources: {
      memoryBytes: resources.memoryBytes ?? null,
      memoryLimitBytes: resources.memoryLimitBytes ?? null,
      cpuSeconds: resources.cpuSeconds ?? null,
      cpuThrottledSeconds: resources.cpuThrottledSeconds ?? null,
      oomKills: resources.oomKills ?? null,
      pids: resources.pids ?? null,
    },
    queue: sources.queue ? boundedQueue(sources.queue) : null,
    records: sources.records ?? null,
    alerts: sources.alerts,
    log: sources.log,
  }
}

/** Whatever lies in the state directory, the answer stays one that can be read. */
function boundedQueue(queue: QueueStats): QueueStats {
  return { ...queue, quarantinedFiles: queue.quarantinedFiles.slice(0, limits.statusFiles) }
}

function isoOrNull(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString()
}
