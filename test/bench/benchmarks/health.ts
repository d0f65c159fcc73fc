import { bareHttp, startBareHttp } from '../harness/bare-http.ts'
import { type Benchmark, ours, type Site } from '../harness/benchmark.ts'
import { hasWrk, loadHealth } from '../harness/http-load.ts'
import { findPeers } from '../harness/peers.ts'
import { cpuMs, namespaceProblem } from '../harness/processes.ts'
import { comparison, runRounds } from '../harness/rounds.ts'
import { type Served, startIdleSupervisor } from '../harness/supervisor.ts'

async function run(site: Site, { pid, port }: Served, seconds: number) {
  const before = cpuMs(pid)
  const { requestsPerSecond, p99Ms } = await loadHealth(site, port, seconds)
  const cpu = ((cpuMs(pid) - before) * 1_000) / (requestsPerSecond * seconds)
  return { rate: requestsPerSecond, p99: p99Ms, cpu }
}

export const health: Benchmark = {
  name: 'health',
  about: `GET /health over 32 connections, ${hasWrk ? 'by wrk' : 'by a program of ours'}`,
  budgetSeconds: 30,
  async run(site) {
    const skipped = namespaceProblem()
    if (skipped) return { comparisons: [], skipped }
    const supervisor = await startIdleSupervisor(site)
    const bare = await startBareHttp(site)
    try {
      const seconds = site.quick ? 1 : 2
      const series = await runRounds(
        site,
        [
          { name: ours, version: site.version, run: () => run(site, supervisor, seconds) },
          { name: bareHttp, version: process.version, run: () => run(site, bare, seconds) },
        ],
        { rounds: 5 },
      )
      return {
        absent: findPeers(['wrk']).absent,
        comparisons: [
          comparison({ metric: 'throughput', unit: 'req/s', better: 'more' }, series('rate')),
          comparison({ metric: 'p99', unit: 'ms', better: 'less' }, series('p99')),
          comparison({ metric: "server's processor time", unit: 'µs/req', better: 'less' }, series('cpu')),
        ],
      }
    } finally {
      await supervisor.running.kill()
      await bare.running.kill()
    }
  },
}
