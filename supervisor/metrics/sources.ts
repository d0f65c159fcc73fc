// Metrics that are read when they are asked for, from whoever knows, once for each scrape. A figure that nobody knows
// has no sample, since 0 would be a lie.

import { Counter, Gauge, type Registry } from 'prom-client'
import { type CheckReport, type HealthReport, severityOf } from '../core/health.ts'
import { type StateName, stateNames } from '../core/lifecycle.ts'
import { limits } from '../core/limits.ts'
import type { QueueStats } from '../core/queue.ts'
import type { RecordsStats } from '../core/records.ts'
import { addPerformance, type PerformanceFigures } from './performance.ts'
import { addQueue } from './queue.ts'
import { addRecords } from './records.ts'

export interface ResourceFigures {
  readonly cpuSeconds: number | undefined
  readonly cpuThrottledSeconds: number | undefined
  readonly memoryBytes: number | undefined
  readonly memoryLimitBytes: number | undefined
  readonly oomKills: number | undefined
}

export interface DiskFigures {
  readonly freeBytes: number
  readonly sizeBytes: number
  readonly freeInodes: number
  /** 0 where there is no fixed number of them. */
  readonly inodes: number
}

export interface MetricSources {
  readonly version: string
  readonly flow: string
  readonly instance: string
  readonly environment: string
  state(): StateName
  /** `checks` as `/health` shows them. */
  health(): Pick<HealthReport, 'checks'>
  /** Lines of log that had to be dropped so far. */
  linesDropped(): number
  resources(): ResourceFigures
  disks(): Promise<ReadonlyMap<string, DiskFigures>>
  /** Undefined until the queue is open. */
  queue(): QueueStats | undefined
  /** Undefined until records can be had. */
  records(): RecordsStats | undefined
  /** Since the flow's last progress; undefined while nobody watches for it. */
  flowIdleMs(): number | undefined
  performance(): PerformanceFigures
}

/** All of it at one moment. */
interface Snapshot {
  readonly state: StateName
  readonly checks: readonly (readonly [string, CheckReport])[]
  readonly linesDropped: number
  readonly resources: ResourceFigures
  readonly disks: ReadonlyMap<string, DiskFigures>
  readonly queue: QueueStats | undefined
  readonly records: RecordsStats | undefined
  readonly flowIdleMs: number | undefined
  readonly performance: PerformanceFigures
}

/** @returns what has to be called before each rendering */
export function addSources(registry: Registry, sources: MetricSources): () => Promise<void> {
  let snapshot: Snapshot | undefined
  const read = () => snapshot
  addIdentity(registry, sources, read)
  addHealth(registry, read)
  addResources(registry, read)
  addGauge(
    registry,
    'flow_idle_seconds',
    'How long the flow has made no progress; absent without CONTAINER_FLOW_STUCK_AFTER.',
    () => secondsOf(read()?.flowIdleMs),
  )
  addDisks(registry, read)
  addPerformance(registry, () => read()?.performance)
  addQueue(registry, () => read()?.queue)
  addRecords(registry, () => read()?.records)
  return async () => {
    const disks = await sources.disks()
    snapshot = {
      state: sources.state(),
      checks: Object.entries(sources.health().checks).slice(0, limits.metricChecks),
      linesDropped: sources.linesDropped(),
      resources: sources.resources(),
      disks,
      queue: sources.queue(),
      records: sources.records(),
      flowIdleMs: sources.flowIdleMs(),
      performance: sources.performance(),
    }
  }
}

type Read = () => Snapshot | undefined

function addIdentity(registry: Registry, sources: MetricSources, read: Read): void {
  const { version, flow, instance, environment } = sources
  new Gauge({
    name: 'flowkeep_info',
    help: 'What runs here; always 1.',
    labelNames: ['version', 'flow', 'instance_id', 'environment'],
    registers: [registry],
  }).set({ version, flow, instance_id: instance, environment }, 1)
  new Gauge({
    name: 'flowkeep_state',
    help: 'The state of the supervisor: 1 for the one it is in.',
    labelNames: ['state'],
    registers: [registry],
    collect() {
      for (const state of stateNames) this.set({ state }, state === read()?.state ? 1 : 0)
    },
  })
}

