// What `import flowkeep.prefect` costs a flow whose Prefect server is there: the same flow in a supervised process with
// it, and in a bare Python process without any of Flowkeep, in turns against one real server.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { checkout } from '../../harness/checkout.ts'
import { startPostgres } from '../../harness/postgres.ts'
import { prefectEnvironment } from '../../harness/prefect/environment.ts'
import { type PrefectServer, startPrefect } from '../../harness/prefect/server.ts'
import { startSupervised } from '../../harness/supervised.ts'
import { type Benchmark, ours, type Site } from '../harness/benchmark.ts'
import { comparison, runRounds } from '../harness/rounds.ts'

interface Figures extends Readonly<Record<'run' | 'cpu' | 'import', number>> {}

const program = `${checkout}/test/bench/programs/prefect_flow.py`
const without = 'without Flowkeep'

export const prefectBenchmark: Benchmark = {
  name: 'prefect',
  about: 'a flow of Prefect with five tasks and a subflow, its server there, with and without Flowkeep',
  budgetSeconds: 180,
  async run(site) {
    const { python, skip } = prefectEnvironment()
    if (python === undefined) return { comparisons: [], skipped: skip }
    // On SQLite a server on a busy machine answers "database is locked" now and then, and that would be measured.
    const postgres = await startPostgres()
    const server = await startPrefect({ python, databaseUrl: postgres.url() })
    const runs = site.quick ? '4' : '8'
    try {
      const series = await runRounds(
        site,
        [
          { name: ours, version: site.version, run: () => supervised(site, server, [python, program, runs]) },
          { name: without, run: () => bare(site, server, [python, program, runs, '--plain']) },
        ],
        { rounds: 5, warmUps: 0 },
      )
      const less = { unit: 'ms', better: 'less' } as const
      return {
        comparisons: [
          comparison({ ...less, metric: 'a run', targets: [{ peer: without, limit: 1.1 }] }, series('run')),
          comparison({ ...less, metric: "the flow's processor time for a run" }, series('cpu')),
          comparison({ ...less, metric: 'its imports' }, series('import')),
        ],
      }
    } finally {
      await server.stop()
      await postgres.stop()
    }
  },
}

function environmentOf(site: Site, { url }: PrefectServer): Record<string, string> {
  const home = mkdtempSync(join(site.directory, 'prefect-'))
  return { HOME: home, PREFECT_HOME: home, PREFECT_API_URL: url, DO_NOT_TRACK: '1' }
}

async function supervised(site: Site, server: PrefectServer, command: readonly string[]): Promise<Figures> {
  const closing: (() => unknown)[] = []
  try {
    const flow = await startSupervised(
      { teardown: (close) => closing.push(close) },
      {
        command,
        program: site.program,
        environment: { ...environmentOf(site, server), PYTHONPATH: `${checkout}/images/python` },
      },
    )
    const { run, cpu, import: imports } = await flow.record((record) => typeof record['cpu'] === 'number')
    await flow.exited
    return { run: Number(run), cpu: Number(cpu), import: Number(imports) }
  } finally {
    for (const close of closing) await close()
  }
}

async function bare(site: Site, server: PrefectServer, command: readonly string[]): Promise<Figures> {
  const [file = '', ...args] = command
  const env = { PATH: process.env['PATH'], ...environmentOf(site, server) }
  const child = spawn(file, args, { env, stdio: ['ignore', 'pipe', 'ignore'] })
  const [said] = await Promise.all([text(child.stdout), once(child, 'close')])
  return JSON.parse(said) as Figures
}
