// What the samples amount to: every rule looks at the same window, and the heaviest finding comes first.

import { limits } from '../core/limits.ts'
import type { DiskSpace, Finding, PerformanceReport, Sample, Tunables, Use } from '../core/performance.ts'
import { cpuBusy, cpuPressure, cpuSpare, cpuThrottled } from './rules/cpu.ts'
import { databases } from './rules/database.ts'
import {
  disksNearlyFull,
  filesNearLimit,
  ioPressure,
  portsInTimeWait,
  processesNearLimit,
} from './rules/limits.ts'
import { memoryGrows, memoryNearLimit, memoryPressure, memorySpare, outOfMemory } from './rules/memory.ts'
import {
  eventLoopBusy,
  largeBatches,
  logLinesDropped,
  queueGrows,
  singleSubmissions,
  smallBatches,
} from './rules/work.ts'
import { cpusAllowed, grown, peak, rate, type Window, windowOf } from './window.ts'

type Rule = (window: Window) => Finding[]

export const rules: readonly Rule[] = [
  ...[cpuThrottled, cpuBusy, cpuPressure, cpuSpare],
  ...[outOfMemory, memoryNearLimit, memoryPressure, memoryGrows, memorySpare],
  ...[processesNearLimit, filesNearLimit, portsInTimeWait, disksNearlyFull, ioPressure],
  databases,
  ...[smallBatches, largeBatches, singleSubmissions, queueGrows, eventLoopBusy, logLinesDropped],
]

const order: readonly Finding['kind'][] = ['bottleneck', 'risk', 'spare']

/** @param samples the oldest first */
export function reportOn(
  samples: readonly Sample[],
  tunables: Tunables,
  disks: ReadonlyMap<string, DiskSpace> = new Map(),
): PerformanceReport {
  const window = windowOf(samples, limits.performanceWindowMs, tunables, disks)
  const last = samples.at(-1)
  const report = { samples: samples.length, pressureOf: last?.pressure?.of ?? null }
  if (!window) return { ...report, windowSeconds: 0, uses: [], findings: [] }
  const findings = rules.flatMap((rule) => rule(window))
  findings.sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind) || b.weight - a.weight)
  return { ...report, windowSeconds: window.seconds, uses: usesIn(window), findings }
}

function usesIn(window: Window): Use[] {
  const { last } = window
  const loop = [
    grown(window, ({ loopActiveMs }) => loopActiveMs),
    grown(window, ({ loopIdleMs }) => loopIdleMs),
  ]
  const [active = 0, idle = 0] = loop
  const use = (resource: string, used: number | undefined, unit: Use['unit'], limit?: number): Use[] =>
    used === undefined ? [] : [{ resource, used, limit: limit ?? null, unit }]
  const stalled = (resource: 'cpu' | 'memory' | 'io') =>
    use(
      `${resource} pressure`,
      rate(window, ({ pressure }) => pressure?.[resource]?.some),
      'ratio',
      1,
    )
  return [
    ...use(
      'cpu',
      rate(window, ({ cpuSeconds }) => cpuSeconds),
      'cpus',
      cpusAllowed(last),
    ),
    ...use('cpu throttled', share(window), 'ratio', 1),
    ...use(
      'memory',
      peak(window, ({ memoryBytes }) => memoryBytes),
      'bytes',
      last.memoryLimitBytes,
    ),
    ...use(
      'processes',
      peak(window, ({ pids }) => pids),
      'count',
      last.pidsLimit,
    ),
    ...(['cpu', 'memory', 'io'] as const).flatMap(stalled),
    ...use(
      'disk read',
      rate(window, ({ readBytes }) => readBytes),
      'bytes/s',
    ),
    ...use(
      'disk written',
      rate(window, ({ writtenBytes }) => writtenBytes),
      'bytes/s',
    ),
    ...use(
      'network received',
      rate(window, ({ receivedBytes }) => receivedBytes),
      'bytes/s',
    ),
    ...use(
      'network sent',
      rate(window, ({ sentBytes }) => sentBytes),
      'bytes/s',
    ),
    ...use(
      'tcp connections',
      peak(window, ({ tcpInUse }) => tcpInUse),
      'count',
    ),
    ...use('event loop', active + idle > 0 ? active / (active + idle) : undefined, 'ratio', 1),
    ...use('supervisor memory', last.supervisor.residentBytes, 'bytes'),
    ...use('supervisor threads', last.supervisor.threads, 'count'),
    ...use('supervisor files', last.supervisor.openFiles, 'count', last.supervisor.openFilesLimit),
    ...use('flow memory', last.flow?.residentBytes, 'bytes'),
    ...use('flow threads', last.flow?.threads, 'count'),
    ...use('flow files', last.flow?.openFiles, 'count', last.flow?.openFilesLimit),
    ...[...window.disks].flatMap(([path, { freeBytes, sizeBytes }]) =>
      use(`disk ${path}`, sizeBytes - freeBytes, 'bytes', sizeBytes),
    ),
    ...Object.entries(last.databases).flatMap(([name, { size }]) => [
      ...use(`sessions of ${name}`, perSecond(window, name, 'usedMs', 1000), 'count', size),
      ...use(`time of one use of ${name}`, perUse(window, name, 'usedMs'), 'ms'),
      ...use(`wait for a session of ${name}`, perUse(window, name, 'waitedMs'), 'ms'),
    ]),
    ...use('queue', last.operationsQueued, 'count', window.tunables.queueMaxOperations),
    ...use('queue on disk', last.queueBytes, 'bytes', window.tunables.queueMaxBytes),
    ...use(
      'records settled',
      rate(window, ({ settled }) => settled),
      'count/s',
    ),
    ...use(
      'operations submitted',
      rate(window, ({ submitted }) => submitted),
      'count/s',
    ),
    ...use(
      'log lines',
      rate(window, ({ logLines }) => logLines),
      'count/s',
    ),
  ]
}

function share(window: Window): number | undefined {
  const periods = grown(window, ({ cpuPeriods }) => cpuPeriods)
  const throttled = grown(window, ({ cpuThrottledPeriods }) => cpuThrottledPeriods)
  return periods && throttled !== undefined ? throttled / periods : undefined
}

function perSecond(window: Window, name: string, figure: 'usedMs', unit: number): number | undefined {
  const each = rate(window, ({ databases }) => databases[name]?.[figure])
  return each === undefined ? undefined : each / unit
}

function perUse(window: Window, name: string, figure: 'usedMs' | 'waitedMs'): number | undefined {
  const uses = grown(window, ({ databases }) => databases[name]?.uses)
  const ms = grown(window, ({ databases }) => databases[name]?.[figure])
  return uses && ms !== undefined ? ms / uses : undefined
}
