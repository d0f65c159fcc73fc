// Each rule beside what it must not take for its case.

import t from 'tap'
import type { DiskSpace, Sample, Tunables } from '../../../supervisor/core/performance.ts'
import { reportOn, rules } from '../../../supervisor/performance/report.ts'
import { hundredSeconds, minutes, rest, sessions, tunables } from './samples.ts'

const mib = 1024 ** 2

interface Case {
  readonly name: string
  readonly samples: readonly Sample[]
  readonly tunables?: Partial<Tunables>
  readonly disks?: Readonly<Record<string, DiskSpace>>
  /** Ids, the heaviest first. */
  readonly found: readonly string[]
  /** Of the first. */
  readonly advice?: object
  readonly message?: RegExp
}

const pressed = (of: 'container' | 'machine', resource: 'cpu' | 'memory' | 'io', some: number) => ({
  pressure: { of, cpu: undefined, memory: undefined, io: undefined, [resource]: { some, full: 0 } },
})

const cases: readonly Case[] = [
  { name: 'a container at rest', samples: hundredSeconds({}), found: [] },
  {
    name: 'throttled in a third of its periods',
    samples: hundredSeconds({ cpuSeconds: 90, cpuThrottledPeriods: 330, cpuThrottledSeconds: 20 }),
    found: ['cpu_throttled'],
    advice: {
      setting: '--cpus, resources.limits.cpu',
      now: '1',
      suggested: '1.5',
      gain: /up to 1.5 times as fast/,
    },
    message: /limit of 1 held processes back in 33% of its periods/,
  },
  { name: 'throttled now and then', samples: hundredSeconds({ cpuThrottledPeriods: 40 }), found: [] },
  {
    name: 'at its limit without being throttled',
    samples: hundredSeconds({ cpuSeconds: 95 }),
    found: ['cpu_busy'],
    advice: { now: '1', suggested: '1.5' },
  },
  {
    name: 'on all CPUs of the machine, without a limit',
    samples: hundredSeconds({ cpuSeconds: 395, cpuLimit: undefined }),
    found: ['cpu_busy'],
    advice: { setting: 'replicas, or a machine with more CPUs', now: '4', suggested: null },
  },
  {
    name: 'others want the processor',
    samples: hundredSeconds(pressed('container', 'cpu', 40), pressed('container', 'cpu', 0)),
    found: ['cpu_pressure'],
  },
  {
    name: 'pressure that its own limit explains',
    samples: hundredSeconds(
      { ...pressed('container', 'cpu', 40), cpuThrottledPeriods: 500 },
      pressed('container', 'cpu', 0),
    ),
    found: ['cpu_throttled'],
  },
  {
    name: 'far more CPU than it has needed in a quarter of an hour',
    samples: minutes(15, (minute) => ({ cpuLimit: 4, cpuSeconds: minute * 12 })),
    found: ['cpu_spare'],
    advice: { now: '4', suggested: '0.5' },
  },
  {
    name: 'far more CPU on average, but not in one busy minute',
    samples: minutes(15, (minute) => ({
      cpuLimit: 4,
      cpuSeconds: minute < 7 ? 0 : minute < 8 ? (minute - 7) * 200 : 200,
    })),
    found: [],
  },
  {
    name: 'killed for want of memory',
    samples: hundredSeconds({ oomKills: 2 }),
    found: ['out_of_memory'],
    advice: { now: '512 MiB', suggested: '768 MiB' },
  },
  {
    name: 'near the memory limit',
    samples: hundredSeconds({ memoryBytes: 460 * mib }),
    found: ['memory_near_limit'],
    advice: { now: '512 MiB', suggested: '704 MiB' },
  },
  {
    name: 'much memory, and no limit',
    samples: hundredSeconds({ memoryBytes: 4e9, memoryLimitBytes: undefined }),
    found: [],
  },
  {
    name: 'waiting for memory',
    samples: hundredSeconds(pressed('container', 'memory', 10), pressed('container', 'memory', 0)),
    found: ['memory_pressure'],
  },
  {
    name: 'a machine that waits for memory is no finding about this container',
    samples: hundredSeconds(pressed('machine', 'memory', 10), pressed('machine', 'memory', 0)),
    found: [],
  },
  {
    name: 'memory that grows steadily',
    samples: minutes(15, (minute) => ({ memoryBytes: (200 + 2 * minute) * mib })),
    found: ['memory_grows'],
    message: /grown by 30 MiB in 15 min .* reached in 2 h/,
  },
  {
    name: 'memory that comes and goes',
    samples: minutes(15, (minute) => ({ memoryBytes: (200 + 100 * (minute % 2)) * mib })),
    found: [],
  },
  {
    name: 'far more memory than needed',
    samples: minutes(15, () => ({ memoryBytes: 100 * mib, memoryLimitBytes: 2048 * mib })),
    found: ['memory_spare'],
    advice: { now: '2048 MiB', suggested: '256 MiB' },
  },
  {
    name: 'processes near their limit',
    samples: hundredSeconds({ pids: 170 }),
    found: ['processes_near_limit'],
    advice: { setting: '--pids-limit', now: '200', suggested: '350' },
  },
  {
    name: 'files of the flow near their limit',
    samples: hundredSeconds({ flow: { ...rest.supervisor, openFiles: 900, openFilesLimit: 1024 } }),
    found: ['files_near_limit'],
    message: /the flow had up to 900 of 1024/,
  },
  {
    name: 'connections that are not kept',
    samples: hundredSeconds({ tcpTimeWait: 12_000 }),
    found: ['connections_not_kept'],
  },
  {
    name: 'a disk that is nearly full',
    samples: hundredSeconds({}),
    disks: {
      '/var/lib/flowkeep': { freeBytes: 5, sizeBytes: 100 },
      '/tmp': { freeBytes: 50, sizeBytes: 100 },
    },
    found: ['disk_nearly_full'],
    advice: { setting: /CONTAINER_CLEANUP_PATHS/ },
  },
  {
    name: 'waiting for a disk',
    samples: hundredSeconds(
      { ...pressed('container', 'io', 30), writtenBytes: 50_000_000 },
      pressed('container', 'io', 0),
    ),
    found: ['io_pressure'],
    message: /in 30% of the time .* wrote 488 KiB\/s/,
  },
  {
    name: 'too few sessions: a quick database, all of them in use, callers in line',
    samples: hundredSeconds(sessions({ uses: 100_000, usedMs: 475_000, waitedMs: 500_000 }), sessions({})),
    found: ['sessions_too_few'],
    advice: {
      setting: 'CONTAINER_DATABASE_RPA_DB_POOL_SIZE',
      now: '5',
      suggested: '15',
      gain: /up to 51% less time/,
    },
    message: /wait 5 ms for one of 5 sessions of rpa_db and use it for 4.8 ms/,
  },
  {
    name: 'callers that wait for sessions to be opened are not short of them',
    samples: hundredSeconds(sessions({ uses: 100, usedMs: 200, waitedMs: 1_000 }), sessions({})),
    found: [],
  },
  {
    name: 'a slow database, which more sessions do not make quicker',
    samples: hundredSeconds(sessions({ uses: 500, usedMs: 200_000 }), sessions({})),
    found: ['database_slow'],
    message: /takes 400 ms on average/,
  },
  {
    name: 'a handful of uses say nothing',
    samples: hundredSeconds(sessions({ uses: 10, usedMs: 200_000 }), sessions({})),
    found: [],
  },
  {
    name: 'a pool that was replaced in between says nothing',
    samples: hundredSeconds(sessions({ uses: 5 }), sessions({ uses: 900, usedMs: 900_000 })),
    found: [],
  },
  {
    name: 'far more sessions than are used',
    samples: minutes(15, (minute) =>
      sessions({ size: 40, inUse: 2, uses: minute * 100, usedMs: minute * 500 }),
    ),
    tunables: { poolSizes: { rpa_db: 40 } },
    found: ['sessions_spare'],
    advice: { now: '40', suggested: '5' },
  },
  {
    name: 'a quick flow that claims one record at a time',
    samples: hundredSeconds({ claims: 20_000, claimed: 20_000, settled: 20_000 }),
    found: ['batches_small'],
    advice: { now: '1', suggested: '20' },
  },
  {
    name: 'a flow that holds more than it can do in time',
    samples: hundredSeconds({ claims: 1, claimed: 500, settled: 50, recordsHeld: 450 }),
    found: ['batches_large'],
    advice: { now: '450', suggested: '90' },
  },
  {
    name: 'operations one by one',
    samples: hundredSeconds({ submissions: 10_000, submitted: 10_000 }),
    found: ['submissions_single'],
  },
  {
    name: 'a queue that will be full within the day',
    samples: hundredSeconds(
      { operationsQueued: 50_000, queueBytes: 50_000_000 },
      { operationsQueued: 20_000 },
    ),
    found: ['queue_grows'],
    advice: { setting: 'CONTAINER_QUEUE_MAX_OPERATIONS' },
    message: /50000 operations wait .* 300 more a second: full in 53 min/,
  },
  {
    name: 'a queue that drains',
    samples: hundredSeconds({ operationsQueued: 20_000 }, { operationsQueued: 50_000 }),
    found: [],
  },
  {
    name: 'a supervisor that is busy, with lines of log',
    samples: hundredSeconds({ loopActiveMs: 85_000, loopIdleMs: 15_000, logLines: 3_000_000 }),
    found: ['event_loop_busy'],
    advice: { setting: /log level/ },
  },
  {
    name: 'lines of log that were dropped',
    samples: hundredSeconds({ logLinesDropped: 7 }),
    found: ['log_lines_dropped'],
  },
  {
    name: 'several at once: what holds it back before what may, the heavier first',
    samples: hundredSeconds({
      ...{ cpuThrottledPeriods: 200, memoryBytes: 450 * mib, oomKills: 1, pids: 199 },
      logLinesDropped: 1,
    }),
    found: [
      'out_of_memory',
      'log_lines_dropped',
      'cpu_throttled',
      'processes_near_limit',
      'memory_near_limit',
    ],
  },
  {
    name: 'a kernel that says nothing',
    samples: hundredSeconds(
      Object.fromEntries(
        Object.keys(rest)
          .filter((key) => /^(cpu\w|memory|oom|pids|read|written|pressure|tcp)/.test(key))
          .map((key) => [key, undefined]),
      ),
    ),
    found: [],
  },
]

