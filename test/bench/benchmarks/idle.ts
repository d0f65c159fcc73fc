import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { bareHttp, startBareHttp } from '../harness/bare-http.ts'
import { type Benchmark, ours, type Series, type Site } from '../harness/benchmark.ts'
import { findPeers, type Peer } from '../harness/peers.ts'
import { cpuMs, firstOf, namespaceProblem, type Running, residentMb, start } from '../harness/processes.ts'
import { comparison } from '../harness/rounds.ts'
import { startIdleSupervisor } from '../harness/supervisor.ts'

/** Until the start is over for good: see limits.settleAfterMs. */
const settleMs = 8_000
const samples = 3

interface Idle {
  readonly name: string
  readonly version: string | undefined
  readonly pid: number
  readonly running: Running
}

async function startAll(site: Site, peers: readonly Peer[]): Promise<Idle[]> {
  const { version } = process
  const inits = peers.map(async ({ name, version }) => {
    const scan = () => mkdtempSync(join(site.directory, 'scan-'))
    const command = name === 's6-svscan' ? [name, scan()] : [name, '--', 'sleep', 'infinity']
    const running = start({ command, asPid1: true })
    return { name, version, running, pid: await firstOf(running) }
  })
  return [
    { name: ours, version: site.version, ...(await startIdleSupervisor(site)) },
    { name: bareHttp, version, ...(await startBareHttp(site)) },
    ...(await Promise.all(inits)),
  ]
}

/** All of them at the same time: idle processes do not disturb each other. */
async function observe(idle: readonly Idle[], sampleMs: number): Promise<Record<'memory' | 'cpu', Series[]>> {
  await sleep(settleMs)
  const values = idle.map(() => ({ memory: [] as number[], cpu: [] as number[] }))
  for (let sample = 0; sample < samples; sample++) {
    const before = idle.map(({ pid }) => cpuMs(pid))
    await sleep(sampleMs)
    for (const [index, { pid }] of idle.entries()) {
      values[index]?.cpu.push(((cpuMs(pid) - (before[index] as number)) * 60_000) / sampleMs)
      values[index]?.memory.push(residentMb(pid))
    }
  }
  const of = (metric: 'memory' | 'cpu') =>
    idle.map(({ name, version }, index) => ({ name, version, values: values[index]?.[metric] ?? [] }))
  return { memory: of('memory'), cpu: of('cpu') }
}

export const idle: Benchmark = {
  name: 'idle',
  about: 'as PID 1 with a flow that sleeps; three samples in a row, every contender at the same time',
  budgetSeconds: 30,
  async run(site) {
    const skipped = namespaceProblem()
    if (skipped) return { comparisons: [], skipped }
    const { present, absent } = findPeers(['tini', 's6-svscan'])
    const all = await startAll(site, present)
    try {
      const { memory, cpu } = await observe(all, site.quick ? 3_500 : 6_000)
      const targets = [{ peer: bareHttp, limit: 1.5 }]
      return {
        absent,
        comparisons: [
          comparison({ metric: 'resident memory', unit: 'MB', better: 'less', targets }, memory),
          comparison({ metric: 'processor time a minute', unit: 'ms', better: 'less' }, cpu),
        ],
      }
    } finally {
      await Promise.all(all.map(({ running }) => running.kill()))
    }
  },
}
