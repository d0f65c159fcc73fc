// A real Prometheus on loopback that scrapes every second.

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { unusedPort } from './servers.ts'
import { until } from './until.ts'

export const noPrometheus: string | false =
  spawnSync('prometheus', ['--version']).error === undefined
    ? false
    : 'prometheus is not installed (Debian: apt-get install prometheus)'

export interface Sample {
  readonly metric: Readonly<Record<string, string>>
  readonly value: readonly [number, string]
}

export interface ScrapeJob {
  readonly job: string
  /** Of loopback. */
  readonly port: number
  readonly labels?: Readonly<Record<string, string>>
}

export interface Prometheus {
  /** The instant vector of an expression. @throws what Prometheus says of one that it refuses */
  query(expression: string): Promise<readonly Sample[]>
  /** What its API answers under `/api/v1/`. */
  api(path: string): Promise<unknown>
}

interface TestContext {
  teardown(fn: () => unknown): void
}

export async function startPrometheus(
  t: TestContext,
  jobs: readonly ScrapeJob[],
  ruleFiles: readonly string[] = [],
): Promise<Prometheus> {
  const directory = mkdtempSync(join(tmpdir(), 'prometheus-'))
  const config = {
    global: { scrape_interval: '1s', evaluation_interval: '1s' },
    rule_files: ruleFiles,
    scrape_configs: jobs.map(({ job, port, labels }) => ({
      job_name: job,
      static_configs: [{ targets: [`127.0.0.1:${port}`], labels: labels ?? {} }],
    })),
  }
  // JSON is YAML.
  writeFileSync(join(directory, 'prometheus.yml'), JSON.stringify(config))
  const port = await unusedPort()
  const prometheus = spawn(
    'prometheus',
    [
      `--config.file=${directory}/prometheus.yml`,
      `--storage.tsdb.path=${directory}/data`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=error',
    ],
    { stdio: 'ignore' },
  )
  const ended = once(prometheus, 'exit')
  t.teardown(async () => {
    prometheus.kill()
    await ended
    rmSync(directory, { recursive: true })
  })
  const url = `http://127.0.0.1:${port}`
  await until(
    'Prometheus is ready',
    () => fetch(`${url}/-/ready`).catch(() => undefined),
    (answer) => answer?.status === 200,
  )
  async function api(path: string): Promise<unknown> {
    const answer = (await (await fetch(`${url}/api/v1/${path}`)).json()) as { data: unknown; error?: string }
    if (answer.error !== undefined) throw new Error(`${path}: ${answer.error}`)
    return answer.data
  }
  return {
    api,
    async query(expression) {
      const data = await api(`query?query=${encodeURIComponent(expression)}`)
      return (data as { result: Sample[] }).result
    },
  }
}
