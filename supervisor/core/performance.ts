// What is measured of the container, and what is made of it. `performance/` judges, `performance.ts` measures, the
// control socket and `flowkeep performance` tell it. Whatever the kernel does not say is undefined, never a guess.

export interface StallSeconds {
  /** At least one task waited. */
  readonly some: number
  /** All of them did, so that nothing got on. */
  readonly full: number
}

/** Pressure stall information. */
export interface Pressure {
  /** Of the container's own cgroup (v2), or of the whole machine (v1). */
  readonly of: 'container' | 'machine'
  readonly cpu: StallSeconds | undefined
  readonly memory: StallSeconds | undefined
  readonly io: StallSeconds | undefined
}

export interface ProcessFigures {
  readonly residentBytes: number | undefined
  readonly threads: number | undefined
  readonly openFiles: number | undefined
  readonly openFilesLimit: number | undefined
}

/** Of one database's sessions; what ends in `Ms` and the counts grow over the life of the pool. */
export interface SessionFigures {
  readonly size: number
  readonly inUse: number
  readonly waiting: number
  /** Times a session was used. */
  readonly uses: number
  /** Time sessions were in use. */
  readonly usedMs: number
  /** Time callers waited for one; opening it counts. */
  readonly waitedMs: number
}

/** What was the case at one moment. Seconds, bytes read and written, and counts have grown from the beginning. */
export interface Sample {
  /** Monotonic. */
  readonly atMs: number
  /** That the process may run on. */
  readonly cpus: number
  readonly cpuLimit: number | undefined
  readonly cpuSeconds: number | undefined
  readonly cpuPeriods: number | undefined
  readonly cpuThrottledPeriods: number | undefined
  readonly cpuThrottledSeconds: number | undefined
  readonly memoryBytes: number | undefined
  readonly memoryLimitBytes: number | undefined
  readonly oomKills: number | undefined
  readonly pids: number | undefined
  readonly pidsLimit: number | undefined
  readonly readBytes: number | undefined
  readonly writtenBytes: number | undefined
  readonly pressure: Pressure | undefined
  readonly supervisor: ProcessFigures
  /** The flow's leader. */
  readonly flow: ProcessFigures | undefined
  /** Of the supervisor's event loop. */
  readonly loopActiveMs: number
  readonly loopIdleMs: number
  readonly tcpInUse: number | undefined
  readonly tcpTimeWait: number | undefined
  readonly receivedBytes: number | undefined
  readonly sentBytes: number | undefined
  readonly databases: Readonly<Record<string, SessionFigures>>
  readonly operationsQueued: number
  readonly queueBytes: number
  /** Requests of the flow, and what they were about. */
  readonly claims: number
  readonly claimed: number
  readonly settled: number
  readonly submissions: number
  readonly submitted: number
  readonly recordsHeld: number
  readonly logLines: number
  readonly logLinesDropped: number
}

export interface DiskSpace {
  readonly freeBytes: number
  readonly sizeBytes: number
}

/** Settings that advice may be about. */
export interface Tunables {
  readonly poolSizes: Readonly<Record<string, number>>
  readonly queueMaxOperations: number
  readonly queueMaxBytes: number
  readonly recordsTimeoutMs: number
  /** Below which a disk is cleaned up. */
  readonly diskLowPercent: number
  readonly cleanupPaths: number
}

export interface Finding {
  /** `cpu_throttled` */
  readonly id: string
  /** It holds the container back now, may do so before long, or is more than the container needs. */
  readonly kind: 'bottleneck' | 'risk' | 'spare'
  /** How much of the time it costs, or how near it is: 0 to 1. The greater, the earlier it is named. */
  readonly weight: number
  /** What was seen, with its figures. */
  readonly message: string
  readonly figures: Readonly<Record<string, number>>
  readonly advice: Advice
}

export interface Advice {
  /** A variable of Flowkeep, or what the engine calls it: `--cpus, resources.limits.cpu`. */
  readonly setting: string
  readonly now: string | null
  readonly suggested: string | null
  /** What to expect of it, with the figures it follows from. */
  readonly gain: string
}

/** One resource: how much is used of what may be used. */
export interface Use {
  readonly resource: string
  readonly used: number
  /** Null where there is no limit. */
  readonly limit: number | null
  readonly unit: 'cpus' | 'bytes' | 'bytes/s' | 'count' | 'ratio' | 'ms' | 'count/s'
}

export interface PerformanceReport {
  readonly windowSeconds: number
  readonly samples: number
  readonly pressureOf: Pressure['of'] | null
  readonly uses: readonly Use[]
  readonly findings: readonly Finding[]
}
