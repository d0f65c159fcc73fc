// A real Alertmanager on loopback, which hands everything on to a webhook of the test's own at once.

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until } from './until.ts'

export const noAlertmanager: string | false =
  spawnSync('prometheus-alertmanager', ['--version']).error === undefined
    ? false
    : 'Alertmanager is not installed (Debian: apt-get install prometheus-alertmanager)'

export interface KnownAlert {
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly startsAt: string
  readonly endsAt: string
}

interface TestContext {
  teardown(fn: () => unknown): void
}

/** @returns what it knows to be firing */
export async function startAlertmanager(
  t: TestContext,
  port: number,
  webhookUrl: string,
): Promise<() => Promise<readonly KnownAlert[]>> {
  const directory = mkdtempSync(join(tmpdir(), 'alertmanager-'))
  const config = {
    route: { receiver: 'test', group_wait: '10ms', group_interval: '100ms', group_by: ['...'] },
    receivers: [{ name: 'test', webhook_configs: [{ url: webhookUrl, send_resolved: true }] }],
  }
  // JSON is YAML.
  writeFileSync(join(directory, 'alertmanager.yml'), JSON.stringify(config))
  const alertmanager = spawn(
    'prometheus-alertmanager',
    [
      `--config.file=${directory}/alertmanager.yml`,
      `--storage.path=${directory}/data`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--cluster.listen-address=',
      '--log.level=error',
    ],
    { stdio: 'ignore' },
  )
  const ended = once(alertmanager, 'exit')
  t.teardown(async () => {
    alertmanager.kill()
    await ended
    rmSync(directory, { recursive: true })
  })
  const url = `http://127.0.0.1:${port}`
  await until(
    'Alertmanager is ready',
    () => fetch(`${url}/-/ready`).catch(() => undefined),
    (answer) => answer?.status === 200,
  )
  return async () => (await (await fetch(`${url}/api/v2/alerts`)).json()) as KnownAlert[]
}
