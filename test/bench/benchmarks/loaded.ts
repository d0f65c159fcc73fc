import { performance } from 'node:perf_hooks'
import { readRecords } from '../../harness/log-records.ts'
import { bareHttp, bareHttpCommand } from '../harness/bare-http.ts'
import { type Benchmark, ours, type Site } from '../harness/benchmark.ts'
import { cpuMs, firstAnswer, freePort, start } from '../harness/processes.ts'
import { comparison, runRounds } from '../harness/rounds.ts'
import { supervisorCommand, supervisorEnvironment } from '../harness/supervisor.ts'

async function supervisorRun(site: Site) {
  const port = await freePort()
  const startedAtMs = performance.now()
  const running = start({
    command: supervisorCommand(site, ['sleep', 'infinity']),
    environment: supervisorEnvironment(site, port),
    stdout: 'pipe',
  })
  await readRecords(running.child.stdout as NodeJS.ReadableStream).next('flow.started')
  const figures = { wall: performance.now() - startedAtMs, cpu: cpuMs(running.pid) }
  await running.kill()
  return figures
}

async function bareRun(site: Site) {
  const port = await freePort()
  const startedAtMs = performance.now()
  const running = start({ command: bareHttpCommand(site, port) })
  await firstAnswer(port, '/health', running)
  const figures = { wall: performance.now() - startedAtMs, cpu: cpuMs(running.pid) }
  await running.kill()
  return figures
}

export const loaded: Benchmark = {
  name: 'loaded',
  about: 'from starting the program to the flow started, without dependencies; the peer to its first answer',
  budgetSeconds: 20,
  async run(site) {
    const series = await runRounds(
      site,
      [
        { name: ours, version: site.version, run: () => supervisorRun(site) },
        { name: bareHttp, version: process.version, run: () => bareRun(site) },
      ],
      { rounds: 30, warmUps: 2 },
    )
    const targets = [{ peer: bareHttp, limit: 3.2 }]
    return {
      comparisons: [
        comparison(
          { metric: 'everything loaded, flow started', unit: 'ms', better: 'less', targets },
          series('wall'),
        ),
        comparison({ metric: 'processor time until then', unit: 'ms', better: 'less' }, series('cpu')),
      ],
    }
  },
}
