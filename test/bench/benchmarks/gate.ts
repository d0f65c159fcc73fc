import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { readRecords } from '../../harness/log-records.ts'
import { createPostgres, type PostgresServer } from '../../harness/postgres.ts'
import { type Benchmark, ours, type Site } from '../harness/benchmark.ts'
import { freePort, type Running, start } from '../harness/processes.ts'
import { comparison, runRounds } from '../harness/rounds.ts'
import { supervisorCommand, supervisorEnvironment } from '../harness/supervisor.ts'

/** How long the database is away once the waiting has begun. Not a whole number of anybody's delays. */
const awayMs = [1_130, 1_370, 1_710, 1_930]

/** What many images do: try to connect once a second. An open port is not a database that answers, of course. */
const loop = 'until (exec 3<>"/dev/tcp/127.0.0.1/$0") 2>/dev/null; do sleep 1; done; echo started'

/** From the line in which the server says it is ready to the flow's start. */
async function latencyMs(
  database: PostgresServer,
  away: number,
  launch: () => { running: Running; flowStarted: Promise<unknown> },
): Promise<number> {
  await database.halt()
  const { running, flowStarted } = launch()
  await sleep(away)
  const startedAtMs = flowStarted.then(() => performance.now())
  await database.start()
  const readyAtMs = performance.now()
  const latency = (await startedAtMs) - readyAtMs
  await running.kill()
  return latency
}

function launchSupervisor(site: Site, port: number, database: PostgresServer) {
  const environment = { ...supervisorEnvironment(site, port), CONTAINER_DATABASE_MAIN_URL: database.url() }
  const command = supervisorCommand(site, ['sleep', 'infinity'])
  const running = start({ command, environment, stdout: 'pipe' })
  const records = readRecords(running.child.stdout as NodeJS.ReadableStream)
  return { running, flowStarted: records.next('flow.started') }
}

function launchLoop(database: PostgresServer) {
  const running = start({ command: ['bash', '-c', loop, String(database.port)], stdout: 'pipe' })
  const stdout = running.child.stdout as NodeJS.ReadableStream
  return { running, flowStarted: new Promise((resolve) => stdout.once('data', resolve)) }
}

export const gate: Benchmark = {
  name: 'gate',
  about: `from PostgreSQL's "ready to accept connections" to the flow started; it was away for ${awayMs[0]}–${awayMs.at(-1)} ms`,
  budgetSeconds: 40,
  async run(site) {
    const database = await createPostgres()
    try {
      const port = await freePort()
      let runs = 0
      const away = () => awayMs[runs++ % awayMs.length] as number
      const contenders = [
        {
          name: ours,
          version: site.version,
          run: async () => ({
            wall: await latencyMs(database, away(), () => launchSupervisor(site, port, database)),
          }),
        },
        {
          name: 'a loop that connects once a second',
          run: async () => ({ wall: await latencyMs(database, away(), () => launchLoop(database)) }),
        },
      ]
      const series = await runRounds(site, contenders, { rounds: 9, warmUps: 0 })
      return {
        comparisons: [comparison({ metric: 'ready to started', unit: 'ms', better: 'less' }, series('wall'))],
      }
    } finally {
      await database.stop()
    }
  },
}