t.test('R6.1 R6.4 what holds a container back, and what does not, case by case', async (t) => {
  for (const one of cases) {
    const disks = new Map(Object.entries(one.disks ?? {}))
    const { findings } = reportOn(one.samples, { ...tunables, ...one.tunables }, disks)
    t.same(
      findings.map(({ id }) => id),
      one.found,
      one.name,
    )
    if (one.advice) t.match(findings[0]?.advice, one.advice, one.name)
    if (one.message) t.match(findings[0]?.message, one.message, one.name)
    for (const { advice, figures, message, weight } of findings) {
      t.ok(
        weight > 0 && weight <= 1 && Object.values(figures).every(Number.isFinite),
        `${one.name}: ${weight}`,
      )
      t.ok(message.length > 10 && advice.gain.length > 10 && advice.setting.length > 3)
      t.notMatch(`${message}${advice.gain}${advice.suggested}`, /NaN|Infinity|undefined/)
    }
  }
})

t.test('R6.1 every rule has a case that it finds', async (t) => {
  const found = new Set(cases.flatMap((one) => one.found))
  const silent = rules.filter((rule) => {
    const ids = cases.flatMap((one) => {
      const [first, last] = [one.samples[0], one.samples.at(-1)] as [Sample, Sample]
      const window = { seconds: (last.atMs - first.atMs) / 1000, first, last, all: one.samples }
      const disks = new Map(Object.entries(one.disks ?? {}))
      return rule({ ...window, disks, tunables: { ...tunables, ...one.tunables } }).map(({ id }) => id)
    })
    return !ids.some((id) => found.has(id))
  })
  t.same(silent, [])
})

t.test('R6.1 from one sample, or from two at nearly the same time, nothing follows', async (t) => {
  t.match(reportOn([], tunables), { windowSeconds: 0, uses: [], findings: [] })
  t.match(reportOn([rest], tunables), { windowSeconds: 0, findings: [] })
  t.match(reportOn([rest, { ...rest, atMs: 10, oomKills: 9 }], tunables), { windowSeconds: 0, findings: [] })
})

t.test('R6.1 rates are formed over minutes, not over all that is kept', async (t) => {
  const samples = minutes(15, (minute) => ({ cpuSeconds: minute < 10 ? minute * 60 : 600 }))
  const { uses, windowSeconds } = reportOn(samples, tunables)
  t.equal(windowSeconds, 300)
  t.match(
    uses.find(({ resource }) => resource === 'cpu'),
    { used: 0, limit: 1 },
  )
})
