import { performance } from 'node:perf_hooks'
import { bareHttp, bareHttpCommand } from '../harness/bare-http.ts'
import { type Benchmark, ours, type Site } from '../harness/benchmark.ts'
import { cpuMs, firstAnswer, freePort, start } from '../harness/processes.ts'
import { comparison, runRounds } from '../harness/rounds.ts'
import { supervisorCommand, supervisorEnvironment } from '../harness/supervisor.ts'

/** From starting the program to its first answer of any status, and the processor time until then. */
async function timeToAnswer(command: readonly string[], environment: Record<string, string>, port: number) {
  const startedAtMs = performance.now()
  const running = start({ command, environment })
  await firstAnswer(port, '/health', running)
  const figures = { wall: performance.now() - startedAtMs, cpu: cpuMs(running.pid) }
  await running.kill()
  return figures
}

async function supervisorRun(site: Site) {
  const port = await freePort()
  return timeToAnswer(supervisorCommand(site, ['sleep', 'infinity']), supervisorEnvironment(site, port), port)
}

async function bareRun(site: Site) {
  const port = await freePort()
  return timeToAnswer(bareHttpCommand(site, port), {}, port)
}

async function emptyRun(site: Site) {
  const startedAtMs = performance.now()
  await start({ command: [site.node, '-e', '0'] }).ended
  return { wall: performance.now() - startedAtMs, cpu: Number.NaN }
}

export const boot: Benchmark = {
  name: 'boot',
  about: 'from starting the program to its first answer of any status on /health',
  budgetSeconds: 20,
  async run(site) {
    const { version } = process
    const series = await runRounds(
      site,
      [
        { name: ours, version: site.version, run: () => supervisorRun(site) },
        { name: bareHttp, version, run: () => bareRun(site) },
        { name: 'node -e 0, to its end', version, run: () => emptyRun(site) },
      ],
      { rounds: 30, warmUps: 2 },
    )
    const targets = [{ peer: bareHttp, limit: 1.25 }]
    return {
      comparisons: [
        comparison({ metric: 'first answer', unit: 'ms', better: 'less', targets }, series('wall')),
        comparison(
          { metric: 'processor time until then', unit: 'ms', better: 'less' },
          series('cpu').slice(0, 2),
        ),
      ],
    }
  },
}
