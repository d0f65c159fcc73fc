// The whole way of an operation: HTTP on the control socket, its checks, the queue, the disk. Beside it the same program
// that acknowledges without writing, and, where the disk is slow, one that commits in its main thread.

import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { latenciesMs } from '../harness/ask.ts'
import { type Benchmark, ours, type Site } from '../harness/benchmark.ts'
import { cpuMs } from '../harness/processes.ts'
import { comparison, runRounds } from '../harness/rounds.ts'
import { quantile } from '../harness/statistics.ts'
import { type Kept, startSubmissions, submitUntil } from '../harness/submissions.ts'

const withoutStorage = 'the same, nothing written'
const mainThread = 'committed in the main thread'
const connections = 32
const slowCommitMs = 3
const probeEveryMs = 5

async function submit(site: Site, kept: Kept, perRequest: number) {
  const server = await startSubmissions(site, kept)
  try {
    // What it starts with the first submission is not measured.
    await submitUntil(server.socket, performance.now() + (site.quick ? 300 : 700), {
      connections,
      perRequest,
    })
    const [startedMs, cpuBeforeMs] = [performance.now(), cpuMs(server.running.pid)]
    const endsAtMs = startedMs + (site.quick ? 700 : 1_500)
    const tookMs = await submitUntil(server.socket, endsAtMs, { connections, perRequest })
    const operations = tookMs.length * perRequest
    return {
      rate: (operations * 1_000) / (performance.now() - startedMs),
      p99: quantile(tookMs, 0.99),
      cpu: ((cpuMs(server.running.pid) - cpuBeforeMs) * 1_000) / operations,
    }
  } finally {
    await server.close()
  }
}

/** /health while operations are taken as fast as they go. */
async function probed(site: Site, kept: Kept) {
  const server = await startSubmissions(site, kept, slowCommitMs)
  try {
    const endsAtMs = performance.now() + (site.quick ? 1_000 : 2_000)
    const submitted = submitUntil(server.socket, endsAtMs, { connections, perRequest: 1 })
    const latencies: number[] = []
    while (performance.now() < endsAtMs) {
      latencies.push(...(await latenciesMs(server.port, '/health', 1)))
      await sleep(probeEveryMs)
    }
    return {
      p99: quantile(latencies, 0.99),
      rate: ((await submitted).length * 1_000) / (site.quick ? 1_000 : 2_000),
    }
  } finally {
    await server.close()
  }
}

export const submissions: Benchmark = {
  name: 'submit',
  about: `operations of 500 bytes over ${connections} connections of the control socket, queued durably`,
  budgetSeconds: 100,
  async run(site) {
    const contenders = (perRequest: number) => [
      { name: ours, version: site.version, run: () => submit(site, 'worker', perRequest) },
      { name: withoutStorage, run: () => submit(site, 'none', perRequest) },
    ]
    const one = await runRounds(site, contenders(1), { rounds: 7 })
    const fifty = await runRounds(site, contenders(50), { rounds: 5 })
    const slow = await runRounds(
      site,
      [
        { name: ours, version: site.version, run: () => probed(site, 'worker') },
        { name: mainThread, run: () => probed(site, 'main') },
      ],
      { rounds: 5 },
    )
    const more = { unit: 'op/s', better: 'more' } as const
    const less = { unit: 'ms', better: 'less' } as const
    return {
      comparisons: [
        comparison(
          { ...more, metric: 'one in a request', targets: [{ peer: withoutStorage, limit: 0.5 }] },
          one('rate'),
        ),
        comparison({ ...less, metric: 'one in a request, p99' }, one('p99')),
        comparison({ ...less, metric: "server's processor time", unit: 'µs/op' }, one('cpu')),
        comparison({ ...more, metric: '50 in a request' }, fifty('rate')),
        comparison(
          {
            ...{ ...less, metric: `p99 of /health, commits ${slowCommitMs} ms slower` },
            targets: [{ peer: mainThread, limit: 0.33 }],
          },
          slow('p99'),
        ),
        comparison({ ...more, metric: `taken meanwhile` }, slow('rate')),
      ],
    }
  },
}
