import { latenciesMs } from '../harness/ask.ts'
import { bareHttp, startBareHttp } from '../harness/bare-http.ts'
import { type Benchmark, ours } from '../harness/benchmark.ts'
import { namespaceProblem } from '../harness/processes.ts'
import { comparison, runRounds } from '../harness/rounds.ts'
import { median, quantile } from '../harness/statistics.ts'
import { startIdleSupervisor } from '../harness/supervisor.ts'

const count = 200

async function run(port: number) {
  const latencies = await latenciesMs(port, '/metrics', count)
  return { p50: median(latencies), p99: quantile(latencies, 0.99) }
}

export const scrape: Benchmark = {
  name: 'scrape',
  about: `GET /metrics, ${count} times in each run; the peer answers one line`,
  budgetSeconds: 10,
  async run(site) {
    const skipped = namespaceProblem()
    if (skipped) return { comparisons: [], skipped }
    const supervisor = await startIdleSupervisor(site)
    const bare = await startBareHttp(site)
    try {
      const contenders = [
        { name: ours, version: site.version, run: () => run(supervisor.port) },
        { name: bareHttp, version: process.version, run: () => run(bare.port) },
      ]
      const series = await runRounds(site, contenders, { rounds: 5 })
      return {
        comparisons: [
          comparison({ metric: 'p50', unit: 'ms', better: 'less', targets: [{ limit: 2 }] }, series('p50')),
          comparison({ metric: 'p99', unit: 'ms', better: 'less' }, series('p99')),
        ],
      }
    } finally {
      await supervisor.running.kill()
      await bare.running.kill()
    }
  },
}
