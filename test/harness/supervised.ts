// Starts the bundled supervisor as the real PID 1 of a new PID namespace (no Docker needed) and reads what it says.
// Everything is awaited by its records; what is still running at the end of the test is killed with its namespace.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { nodeFlags } from '../../images/node-flags.ts'
import { signalNumber } from '../../supervisor/process/signal-names.ts'
import { type LogRecord, readRecords } from './log-records.ts'

export interface SupervisedOptions {
  readonly command: readonly string[]
  /** CONTAINER_ variables beside those every run needs. */
  readonly environment?: Readonly<Record<string, string>>
  /** Another program than the bundle. */
  readonly program?: string
  /** False: an ordinary process instead of PID 1. */
  readonly asPid1?: boolean
  /** Goes before the command: to enter a namespace, say. */
  readonly launcher?: readonly string[]
  /** Its working directory, by which it can be found. */
  readonly directory?: string
}

export interface Supervised {
  /** As this side of the namespace sees it. */
  readonly pid: number
  readonly port: number
  readonly socketPath: string
  readonly records: readonly LogRecord[]
  /** Lines on stdout that are no JSON objects. There should be none. */
  readonly garbled: readonly string[]
  readonly stderr: () => string
  /** The first record, past or future, that fits. Rejects when the supervisor ends without one. */
  record(fits: string | ((record: LogRecord) => boolean)): Promise<LogRecord>
  /** The flow says this line. */
  line(text: string): Promise<LogRecord>
  signal(name: string): void
  readonly exited: Promise<Ending>
  get(path: string): Promise<{ status: number; body: string }>
  post(path: string): Promise<{ status: number; body: string }>
}

export interface Ending {
  readonly code: number | null
  readonly signal: string | null
  /** The last line, which says why. */
  readonly exit: LogRecord | undefined
}

interface TestContext {
  teardown(fn: () => unknown): void
}

const bundledProgram = new URL('../../dist/flowkeep.cjs', import.meta.url).pathname
const node = process.execPath
const namespaceArgs = [
  ...(process.getuid?.() === 0 ? [] : ['--user', '--map-root-user']),
  '--pid',
  '--fork',
  '--mount-proc',
  '--kill-child=KILL',
]

/** Why a PID namespace cannot be had here, as a reason to skip; false where it can. */
export const noNamespace: string | false =
  spawnSync('unshare', [...namespaceArgs, 'true']).status === 0
    ? false
    : 'unshare(1) cannot make a PID namespace here'

/** Whether a process has a handler for this signal, as the kernel sees it. */
export function catches(pid: number, signal: number): boolean {
  const mask = /^SigCgt:\s*([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '0'
  return (BigInt(`0x${mask}`) & (1n << BigInt(signal - 1))) !== 0n
}

export async function startSupervised(t: TestContext, options: SupervisedOptions): Promise<Supervised> {
  const { program = bundledProgram } = options
  if (!existsSync(program)) throw new Error(`${program} is missing: run npm run build first`)
  const directory = mkdtempSync(join(tmpdir(), 'fk-'))
  const port = await freePort()
  const socketPath = join(directory, 'run', 'control.sock')
  const environment = {
    PATH: process.env['PATH'],
    CONTAINER_FLOW_NAME: 'test',
    CONTAINER_HTTP_HOST: '127.0.0.1',
    CONTAINER_HTTP_PORT: String(port),
    CONTAINER_CONTROL_SOCKET: socketPath,
    CONTAINER_STATE_DIRECTORY: join(directory, 'state'),
    CONTAINER_FLOW_READY_AFTER: '10ms',
    CONTAINER_RESTART_POLICY: 'never',
    // The checks would look at this machine, which is no container; who tests them asks for them.
    CONTAINER_SECURITY_ENFORCE: 'off',
    // Nor is the disk of this machine its own.
    CONTAINER_DISK_LOW_PERCENT: '0',
    CONTAINER_DISK_CRITICAL_PERCENT: '0',
    ...options.environment,
  }
  const { asPid1 = true, launcher = [] } = options
  const run = [node, ...nodeFlags, program, 'run', '--', ...options.command]
  const inDirectory = options.directory === undefined ? [] : [`--wd=${options.directory}`]
  const [file, ...args] = [
    ...launcher,
    ...(asPid1 ? ['unshare', ...namespaceArgs, ...inDirectory] : []),
    ...run,
  ]
  const child = spawn(file as string, args, {
    ...{ cwd: options.directory, env: environment, stdio: ['ignore', 'pipe', 'pipe'] },
  })
  t.teardown(async () => {
    child.kill('SIGKILL')
    await ended(child)
    rmSync(directory, { recursive: true, force: true })
  })

  const output = readRecords(child.stdout)
  let stderr = ''
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr = (stderr + chunk).slice(-10_000)
  })
  const exited = ended(child).then(([code, signal]) => ({
    code,
    signal,
    exit: output.all.findLast(({ event }) => event === 'exit'),
  }))
  const pid = asPid1 ? await childOf(child) : (child.pid as number)

  return {
    pid,
    port,
    socketPath,
    records: output.all,
    garbled: output.garbled,
    stderr: () => stderr,
    record: output.next,
    line: (text) => output.next(({ component, message }) => component === 'flow' && message === text),
    signal: (name) => void process.kill(pid, signalNumber(name)),
    exited,
    get: (path) => ask({ host: '127.0.0.1', port, path, method: 'GET' }),
    post: (path) => ask({ socketPath, path, method: 'POST' }),
  }
}

function ended(child: ChildProcess): Promise<[number | null, string | null]> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve([child.exitCode, child.signalCode])
    else child.once('close', (code, signal) => resolve([code, signal]))
  })
}

/** unshare's only child: PID 1 of the namespace. */
async function childOf(unshare: ChildProcess): Promise<number> {
  for (;;) {
    if (unshare.exitCode !== null) throw new Error(`unshare ended with ${unshare.exitCode}`)
    try {
      const [pid] = readFileSync(`/proc/${unshare.pid}/task/${unshare.pid}/children`, 'utf8').split(' ')
      if (pid) return Number(pid)
    } catch {
      // Not there yet, or no more: the next turn tells.
    }
    await new Promise((resolve) => setImmediate(resolve))
  }
}

export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

function ask(target: {
  host?: string
  port?: number
  socketPath?: string
  path: string
  method: string
}): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const call = request({ ...target, agent: false }, (response) => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        body += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }))
    })
    call.once('error', reject)
    call.end()
  })
}
