// What the kernel counts for this container and where it draws the line: the same figures from cgroup v1 and v2.
// Anything it does not say is undefined, never a guess.

import { dirname } from 'node:path'
import type { Pressure } from '../core/performance.ts'
import { type BlockIo, readBlockIo } from './block-io.ts'
import { readNumber, readTable, readText } from './cgroup-files.ts'
import { type CgroupDirectory, findCgroups } from './cgroup-paths.ts'
import { readPressure } from './pressure.ts'

export interface CgroupReading {
  /** What would have to be freed or killed: usage less the page cache that can go at any time, as Docker shows it. */
  readonly memoryBytes: number | undefined
  /** With all of the page cache, as the kernel counts it against the limit. */
  readonly memoryUsageBytes: number | undefined
  /** Undefined when there is no limit. */
  readonly memoryLimitBytes: number | undefined
  readonly cpuSeconds: number | undefined
  /** CPUs' worth of time in a period, by the tightest limit from here upwards; undefined when there is none. */
  readonly cpuLimit: number | undefined
  readonly cpuThrottledSeconds: number | undefined
  /** Of where that limit is: periods in which it was counted, and those of them in which it held processes back. */
  readonly cpuPeriods: number | undefined
  readonly cpuThrottledPeriods: number | undefined
  /** Processes of this container that the OOM killer ended since the cgroup was made. */
  readonly oomKills: number | undefined
  readonly pids: number | undefined
  readonly pidsLimit: number | undefined
}

export interface Cgroup {
  /** The version that memory is counted by; undefined where there is no cgroup to be seen. */
  readonly version: 1 | 2 | undefined
  read(): CgroupReading
  readBlockIo(): BlockIo
  readPressure(): Pressure | undefined
  /** For the memory check: `memoryBytes` and `memoryLimitBytes` of `read`, alone. */
  readMemory(): { readonly usedBytes: number | undefined; readonly limitBytes: number | undefined }
  /** The same figure as in `read`, alone: asked for at each exit of the flow. */
  oomKills(): number | undefined
}

/** v1 says "no limit" with the largest page-aligned number; nothing real comes near. */
const unlimitedBytes = 2 ** 60

/** @param root where `/proc` and `/sys` are, for tests */
export function openCgroup(root = '/'): Cgroup {
  const { memory, cpu, cpuacct, pids, blkio } = findCgroups(root)
  return {
    version: memory?.version,
    read: () => ({
      ...readMemory(memory),
      ...readCpu(cpu, cpuacct),
      oomKills: readOomKills(memory),
      pids: readNumber(pids, 'pids.current'),
      pidsLimit: readNumber(pids, 'pids.max'),
    }),
    readMemory() {
      const { memoryBytes, memoryLimitBytes } = readMemory(memory)
      return { usedBytes: memoryBytes, limitBytes: memoryLimitBytes }
    },
    oomKills: () => readOomKills(memory),
    readBlockIo: () => readBlockIo(blkio),
    readPressure: () => readPressure(root, memory),
  }
}

type Memory = Pick<CgroupReading, 'memoryBytes' | 'memoryUsageBytes' | 'memoryLimitBytes'>

function readMemory(memory: CgroupDirectory | undefined): Memory {
  const second = memory?.version === 2
  const usage = readNumber(memory, second ? 'memory.current' : 'memory.usage_in_bytes')
  const stat = readTable(memory, 'memory.stat')
  const cache = stat.get(second ? 'inactive_file' : 'total_inactive_file') ?? 0
  return {
    memoryBytes: usage === undefined ? undefined : Math.max(0, usage - cache),
    memoryUsageBytes: usage,
    memoryLimitBytes: second ? lowestLimit(memory) : limitOf(stat.get('hierarchical_memory_limit')),
  }
}

/** The lowest of the limits from here up to where the hierarchy is mounted. */
function lowestLimit(memory: CgroupDirectory): number | undefined {
  let lowest: number | undefined
  for (const directory of upwards(memory)) {
    const limit = limitOf(readNumber(directory, 'memory.max'))
    if (limit !== undefined && limit < (lowest ?? Infinity)) lowest = limit
  }
  return lowest
}

/** From this directory up to where the hierarchy is mounted: whatever is limited in one of them is limited here. */
function upwards(from: CgroupDirectory): CgroupDirectory[] {
  const directories: CgroupDirectory[] = []
  for (let path = from.path; path.startsWith(from.mount); path = dirname(path)) {
    directories.push({ ...from, path })
    if (path === from.mount) break
  }
  return directories
}

function limitOf(bytes: number | undefined): number | undefined {
  return bytes !== undefined && bytes < unlimitedBytes ? bytes : undefined
}

type Cpu = Pick<
  CgroupReading,
  'cpuSeconds' | 'cpuLimit' | 'cpuThrottledSeconds' | 'cpuPeriods' | 'cpuThrottledPeriods'
>

function readCpu(cpu: CgroupDirectory | undefined, cpuacct: CgroupDirectory | undefined): Cpu {
  const { limit, directory } = tightestCpu(cpu)
  // The kernel counts where the limit is; nothing is throttled in the directories below it.
  const limited = readTable(directory, 'cpu.stat')
  const second = cpu?.version === 2
  return {
    cpuPeriods: limited.get('nr_periods'),
    cpuThrottledPeriods: limited.get('nr_throttled'),
    cpuSeconds: second
      ? scaled(readTable(cpu, 'cpu.stat').get('usage_usec'), 1e-6)
      : scaled(readNumber(cpuacct, 'cpuacct.usage'), 1e-9),
    cpuLimit: limit,
    cpuThrottledSeconds: second
      ? scaled(limited.get('throttled_usec'), 1e-6)
      : scaled(limited.get('throttled_time'), 1e-9),
  }
}

/** The lowest of the limits from here upwards, and where it is; with none, this directory. */
function tightestCpu(cpu: CgroupDirectory | undefined): {
  limit: number | undefined
  directory: CgroupDirectory | undefined
} {
  let tightest: { limit: number | undefined; directory: CgroupDirectory | undefined } = {
    limit: undefined,
    directory: cpu,
  }
  for (const directory of cpu ? upwards(cpu) : []) {
    const limit = cpuLimitOf(directory)
    if (limit !== undefined && limit < (tightest.limit ?? Infinity)) tightest = { limit, directory }
  }
  return tightest
}

function cpuLimitOf(directory: CgroupDirectory): number | undefined {
  if (directory.version === 1)
    return ratio(readNumber(directory, 'cpu.cfs_quota_us'), readNumber(directory, 'cpu.cfs_period_us'))
  const [quota, period] = readText(directory, 'cpu.max')?.split(' ').map(Number) ?? []
  return ratio(quota, period)
}

function readOomKills(memory: CgroupDirectory | undefined): number | undefined {
  return readTable(memory, memory?.version === 2 ? 'memory.events' : 'memory.oom_control').get('oom_kill')
}

/** A quota of -1 (v1) or `max` (v2) is none. */
function ratio(quota: number | undefined, period: number | undefined): number | undefined {
  return quota !== undefined && period !== undefined && quota > 0 && period > 0 ? quota / period : undefined
}

function scaled(value: number | undefined, factor: number): number | undefined {
  return value === undefined ? undefined : value * factor
}
