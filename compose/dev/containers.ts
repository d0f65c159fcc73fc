// The flows that run code from the checkout: which they are, and how their flow is started again without the container.

import { setTimeout as sleep } from 'node:timers/promises'
import { FlowkeepError } from '../../supervisor/core/errors.ts'
import { docker, succeeded } from '../host/docker.ts'
import { capture } from '../host/run.ts'
import { type Container, composeArguments, listContainers, type Project } from '../operate/project.ts'
import type { Supervisor } from '../operate/status-command.ts'
import type { CodeMount } from './changes.ts'

interface Configuration {
  readonly services: Readonly<
    Record<
      string,
      {
        readonly image?: string
        readonly volumes?: readonly {
          readonly type: string
          readonly source?: string
          readonly target: string
        }[]
      }
    >
  >
}

/** Programs are below /opt, data elsewhere.  @param root only what lies in the checkout is code */
export async function codeMounts(
  project: Project,
  services: ReadonlySet<string>,
  root: string,
): Promise<CodeMount[]> {
  const text = await docker(composeArguments(project, ['config', '--format', 'json']))
  const configuration = JSON.parse(text) as Configuration
  return Object.entries(configuration.services).flatMap(([service, { volumes = [] }]) =>
    services.has(service)
      ? volumes.flatMap(({ type, source, target }) =>
          type === 'bind' && target.startsWith('/opt/') && source?.startsWith(`${root}/`)
            ? [{ service, source }]
            : [],
        )
      : [],
  )
}

/** Brings up what isn't there and replaces containers whose image or settings are others now. */
export async function bringUp(project: Project): Promise<void> {
  const args = composeArguments({ ...project }, ['up', '--detach', '--wait', '--no-build'])
  // Profiles are for those who ask for them.
  const plain = args.filter((arg, index) => arg !== '--profile' && args[index - 1] !== '--profile')
  const output = await capture('docker', plain)
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
  succeeded(plain, output)
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
  const { stdout, stderr } = id
    ? await capture('docker', ['logs', '--tail', '3', id])
    : { stdout: '', stderr: '' }
  const last = `${stdout}${stderr}`.trim().slice(-lastWordsChars).replace(/^/gm, '    ')
  return new FlowkeepError('tool_failed', {
    operation: 'cannot bring the stack up',
    subject: service ?? name ?? 'the stack',
    message: last.trim() === '' ? message : `${message}:\n${last}`,
    hint: `Mend what it says; flowkeepctl logs ${service ?? ''} has all of it.`.replace('  ', ' '),
  })
}

const lastWordsChars = 1_500

export interface Restarted {
  readonly container: string
  readonly ms: number
  /** Why the flow does not run, with the last lines it printed. */
  readonly problem?: string
}

const answerMs = 10_000
const runningMs = 60_000
const lookEveryMs = 50
const logLinesShown = 12

/** Asks the supervisors of a service to start their flow again, and waits until it runs or has failed. */
export async function restartFlows(project: Project, service: string): Promise<Restarted[]> {
  const containers = (await listContainers(project)).filter((container) => container.service === service)
  return Promise.all(containers.map(restartFlow))
}

async function restartFlow(container: Container): Promise<Restarted> {
  const startedMs = performance.now()
  const since = new Date().toISOString()
  const before = container.state === 'running' ? await ask(container.id) : undefined
  // The supervisor itself has ended after too many failures: its container starts anew.
  if (before === undefined) await capture('docker', ['restart', '--time', '1', container.id])
  else await reload(container.id)
  const generation = before?.process.generation ?? 0
  for (;;) {
    const status = await ask(container.id)
    const ms = performance.now() - startedMs
    const isNew = status !== undefined && (before === undefined || status.process.generation > generation)
    if (isNew && status.process.ready) return { container: container.name, ms }
    const failed =
      isNew &&
      status.process.lastExit !== null &&
      status.process.lastExit.at > since &&
      status.process.restarts > (before?.process.restarts ?? 0)
    if (failed || ms > runningMs || (status === undefined && (await hasEnded(container.id)))) {
      return { container: container.name, ms, problem: await lastWords(container.id, since) }
    }
    await sleep(lookEveryMs)
  }
}

interface Status extends Supervisor {
  readonly process: {
    readonly restarts: number
    readonly ready: boolean
    readonly generation: number
    readonly lastExit: { readonly at: string } | null
  }
}

const request = (method: string, path: string) =>
  `const r=require('node:http').request({socketPath:process.env.CONTAINER_CONTROL_SOCKET||'/run/flowkeep/control.sock',method:'${method}',path:'${path}'},(a)=>{a.pipe(process.stdout);a.on('end',()=>process.exitCode=a.statusCode<300?0:1)});r.on('error',()=>process.exitCode=69);r.end()`

async function call(id: string, method: string, path: string): Promise<string | undefined> {
  const args = ['exec', id, '/opt/flowkeep/bin/node', '-e', request(method, path)]
  const { code, stdout } = await capture('docker', args, { timeoutMs: answerMs })
  return code === 0 ? stdout : undefined
}

async function ask(id: string): Promise<Status | undefined> {
  const answer = await call(id, 'GET', '/v1/status')
  return answer === undefined ? undefined : (JSON.parse(answer) as Status)
}

async function reload(id: string): Promise<void> {
  if ((await call(id, 'POST', '/v1/reload')) === undefined)
    await capture('docker', ['restart', '--time', '1', id])
}

async function hasEnded(id: string): Promise<boolean> {
  const { stdout } = await capture('docker', ['inspect', '--format', '{{.State.Status}}', id])
  return stdout.trim() !== 'running'
}

/** What the flow printed last: a traceback, most often. */
async function lastWords(id: string, since: string): Promise<string> {
  const { stdout } = await capture('docker', ['logs', '--since', since, id])
  const lines = stdout.split('\n').flatMap((line) => {
    try {
      const { component, message } = JSON.parse(line) as { component?: string; message?: string }
      return component === 'flow' && message ? [message] : []
    } catch {
      return []
    }
  })
  return lines.slice(-logLinesShown).join('\n') || 'it printed nothing'
}
