import { setTimeout as sleep } from 'node:timers/promises'
import { latenciesMs } from '../harness/ask.ts'
import { type Benchmark, ours, type Site } from '../harness/benchmark.ts'
import { firstAnswer, freePort, start } from '../harness/processes.ts'
import { comparison, runRounds } from '../harness/rounds.ts'
import { supervisorCommand, supervisorEnvironment } from '../harness/supervisor.ts'

const lines = 400_000
const flow = ['sh', '-c', `seq ${lines}; sleep infinity`]

/** The flow writes, nobody reads: the slowest answer meanwhile. Then all is read: the lines that are missing. */
async function run(site: Site) {
  const port = await freePort()
  const environment = supervisorEnvironment(site, port)
  const running = start({ command: supervisorCommand(site, flow), environment, stdout: 'pipe' })
  const stdout = running.child.stdout as NodeJS.ReadableStream
  while ((await firstAnswer(port, '/readyz', running)) !== 200) await sleep(20)
  await sleep(500)
  const latencies = await latenciesMs(port, '/health', 300)

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
  return { slowest: Math.max(...latencies), lost: lines - seen }
}

export const blockedStdout: Benchmark = {
  name: 'blocked-stdout',
  about: `nobody reads stdout while the flow writes ${lines} lines: the slowest of 300 answers of /health, then lost lines`,
  budgetSeconds: 20,
  async run(site) {
    const contenders = [{ name: ours, version: site.version, run: () => run(site) }]
    const series = await runRounds(site, contenders, { rounds: 5, warmUps: 0 })
    return {
      comparisons: [
        comparison(
          { metric: 'slowest answer', unit: 'ms', better: 'less', targets: [{ limit: 50 }] },
          series('slowest'),
        ),
        comparison(
          { metric: 'lost', unit: 'lines', better: 'less', targets: [{ limit: 0 }] },
          series('lost'),
        ),
      ],
    }
  },
}
