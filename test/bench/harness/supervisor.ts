// How the supervisor is started here.

import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { nodeFlags } from '../../../images/node-flags.ts'
import { readRecords } from '../../harness/log-records.ts'
import type { Site } from './benchmark.ts'
import { firstOf, freePort, type Running, start } from './processes.ts'

export function supervisorCommand(site: Site, flow: readonly string[]): string[] {
  return [site.node, ...nodeFlags, site.program, 'run', '--', ...flow]
}

export function supervisorEnvironment(site: Site, port: number): Record<string, string> {
  const directory = mkdtempSync(join(site.directory, 'fk-'))
  return {
    CONTAINER_FLOW_NAME: 'bench',
    CONTAINER_HTTP_HOST: '127.0.0.1',
    CONTAINER_HTTP_PORT: String(port),
    CONTAINER_CONTROL_SOCKET: join(directory, 'control.sock'),
    CONTAINER_STATE_DIRECTORY: join(directory, 'state'),
    CONTAINER_FLOW_READY_AFTER: '10ms',
    CONTAINER_RESTART_POLICY: 'never',
    // The checks would look at this machine, which is no container.
    CONTAINER_SECURITY_ENFORCE: 'off',
  }
}

export interface Served {
  readonly port: number
  /** The measured process itself. */
  readonly pid: number
  readonly running: Running
}

/** As PID 1 with a flow that does nothing; resolves when the flow runs. */
export async function startIdleSupervisor(
  site: Site,
  settings: Readonly<Record<string, string>> = {},
): Promise<Served> {
  const port = await freePort()
  const command = supervisorCommand(site, ['sleep', 'infinity'])
  const environment = { ...supervisorEnvironment(site, port), ...settings }
  const running = start({ command, environment, asPid1: true, stdout: 'pipe' })
  const records = readRecords(running.child.stdout as NodeJS.ReadableStream)
  await records.next(({ event, to }) => event === 'state.changed' && to === 'running')
  return { port, pid: await firstOf(running), running }
}
