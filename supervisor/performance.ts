// What the container uses of what it may use, measured where each figure is known. Made here, beside `main.ts`.

import { availableParallelism } from 'node:os'
import { performance } from 'node:perf_hooks'
import type { Settings } from './config/settings.ts'
import type { Clock } from './core/clock.ts'
import type { DiskSpace, Sample, SessionFigures, Tunables } from './core/performance.ts'
import type { QueueStats } from './core/queue.ts'
import { PerformanceMonitor } from './performance/monitor.ts'
import type { DatabasePool } from './postgres/pool.ts'
import type { Cgroup } from './resources/cgroup.ts'
import { readNetwork } from './resources/network.ts'
import { readProcess } from './resources/process-figures.ts'
import type { FlowCalls } from './stuck-flow.ts'

export interface PerformanceHost {
  readonly clock: Clock
  readonly cgroup: Cgroup
  /** As they are now. */
  settings(): Settings
  pools(): ReadonlyMap<string, DatabasePool> | undefined
  queue(): QueueStats | undefined
  recordsHeld(): number
  flowPid(): number | undefined
  disks(): Promise<ReadonlyMap<string, DiskSpace>>
  calls(): FlowCalls
  log(): { readonly lines: number; readonly dropped: number }
}

export function createPerformance(host: PerformanceHost): PerformanceMonitor {
  return new PerformanceMonitor({
    clock: host.clock,
    intervalMs: () => host.settings().performance.intervalMs,
    sample: () => takeSample(host),
    tunables: () => tunablesOf(host.settings()),
    disks: () => host.disks(),
  })
}

export function takeSample(host: Omit<PerformanceHost, 'disks' | 'settings'>): Sample {
  const { clock, cgroup } = host
  const { cpuSeconds, cpuLimit, cpuThrottledSeconds, cpuPeriods, cpuThrottledPeriods, ...container } =
    cgroup.read()
  const { memoryBytes, memoryLimitBytes, oomKills, pids, pidsLimit } = container
  const { active, idle } = performance.eventLoopUtilization()
  const queue = host.queue()
  const log = host.log()
  const flowPid = host.flowPid()
  return {
    atMs: clock.monotonicMs(),
    cpus: availableParallelism(),
    ...{ cpuSeconds, cpuLimit, cpuThrottledSeconds, cpuPeriods, cpuThrottledPeriods },
    ...{ memoryBytes, memoryLimitBytes, oomKills, pids, pidsLimit },
    ...cgroup.readBlockIo(),
    pressure: cgroup.readPressure(),
    supervisor: readProcess('self'),
    flow: flowPid === undefined ? undefined : readProcess(flowPid),
    loopActiveMs: active,
    loopIdleMs: idle,
    ...readNetwork(),
    databases: sessionsOf(host.pools()),
    operationsQueued: queue?.operations ?? 0,
    queueBytes: queue?.bytes ?? 0,
    ...host.calls(),
    recordsHeld: host.recordsHeld(),
    logLines: log.lines,
    logLinesDropped: log.dropped,
  }
}

function sessionsOf(pools: ReadonlyMap<string, DatabasePool> = new Map()): Record<string, SessionFigures> {
  const sessions: Record<string, SessionFigures> = Object.create(null)
  for (const [name, { figures }] of pools) sessions[name] = figures
  return sessions
}

function tunablesOf({ cleanup, databases, disk, queue, records }: Settings): Tunables {
  const poolSizes: Record<string, number> = Object.create(null)
  for (const [name, { poolSize }] of Object.entries(databases)) poolSizes[name] = poolSize
  return {
    poolSizes,
    queueMaxOperations: queue.maxOperations,
    queueMaxBytes: queue.maxBytes,
    recordsTimeoutMs: records.timeoutMs,
    diskLowPercent: disk.lowPercent,
    cleanupPaths: cleanup.paths.length,
  }
}
