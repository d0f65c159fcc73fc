import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { latenciesMs } from '../harness/ask.ts'
import { bareHttp, startBareHttp } from '../harness/bare-http.ts'
import { type Benchmark, ours, type Series, type Site } from '../harness/benchmark.ts'
import { namespaceProblem, residentMb, start } from '../harness/processes.ts'
import { comparison } from '../harness/rounds.ts'
import { quantile } from '../harness/statistics.ts'
import { type Served, startIdleSupervisor } from '../harness/supervisor.ts'

const slowSockets = fileURLToPath(new URL('../../fixtures/programs/slow-sockets.cjs', import.meta.url))
const clients = 500
const probeEveryMs = 50
/** The longest that the server keeps a client it does not know to be gone. */
const closeMs = 15_000

interface Held {
  readonly p99: number
  readonly memory: number
  readonly descriptors: number
}

/** Probes on a new connection each, as load balancers do, while the clients dawdle; then what is left of them. */
async function attacked(site: Site, { pid, port }: Served, attackMs: number): Promise<Held> {
  await latenciesMs(port, '/health', 20)
  const before = { memory: residentMb(pid), descriptors: descriptorsOf(pid) }
  const attack = start({ command: [site.node, slowSockets, String(port), String(clients)], stdout: 'pipe' })
  await once(attack.child.stdout as NodeJS.ReadableStream, 'data')

  const latencies: number[] = []
  let memory = before.memory
  for (const endsAtMs = performance.now() + attackMs; performance.now() < endsAtMs; ) {
    latencies.push(...(await latenciesMs(port, '/health', 1)))
    memory = Math.max(memory, residentMb(pid))
    await sleep(probeEveryMs)
  }
  await attack.kill()
  const waitUntilMs = performance.now() + closeMs
  while (descriptorsOf(pid) > before.descriptors && performance.now() < waitUntilMs) await sleep(probeEveryMs)
  return {
    p99: quantile(latencies, 0.99),
    memory: memory - before.memory,
    descriptors: descriptorsOf(pid) - before.descriptors,
  }
}

function descriptorsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length
}

export const slowClients: Benchmark = {
  name: 'slow-clients',
  about: `${clients} clients that send one header line a second and never a whole request, and a probe of /health beside them`,
  budgetSeconds: 150,
  async run(site) {
    const skipped = namespaceProblem()
    if (skipped) return { comparisons: [], skipped }
    const attackMs = site.quick ? 15_000 : 60_000
    const supervisor = await startIdleSupervisor(site)
    const bare = await startBareHttp(site)
    try {
      const held = [
        { name: ours, version: site.version, ...(await attacked(site, supervisor, attackMs)) },
        { name: bareHttp, version: process.version, ...(await attacked(site, bare, attackMs)) },
      ]
      const series = (metric: keyof Held): Series[] =>
        held.map(({ name, version, [metric]: value }) => ({ name, version, values: [value] }))
      const less = { better: 'less' } as const
      return {
        comparisons: [
          comparison(
            { ...less, metric: 'p99 of a probe', unit: 'ms', targets: [{ limit: 100 }] },
            series('p99'),
          ),
          comparison(
            { ...less, metric: 'memory added', unit: 'MB', targets: [{ limit: 20 }] },
            series('memory'),
          ),
          comparison(
            { ...less, metric: 'descriptors not returned', unit: 'descriptors', targets: [{ limit: 0 }] },
            series('descriptors'),
          ),
        ],
      }
    } finally {
      await supervisor.running.kill()
      await bare.running.kill()
    }
  },
}