/** Rebuilt at each scrape, so that checks that are gone after a reload leave no series behind. */
function addHealth(registry: Registry, read: Read): void {
  const checks = () => read()?.checks ?? []
  new Gauge({
    name: 'flowkeep_health_status',
    help: 'Each health check: 1 healthy, 0.5 degraded, 0 unhealthy.',
    labelNames: ['check'],
    registers: [registry],
    collect() {
      this.reset()
      for (const [check, { status }] of checks()) this.set({ check }, 1 - severityOf(status) / 2)
    },
  })
  new Gauge({
    name: 'flowkeep_check_duration_seconds',
    help: 'How long the last run of each health check took.',
    labelNames: ['check'],
    registers: [registry],
    collect() {
      this.reset()
      for (const [check, { durationMs }] of checks()) this.set({ check }, durationMs / 1000)
    },
  })
  new Gauge({
    name: 'flowkeep_dependency_up',
    help: 'Each database and service: 1 while it answers.',
    labelNames: ['dependency'],
    registers: [registry],
    collect() {
      this.reset()
      for (const [dependency, { status }] of checks()) {
        if (/^(?:database|service):/.test(dependency)) this.set({ dependency }, status === 'healthy' ? 1 : 0)
      }
    },
  })
}

function addResources(registry: Registry, read: Read): void {
  const total = (name: string, help: string, key: keyof ResourceFigures) =>
    addTotal(registry, name, help, () => read()?.resources[key])
  addTotal(
    registry,
    'log_lines_dropped_total',
    'Log lines lost to a blocked stdout.',
    () => read()?.linesDropped,
  )
  total('container_cpu_seconds_total', 'CPU time used by the container.', 'cpuSeconds')
  total(
    'container_cpu_throttled_seconds_total',
    'Time the CPU limit held processes back.',
    'cpuThrottledSeconds',
  )
  total('container_oom_kills_total', 'Processes of the container ended by the OOM killer.', 'oomKills')
  addGauge(
    registry,
    'container_memory_bytes',
    'Memory of the container without page cache that can go at any time.',
    () => read()?.resources.memoryBytes,
  )
  addGauge(
    registry,
    'container_memory_limit_bytes',
    'The memory limit of the container; absent without one.',
    () => read()?.resources.memoryLimitBytes,
  )
}

function addDisks(registry: Registry, read: Read): void {
  const perPath = (name: string, help: string, figure: (disk: DiskFigures) => number | undefined) =>
    new Gauge({
      name: `flowkeep_disk_${name}`,
      help,
      labelNames: ['path'],
      registers: [registry],
      collect() {
        this.reset()
        for (const [path, disk] of [...(read()?.disks ?? [])].slice(0, limits.metricPaths)) {
          const value = figure(disk)
          if (value !== undefined) this.set({ path }, value)
        }
      },
    })
  perPath(
    'free_bytes',
    'Bytes free for the flow under each path that is watched.',
    ({ freeBytes }) => freeBytes,
  )
  perPath('size_bytes', 'Bytes that the flow could use there in all.', ({ sizeBytes }) => sizeBytes)
  perPath('free_inodes', 'Files that can still be made there.', ({ freeInodes, inodes }) =>
    inodes > 0 ? freeInodes : undefined,
  )
}

function secondsOf(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : ms / 1000
}

function addGauge(registry: Registry, name: string, help: string, read: () => number | undefined): void {
  new Gauge({
    name: `flowkeep_${name}`,
    help,
    registers: [registry],
    collect() {
      const value = read()
      if (value === undefined) this.remove()
      else this.set(value)
    },
  })
}

/** A counter that someone else keeps. */
function addTotal(registry: Registry, name: string, help: string, read: () => number | undefined): void {
  new Counter({
    name: `flowkeep_${name}`,
    help,
    registers: [registry],
    collect() {
      const value = read()
      this.reset()
      if (value === undefined) this.remove()
      else this.inc(value)
    },
  })
}
