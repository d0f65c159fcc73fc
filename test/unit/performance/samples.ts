// Samples of a container at rest, with what a test changes of it.

import type { Sample, SessionFigures, Tunables } from '../../../supervisor/core/performance.ts'

const mib = 1024 ** 2

/** Counts at 0, one of four CPUs allowed, 512 MiB. */
export const rest: Sample = {
  ...{ atMs: 0, cpus: 4, cpuLimit: 1, cpuSeconds: 0 },
  ...{ cpuPeriods: 0, cpuThrottledPeriods: 0, cpuThrottledSeconds: 0 },
  ...{ memoryBytes: 200 * mib, memoryLimitBytes: 512 * mib, oomKills: 0, pids: 20, pidsLimit: 200 },
  ...{ readBytes: 0, writtenBytes: 0 },
  pressure: {
    of: 'container',
    cpu: { some: 0, full: 0 },
    memory: { some: 0, full: 0 },
    io: { some: 0, full: 0 },
  },
  supervisor: { residentBytes: 70 * mib, threads: 11, openFiles: 30, openFilesLimit: 1024 },
  flow: { residentBytes: 60 * mib, threads: 2, openFiles: 12, openFilesLimit: 1024 },
  ...{ loopActiveMs: 0, loopIdleMs: 0, tcpInUse: 4, tcpTimeWait: 2, receivedBytes: 0, sentBytes: 0 },
  databases: {},
  ...{ operationsQueued: 0, queueBytes: 0 },
  ...{ claims: 0, claimed: 0, settled: 0, submissions: 0, submitted: 0, recordsHeld: 0 },
  ...{ logLines: 0, logLinesDropped: 0 },
}

export const tunables: Tunables = {
  poolSizes: { rpa_db: 5 },
  ...{ queueMaxOperations: 1_000_000, queueMaxBytes: 1024 ** 3, recordsTimeoutMs: 900_000 },
  ...{ diskLowPercent: 15, cleanupPaths: 0 },
}

export function sessions(change: Partial<SessionFigures>): Pick<Sample, 'databases'> {
  const none = { size: 5, inUse: 0, waiting: 0, uses: 0, usedMs: 0, waitedMs: 0 }
  return { databases: { rpa_db: { ...none, ...change } } }
}

/** Two of them, a hundred seconds apart. */
export function hundredSeconds(at: Partial<Sample>, from: Partial<Sample> = {}): Sample[] {
  const quiet = { cpuSeconds: 30, cpuPeriods: 1000, loopActiveMs: 5_000, loopIdleMs: 95_000 }
  return [
    { ...rest, ...from },
    { ...rest, ...quiet, ...at, atMs: 100_000 },
  ]
}

/** One every 15 seconds, for so many minutes, with half a CPU in use. */
export function minutes(count: number, at: (minute: number) => Partial<Sample>): Sample[] {
  return Array.from({ length: count * 4 + 1 }, (_, index) => ({
    ...rest,
    cpuSeconds: index * 7.5,
    ...at(index / 4),
    atMs: index * 15_000,
  }))
}
