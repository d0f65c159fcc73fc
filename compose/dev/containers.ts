// The flows that run code from the checkout: which they are, and how their flow is started again without the container.

import { readFileSync } from 'node:fs'
import { FlowkeepError } from '../../supervisor/core/errors.ts'
import { docker, succeeded } from '../host/docker.ts'
import { capture } from '../host/run.ts'
import { readConfiguration } from '../operate/configuration.ts'
import { lastWords } from '../operate/last-words.ts'
import { composeArguments, listContainers, type Project } from '../operate/project.ts'
import type { CodeMount } from './changes.ts'

export interface ProjectView {
  /** That the engine knows it by. */
  readonly name: string
  readonly mounts: readonly CodeMount[]
}

/** Programs are below /opt, data elsewhere.  @param root only what lies in the checkout is code */
export async function viewProject(
  project: Project,
  services: ReadonlySet<string>,
  root: string,
): Promise<ProjectView> {
  const configuration = await readConfiguration(project)
  const mounts = Object.entries(configuration.services).flatMap(([service, { volumes = [] }]) =>
    services.has(service)
      ? volumes.flatMap(({ type, source, target }) =>
          type === 'bind' && target.startsWith('/opt/') && source?.startsWith(`${root}/`)
            ? [{ service, source }]
            : [],
        )
      : [],
  )
  return { name: configuration.name, mounts }
}

/** Brings up what isn't there and replaces containers whose image or settings are others now. */
export async function bringUp(project: Project): Promise<void> {
  // Profiles are for those who ask for them.
  const args = composeArguments({ ...project, profiles: [] }, ['up', '--detach', '--wait', '--no-build'])
  const output = await capture('docker', args)
  const taken =
    /(?:Bind for|listen tcp\S*) (?<address>\S+:\d+)[^\n]*(?:port is already allocated|address already in use)/.exec(
      output.stderr,
    )
  if (taken) {
    throw new FlowkeepError('port_unavailable', {
      operation: 'cannot bring the stack up',
      subject: taken.groups?.['address'] ?? 'a port',
      message: `${taken.groups?.['address']} is in use`,
      hint: 'End what holds it, or choose another port: HAPROXY_PORT, PREFECT_PORT.',
    })
  }
  const failed =
    /service "(?<service>\S+)" didn't complete successfully|container (?<container>\S+) (?:is unhealthy|exited)/.exec(
      output.stderr,
    )
  if (failed?.groups)
    throw await notUp(project, failed.groups['service'], failed.groups['container'], failed[0])
  succeeded(args, output)
}

/** With what the container said last: that is where the reason stands. */
async function notUp(
  project: Project,
  service: string | undefined,
  name: string | undefined,
  message: string,
): Promise<FlowkeepError> {
  const containers = await listContainers(project)
  const id = containers.find((container) => container.service === service || container.name === name)?.id
  const last = id ? (await lastWords(id, wordsOfOther)).replace(/^/gm, '    ') : ''
  return new FlowkeepError('tool_failed', {
    operation: 'cannot bring the stack up',
    subject: service ?? name ?? 'the stack',
    message: last.trim() === '' ? message : `${message}:\n${last}`,
    hint: `Mend what it says; flowkeepctl logs ${service ?? ''} has all of it.`.replace('  ', ' '),
  })
}

/** Lines of a container that did not come up, and of a flow that did not start again. */
const wordsOfOther = 5

export interface Restarted {
  readonly container: string
  readonly ms: number
  /** Why the flow does not run, with the last lines it printed. */
  readonly problem?: string
}

const logLinesShown = 12

/** Has the supervisors of a service start their flow again, and waits until it runs or has failed. */
export async function restartFlows(projectName: string, service: string): Promise<Restarted[]> {
  // Not by Compose, which takes a tenth of a second more to say the same.
  const labels = [`project=${projectName}`, `service=${service}`, 'oneoff=False']
  const filters = labels.flatMap((label) => ['--filter', `label=com.docker.compose.${label}`])
  const listed = await docker(['ps', '--all', ...filters, '--format', '{{.ID}} {{.Names}}'])
  const containers = listed.trim().split('\n').filter(Boolean).sort()
  return Promise.all(containers.map((line) => restartFlow(...(line.split(' ') as [string, string]))))
}

async function restartFlow(id: string, name: string): Promise<Restarted> {
  const startedMs = performance.now()
  const since = new Date().toISOString()
  let outcome = await restartInside(id, 'reload')
  if (outcome === 'unreachable' || outcome === 'refused') {
    // The supervisor itself has ended after too many failures, or is about to: its container starts anew.
    await capture('docker', ['restart', '--time', '1', id])
    outcome = await restartInside(id, 'wait')
  }
  const ms = performance.now() - startedMs
  if (outcome === 'running') return { container: name, ms }
  return { container: name, ms, problem: (await lastWords(id, logLinesShown, since)) || 'it printed nothing' }
}

type Outcome = 'running' | 'failed' | 'unreachable' | 'refused'

const insideMs = 80_000
const script = readFileSync(new URL('restart-inside.cjs', import.meta.url), 'utf8')

async function restartInside(id: string, mode: 'reload' | 'wait'): Promise<Outcome> {
  const args = ['exec', id, '/opt/flowkeep/bin/node', '-e', script, mode]
  const { code, stdout } = await capture('docker', args, { timeoutMs: insideMs })
  if (code === 0) return stdout as Outcome
  // The container does not run, or has ended meanwhile.
  return mode === 'reload' ? 'unreachable' : 'failed'
}
