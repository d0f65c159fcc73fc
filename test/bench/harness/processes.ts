// Programs under measurement: started, looked at through /proc, ended.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer, Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export interface Program {
  readonly command: readonly string[]
  readonly environment?: Readonly<Record<string, string | undefined>>
  /** The first process of a PID namespace of its own. */
  readonly asPid1?: boolean
  /** What becomes of its stdout. */
  readonly stdout?: 'ignore' | 'pipe'
}

export interface Running {
  /** As this side of a namespace sees it. */
  readonly pid: number
  readonly child: ChildProcess
  readonly ended: Promise<number | null>
  kill(): Promise<void>
}

const namespaceArgs = [
  ...(process.getuid?.() === 0 ? [] : ['--user', '--map-root-user']),
  ...['--pid', '--fork', '--mount-proc', '--kill-child=KILL'],
]

/** Why no PID namespace can be had here; undefined where it can. */
export function namespaceProblem(): string | undefined {
  const { status, error, stderr } = spawnSync('unshare', [...namespaceArgs, 'true'], { encoding: 'utf8' })
  return status === 0 ? undefined : `no PID namespace: ${error?.message ?? stderr.trim()}`
}

/** `pid` is that of the child; for PID 1 of a namespace see `firstOf`. */
export function start({ command, environment = {}, asPid1 = false, stdout = 'ignore' }: Program): Running {
  const [file, ...args] = asPid1 ? ['unshare', ...namespaceArgs, ...command] : command
  const child = spawn(file as string, args, {
    env: { PATH: process.env['PATH'], ...environment },
    stdio: ['ignore', stdout, 'ignore'],
  })
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('exit', resolve)
    child.once('error', reject)
  })
  ended.catch(() => undefined)
  return {
    pid: child.pid as number,
    child,
    ended,
    async kill() {
      child.kill('SIGKILL')
      await ended
    },
  }
}

/** The pid of the namespace's PID 1, once unshare has started it. */
export async function firstOf({ pid, child }: Running): Promise<number> {
  for (;;) {
    if (child.exitCode !== null) throw new Error(`unshare ended with ${child.exitCode}`)
    const [first] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ')
    if (first) return Number(first)
    await sleep(1)
  }
}

/** Processor time of all its threads so far; what other work does to the machine hardly shows in it. */
export function cpuMs(pid: number): number {
  let nanoseconds = 0
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    nanoseconds += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0])
  }
  return nanoseconds / 1e6
}

/** Resident memory, in MB (10⁶ bytes). */
export function residentMb(pid: number): number {
  const kibibytes = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return (Number(kibibytes) * 1024) / 1e6
}

export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** Resolves with the status of the first answer; asks until there is one. */
export async function firstAnswer(port: number, path: string, { ended }: Running): Promise<number> {
  let over = false
  ended.finally(() => {
    over = true
  })
  while (!over) {
    const status = await answer(port, path)
    if (status !== undefined) return status
    await sleep(1)
  }
  throw new Error(`it ended before it answered on port ${port}`)
}

/** By hand: an HTTP client would add its own time to the first answers. */
function answer(port: number, path: string): Promise<number | undefined> {
  return new Promise((resolve) => {
    const socket = new Socket()
    socket.on('error', () => resolve(undefined))
    socket.on('close', () => resolve(undefined))
    socket.once('data', (text) => {
      resolve(Number(text.toString('latin1').split(' ', 2)[1]))
      socket.destroy()
    })
    socket.connect(port, '127.0.0.1', () => {
      socket.write(`GET ${path} HTTP/1.1\r\nhost: bench\r\nconnection: close\r\n\r\n`)
    })
  })
}
