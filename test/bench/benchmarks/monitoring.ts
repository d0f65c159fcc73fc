import { setTimeout as sleep } from 'node:timers/promises'
import { systemClock } from '../../../supervisor/core/clock.ts'
import { createMemoryCheck } from '../../../supervisor/health/memory-check.ts'
import { HealthMonitor } from '../../../supervisor/health/monitor.ts'
import { reportOn } from '../../../supervisor/performance/report.ts'
import { takeSample } from '../../../supervisor/performance.ts'
import { openCgroup } from '../../../supervisor/resources/cgroup.ts'
import { createFilledMetrics } from '../../unit/metrics/metrics-fixture.ts'
import { minutes, tunables } from '../../unit/performance/samples.ts'
import { type Benchmark, ours, type Site } from '../harness/benchmark.ts'
import { cpuMs, namespaceProblem, residentMb } from '../harness/processes.ts'
import { comparison } from '../harness/rounds.ts'
import { startIdleSupervisor } from '../harness/supervisor.ts'

const unmonitored = 'flowkeep, no monitoring'
const off = {
  CONTAINER_PERFORMANCE_INTERVAL: '0s',
  CONTAINER_HEALTH_INTERVAL: '1h',
}
/** The start with its first checks is over. */
const settleMs = 5_000

/** Both at the same time: idle processes do not disturb each other. */
async function idleBoth(site: Site) {
  const both = await Promise.all([startIdleSupervisor(site), startIdleSupervisor(site, off)])
  try {
    await sleep(settleMs)
    const sampleMs = site.quick ? 15_000 : 30_000
    const figures = both.map(() => ({ memory: [] as number[], cpu: [] as number[] }))
    for (let round = 0; round < 3; round++) {
      const before = both.map(({ pid }) => cpuMs(pid))
      await sleep(sampleMs)
      for (const [index, { pid }] of both.entries()) {
        figures[index]?.cpu.push(((cpuMs(pid) - (before[index] as number)) * 60_000) / sampleMs)
        figures[index]?.memory.push(residentMb(pid))
      }
    }
    const series = (metric: 'memory' | 'cpu') =>
      [ours, unmonitored].map((name, index) => ({
        ...{ name, version: site.version },
        values: figures[index]?.[metric] ?? [],
      }))
    return { memory: series('memory'), cpu: series('cpu') }
  } finally {
    await Promise.all(both.map(({ running }) => running.kill()))
  }
}

/** Processor time of one, in microseconds: other work on the machine does not count. */
async function microseconds(work: () => unknown, times: number): Promise<number[]> {
  const values: number[] = []
  for (let round = 0; round < 7; round++) {
    const before = process.cpuUsage()
    for (let time = 0; time < times; time++) await work()
    const { user, system } = process.cpuUsage(before)
    values.push((user + system) / times)
  }
  return values.slice(2)
}

/** What each look costs by itself, in this process. */
export async function costs(): Promise<
  Record<'sample' | 'check' | 'health' | 'scrape' | 'report', number[]>
> {
  const cgroup = openCgroup()
  const calls = { claims: 0, claimed: 0, settled: 0, submissions: 0, submitted: 0 }
  const host = {
    ...{ clock: systemClock, cgroup, recordsHeld: () => 0, calls: () => calls, flowPid: () => process.ppid },
    ...{ pools: () => undefined, queue: () => undefined, log: () => ({ lines: 0, dropped: 0 }) },
  }
  const memory = createMemoryCheck({ intervalMs: 10_000, timeoutMs: 5_000, readMemory: cgroup.readMemory })
  const { signal } = new AbortController()
  const quiet = () => undefined
  const monitor = new HealthMonitor({
    ...{
      clock: systemClock,
      random: Math.random,
      redact: (text) => text,
      flowName: 'bench',
      instance: 'bench',
    },
    ...{
      version: '1',
      state: () => 'running',
      logger: { debug: quiet, info: quiet, warn: quiet, error: quiet },
    },
    flow: () => ({
      ...{ alive: true, ready: true, generation: 1, restarts: 0, crashLooping: false },
      ...{ stuck: undefined, sinceMs: 0 },
    }),
  })
  const { metrics } = createFilledMetrics()
  const samples = minutes(15, () => ({}))
  return {
    sample: await microseconds(() => takeSample(host), 200),
    check: await microseconds(() => memory.run(signal), 500),
    health: await microseconds(() => JSON.stringify(monitor.report()), 2_000),
    scrape: await microseconds(() => metrics.render(undefined), 50),
    report: await microseconds(() => reportOn(samples, tunables), 50),
  }
}

export const monitoring: Benchmark = {
  name: 'monitoring',
  about:
    'idle as PID 1 with every default, beside one that checks hourly and takes no samples; and what each look costs',
  budgetSeconds: 110,
  async run(site) {
    const skipped = namespaceProblem()
    if (skipped) return { comparisons: [], skipped }
    const { memory, cpu } = await idleBoth(site)
    const each = await costs()
    const alone = (metric: string, values: number[]) =>
      comparison({ metric, unit: 'µs', better: 'less' }, [{ name: ours, version: site.version, values }])
    return {
      comparisons: [
        comparison(
          {
            metric: 'resident memory',
            unit: 'MB',
            better: 'less',
            targets: [{ peer: unmonitored, limit: 1.05 }],
          },
          memory,
        ),
        comparison({ metric: 'processor time a minute', unit: 'ms', better: 'less' }, cpu),
        alone('one sample', each.sample),
        alone('one check (memory)', each.check),
        alone('one answer of /health', each.health),
        alone('one scrape', each.scrape),
        alone('one performance report', each.report),
      ],
    }
  },
}
