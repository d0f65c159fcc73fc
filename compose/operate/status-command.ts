// `flowkeepctl status`: every container of the stack, and what the supervisors in them say of themselves.

import { setTimeout as sleep } from 'node:timers/promises'
import { type Column, paint, renderTable } from '../../supervisor/core/text-table.ts'
import { formatAge } from '../host/figures.ts'
import { capture } from '../host/run.ts'
import type { Terminal } from '../host/terminal.ts'
import { type Container, listContainers, type Project } from './project.ts'

const askMs = 10_000
const watchEveryMs = 2_000
const clearScreen = '\u001b[H\u001b[2J'

/** What is read of the answer of `flowkeep status --json`. */
export interface Supervisor {
  readonly health: {
    readonly status: string
    readonly state: string
    readonly version: string
    readonly checks: Readonly<Record<string, { readonly status: string; readonly message: string }>>
  }
  readonly uptimeMs: number
  readonly process: { readonly restarts: number }
  readonly resources: { readonly memoryBytes: number | null }
  readonly queue: {
    readonly operations: number
    readonly targets: Readonly<Record<string, { readonly dead: number; readonly held: number }>>
  } | null
  readonly records: { readonly held: number } | null
}

export interface Replica {
  readonly container: Container
  /** Undefined where there is none, or it does not answer. */
  readonly supervisor?: Supervisor
  /** Why there is no answer, where there should be one. */
  readonly problem?: string
}

/** @returns the exit code: 1 when something of the stack is not as it should be, or nothing runs */
export async function runStatus(project: Project, watch: boolean, terminal: Terminal): Promise<number> {
  for (;;) {
    const replicas = await look(project)
    const troubles = troublesOf(replicas)
    const ok = replicas.length > 0 && troubles.length === 0
    if (terminal.json) terminal.print(JSON.stringify({ ok, containers: replicas, troubles }))
    else terminal.print(`${watch ? clearScreen : ''}${render(replicas, troubles, terminal)}`)
    if (!watch) return ok ? 0 : 1
    await sleep(watchEveryMs)
  }
}

export async function look(project: Project): Promise<Replica[]> {
  const containers = await listContainers(project)
  const supervised = await supervisedOf(containers)
  return Promise.all(
    containers.map(async (container): Promise<Replica> => {
      if (!supervised.has(container.id) || container.state !== 'running') return { container }
      const args = ['exec', container.id, 'flowkeep', 'status', '--json']
      const { code, stdout, stderr } = await capture('docker', args, { timeoutMs: askMs })
      if (code === 0) return { container, supervisor: JSON.parse(stdout) as Supervisor }
      return { container, problem: problemOf(stderr) ?? `no answer (exit code ${code})` }
    }),
  )
}

/** The containers whose first process is the supervisor, by id. */
async function supervisedOf(containers: readonly Container[]): Promise<ReadonlySet<string>> {
  const running = containers.filter(({ state }) => state === 'running').map(({ id }) => id)
  if (running.length === 0) return new Set()
  const format = '{{.Id}} {{json .Config.Entrypoint}}'
  const { stdout } = await capture('docker', ['inspect', '--format', format, ...running])
  const lines = stdout.split('\n').filter((line) => /"(?:[^"]*\/)?flowkeep(?:\.cjs)?","run"/.test(line))
  return new Set(running.filter((id) => lines.some((line) => line.startsWith(id))))
}

function problemOf(stderr: string): string | undefined {
  try {
    return (JSON.parse(stderr) as { error: { message: string } }).error.message
  } catch {
    return stderr.trim().split('\n')[0] || undefined
  }
}

/** One line for everything that is not as it should be. Pure. */
export function troublesOf(replicas: readonly Replica[]): string[] {
  return replicas.flatMap(({ container, supervisor, problem }) => {
    const { name, state, health, exitCode } = container
    if (state === 'exited') return exitCode === 0 ? [] : [`${name} ended with exit code ${exitCode}`]
    if (state !== 'running') return [`${name} is ${state}`]
    if (problem !== undefined) return [`${name}: ${problem}`]
    if (!supervisor) return health === '' || health === 'healthy' ? [] : [`${name} is ${health}`]
    const checks = Object.entries(supervisor.health.checks)
      .filter(([, check]) => check.status !== 'healthy')
      .map(([check, { status, message }]) => `${name}: ${check} is ${status}: ${message}`)
    if (checks.length > 0 || supervisor.health.status === 'healthy') return checks
    return [`${name} is ${supervisor.health.status} (${supervisor.health.state})`]
  })
}

const columns: readonly Column[] = [
  { title: 'container', whole: true },
  { title: 'state', whole: true },
  { title: 'health', whole: true },
  { title: 'flow', whole: true },
  { title: 'up', whole: true },
  { title: 'restarts', whole: true },
  { title: 'memory', whole: true },
  { title: 'queued', whole: true },
  { title: 'dead', whole: true },
  { title: 'records held', whole: true },
]

function render(replicas: readonly Replica[], troubles: readonly string[], { look }: Terminal): string {
  if (replicas.length === 0) return 'Nothing of the stack is there: npm start brings it up.'
  const verdict =
    troubles.length === 0
      ? paint('All is well.', 'green', look)
      : troubles.map((line) => `${paint('✗', 'red', look)} ${line}`).join('\n')
  return `${renderTable(columns, replicas.map(rowOf), look)}\n\n${verdict}`
}

function rowOf({ container, supervisor }: Replica): string[] {
  const state = container.state === 'exited' ? `exited (${container.exitCode})` : container.state
  if (!supervisor) return [container.name, state, container.health || '–']
  const { health, uptimeMs, process, resources, queue, records } = supervisor
  const targets = Object.values(queue?.targets ?? {})
  return [
    container.name,
    state,
    health.status,
    health.state,
    formatAge(uptimeMs),
    String(process.restarts),
    resources.memoryBytes === null ? '–' : `${Math.round(resources.memoryBytes / 1024 ** 2)} MiB`,
    queue ? String(queue.operations) : '–',
    queue ? String(targets.reduce((total, { dead, held }) => total + dead + held, 0)) : '–',
    records ? String(records.held) : '–',
  ]
}
