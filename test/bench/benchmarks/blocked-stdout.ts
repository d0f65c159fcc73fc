import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { latenciesMs } from '../harness/ask.ts'
import { type Benchmark, ours, type Site } from '../harness/benchmark.ts'
import { firstAnswer, freePort, residentMb, start } from '../harness/processes.ts'
import { comparison } from '../harness/rounds.ts'
import { supervisorCommand, supervisorEnvironment } from '../harness/supervisor.ts'

const lines = 400_000
const flow = ['sh', '-c', `seq ${lines}; sleep infinity`]
const settleMs = 2_000
const probeEveryMs = 50

interface Stalled {
  readonly slowest: number
  readonly memory: number
  readonly lost: number
}

/** The flow writes, nobody reads: the slowest answer meanwhile. Then all is read: the lines that are missing. */
async function stall(site: Site, stallMs: number): Promise<Stalled> {
  const port = await freePort()
  const environment = supervisorEnvironment(site, port)
  const running = start({ command: supervisorCommand(site, flow), environment, stdout: 'pipe' })
  const stdout = running.child.stdout as NodeJS.ReadableStream
  while ((await firstAnswer(port, '/readyz', running)) !== 200) await sleep(20)
  await sleep(settleMs)

  const latencies: number[] = []
  const settledMb = residentMb(running.pid)
  for (const endsAtMs = performance.now() + stallMs; performance.now() < endsAtMs; ) {
    latencies.push(...(await latenciesMs(port, '/health', 1)))
    await sleep(probeEveryMs)
  }
  const memory = residentMb(running.pid) - settledMb

  let seen = 0
  let rest = ''
  const all = new Promise<void>((resolve) => {
    stdout.setEncoding('utf8').on('data', (text: string) => {
      const whole = (rest + text).split('\n')
      rest = whole.pop() ?? ''
      seen += whole.filter((line) => line.includes('"component":"flow"')).length
      if (seen >= lines) resolve()
    })
  })
  await Promise.race([all, sleep(10_000, undefined, { ref: false })])
  await running.kill()
  return { slowest: Math.max(...latencies), memory, lost: lines - seen }
}

export const blockedStdout: Benchmark = {
  name: 'blocked-stdout',
  about: `nobody reads stdout for a minute while the flow writes ${lines} lines: the slowest answer of /health, then lost lines`,
  budgetSeconds: 80,
  async run(site) {
    const figures = await stall(site, site.quick ? 15_000 : 60_000)
    const compare = (metric: string, unit: string, key: keyof Stalled, limit: number) =>
      comparison({ metric, unit, better: 'less', targets: [{ limit }] }, [
        { name: ours, version: site.version, values: [figures[key]] },
      ])
    return {
      comparisons: [
        compare('slowest answer', 'ms', 'slowest', 50),
        compare('memory added while it stood still', 'MB', 'memory', 5),
        compare('lost', 'lines', 'lost', 0),
      ],
    }
  },
}
