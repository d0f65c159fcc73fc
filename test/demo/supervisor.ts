// The supervisor as it ships, bundled, over the demo's flow: started, told signals, looked at from outside.

import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { bundleSupervisor } from '../../images/bundle.ts'
import { nodeFlags } from '../../images/node-flags.ts'
import { listProcesses } from '../../supervisor/process/tree.ts'
import { checkout } from '../harness/checkout.ts'
import { type LogRecord, type LogRecords, readRecords } from '../harness/log-records.ts'
import type { WorkDirectory } from './work-directory.ts'

export interface SupervisorOptions {
  readonly work: WorkDirectory
  readonly program: string
  readonly launcher: readonly string[]
  readonly databaseUrl: string
  readonly port: number
  readonly batchRows: number
}

export interface Supervisor {
  readonly records: LogRecords
  /** The first record, past or future, that fits. Rejects when the supervisor ends without one. */
  record(fits: string | ((record: LogRecord) => boolean)): Promise<LogRecord>
  readonly exited: Promise<{ readonly code: number | null; readonly signal: string | null }>
  /** As this side of the namespace sees it; known once the supervisor has said something. */
  readonly pid: number
  readonly stderr: string
  signal(name: NodeJS.Signals): void
  /** The pid on this side of the flow that the supervisor calls `pid`. */
  flowPid(pid: number): number
  /** Processes that nobody has collected. */
  zombies(): number
  /** The most memory it has ever had, in bytes. */
  memoryPeakBytes(): number
  /** Ends it and all that runs under it, at once. */
  kill(): Promise<void>
}

/** @returns the path of the file */
export async function buildSupervisor(work: WorkDirectory): Promise<string> {
  const { version } = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8'))
  return bundleSupervisor(checkout, work.path, version)
}

const flow = fileURLToPath(new URL('flow/main.ts', import.meta.url))
const flowFlags = ['--disable-warning=ExperimentalWarning']

/** `flowkeep migrate`, as whoever sets a database up does once. */
export async function migrate(options: SupervisorOptions): Promise<void> {
  const args = [...nodeFlags, options.program, 'migrate']
  await promisify(execFile)(process.execPath, args, { cwd: options.work.path, env: environmentFor(options) })
}

export function startSupervisor(options: SupervisorOptions): Supervisor {
  const { work, program, launcher } = options
  const run = [process.execPath, ...nodeFlags, program, 'run', '--']
  const [file = '', ...args] = [...launcher, ...run, process.execPath, ...flowFlags, flow]
  const child = spawn(file, args, {
    // Not our process group: a Ctrl-C in the terminal is for the demo to handle.
    ...{ cwd: work.path, detached: true, env: environmentFor(options), stdio: ['ignore', 'pipe', 'pipe'] },
  })
  const records = readRecords(child.stdout)
  child.stdout.pipe(createWriteStream(work.supervisorLog))
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-10_000)
  })
  const exited = once(child, 'close').then(([code, signal]) => ({ code, signal }))

  const isUnderLauncher = launcher.length > 0
  const ownPid = () => {
    if (!isUnderLauncher) return child.pid
    return listProcesses().find(({ parentPid }) => parentPid === child.pid)?.pid
  }
  let known: number | undefined
  const pid = () => {
    known ??= ownPid()
    if (known === undefined) throw new Error('the supervisor does not run')
    return known
  }

  return {
    records,
    record: (fits) =>
      records.next(fits).catch(() => {
        throw new Error('the supervisor has ended')
      }),
    exited,
    get pid() {
      return pid()
    },
    get stderr() {
      return stderr
    },
    signal: (name) => void process.kill(pid(), name),
    flowPid(inside) {
      const children = listProcesses().filter(({ parentPid }) => parentPid === pid())
      const found = children.find((process) => innermostPid(process.pid) === inside)
      if (!found) throw new Error(`the supervisor has no child ${inside}`)
      return found.pid
    },
    zombies: () => listProcesses().filter(({ parentPid, dead }) => parentPid === pid() && dead).length,
    memoryPeakBytes: () => Number(statusField(pid(), 'VmHWM').split(' ')[0]) * 1024,
    async kill() {
      // unshare takes the whole namespace with it; without one, what is left is found by its working directory.
      child.kill('SIGKILL')
      for (const left of work.processes()) killIfThere(left)
      await exited
    },
  }
}

/** Nothing of our own environment: it may hold CONTAINER_ variables that mean something else. */
function environmentFor({ work, databaseUrl, port, batchRows }: SupervisorOptions): NodeJS.ProcessEnv {
  return {
    PATH: process.env['PATH'] ?? '/usr/bin:/bin',
    CONTAINER_FLOW_NAME: 'csv-to-postgres',
    CONTAINER_INSTANCE_ID: 'demo-1',
    CONTAINER_DATABASE_RPA_DB_URL: databaseUrl,
    CONTAINER_HTTP_HOST: '127.0.0.1',
    CONTAINER_HTTP_PORT: String(port),
    CONTAINER_CONTROL_SOCKET: join(work.path, 'run', 'control.sock'),
    CONTAINER_STATE_DIRECTORY: join(work.path, 'state'),
    CONTAINER_FLOW_READY: 'notify',
    // The checks would look at this machine, which is no container.
    CONTAINER_SECURITY_ENFORCE: 'off',
    INBOX: work.inbox,
    BATCH_ROWS: String(batchRows),
    WORK_MS: '5',
  }
}

/** The pid that a process has in the innermost of the namespaces it is in. */
function innermostPid(pid: number): number {
  return Number(statusField(pid, 'NSpid').split('\t').at(-1))
}

function statusField(pid: number, name: string): string {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return new RegExp(`^${name}:\\s+(.*)$`, 'm').exec(status)?.[1] ?? ''
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It was quicker.
  }
}
