// One init, started with one command, as the real PID 1 of a new PID namespace. Everything is observed from outside
// and in the same way for every init: by its exit code, and by records that the command's programs append to a file.

import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { signalName } from '../../supervisor/process/signal-names.ts'
import { expect, Failure } from './case.ts'

export interface StartOptions {
  /** Time from the stop signal to SIGKILL, for those that have one. */
  readonly graceMs?: number
  /** False: below another process, as where an engine or a shell is PID 1. */
  readonly asPid1?: boolean
  /** What it can read from its standard input. */
  readonly input?: string
  /** Settings of the init, for cases in which only one kind takes part. */
  readonly environment?: Readonly<Record<string, string>>
}

export interface Instance {
  /** The namespace's PID 1, as seen from here. */
  readonly pid: number
  readonly directory: string
  signal(number: number): void
  /** The init has taken every signal that was sent to it. */
  taken(): Promise<void>
  /** Its exit code. Fails when it does not end. */
  ended(patienceMs?: number): Promise<number>
  records(): readonly string[]
  /** Fails when that record does not come. */
  record(line: string): Promise<void>
  /** Fails when it never holds. */
  until(what: string, holds: () => boolean, patienceMs?: number): Promise<void>
  output(stream: 'stdout' | 'stderr'): string
  kill(): Promise<void>
}

const betweenLooksMs = 5

export function recordsIn(directory: string): string {
  return join(directory, 'records')
}

/** @param argv all of it, from what makes the namespace to the flow */
export async function startInstance(
  argv: readonly string[],
  directory: string,
  environment: Readonly<Record<string, string>>,
  { input, patienceMs }: { readonly input?: string | undefined; readonly patienceMs: number },
): Promise<Instance> {
  const records = recordsIn(directory)
  const child = launch(argv, directory, environment, input)
  const exit = ending(child)

  const output = (stream: 'stdout' | 'stderr') => read(join(directory, stream))
  const recordsNow = () => read(records).split('\n').slice(0, -1)
  async function until(what: string, holds: () => boolean, patience = patienceMs): Promise<void> {
    const giveUpAtMs = performance.now() + patience
    while (!holds()) {
      if (performance.now() > giveUpAtMs) throw new Failure(`waited in vain until ${what}`)
      const ended = await Promise.race([exit.then(() => true), pause()])
      if (ended && !holds()) throw new Failure(`ended (${describe(await exit)}) before ${what}`)
    }
  }
  async function ended(patience = patienceMs): Promise<number> {
    const end = await Promise.race([exit, pause(patience)])
    if (!end) throw new Failure(`still there after ${patience / 1000} s`)
    expect(end.code !== null, `was ended by ${describe(end)}`)
    return end.code
  }

  let pid = 0
  await until('the namespace has its PID 1', () => {
    pid = childOf(child.pid as number)
    return pid !== 0 || child.exitCode !== null
  })
  return {
    pid,
    directory,
    signal(number) {
      try {
        process.kill(pid, number)
      } catch {
        throw new Failure(`was gone before signal ${signalName(number)}`)
      }
    },
    taken: () => until('the signal is taken', () => maskOf(pid, 'ShdPnd') === 0n),
    ended,
    records: recordsNow,
    record: (line) => until(`"${line}" is recorded`, () => recordsNow().includes(line)),
    until,
    output,
    kill: async () => {
      child.kill('SIGKILL')
      await exit
    },
  }
}

interface Ending {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

function launch(
  argv: readonly string[],
  directory: string,
  environment: Readonly<Record<string, string>>,
  input: string | undefined,
): ChildProcess {
  const [file, ...args] = argv as [string, ...string[]]
  // Files, because a pipe made by Node.js is a socket, which cannot be opened again as /dev/stdout.
  const [stdout, stderr] = ['stdout', 'stderr'].map((name) => openSync(join(directory, name), 'a')) as [
    number,
    number,
  ]
  const child = spawn(file, args, {
    env: { PATH: process.env['PATH'], ...environment },
    stdio: [input === undefined ? 'ignore' : 'pipe', stdout, stderr],
  })
  closeSync(stdout)
  closeSync(stderr)
  child.stdin?.end(input)
  return child
}

function ending(child: ChildProcess): Promise<Ending> {
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code, signal) => resolve({ code, signal }))
  })
}

function describe({ code, signal }: Ending): string {
  return code === null ? `${signal}` : `exit code ${code}`
}

/** One of the signal masks of a process, such as `SigCgt`; empty when it has ended. */
export function maskOf(pid: number, name: string): bigint {
  const status = read(`/proc/${pid}/status`)
  return BigInt(`0x${new RegExp(`^${name}:\\s*(\\w+)`, 'm').exec(status)?.[1] ?? '0'}`)
}

/** As `ps` shows it: `S`, `T`, `Z` …; empty when there is no such process. */
export function stateOf(pid: number): string {
  return /^State:\s+(\w)/m.exec(read(`/proc/${pid}/status`))?.[1] ?? ''
}

/** A child of a process, the only one of `unshare`; 0 while there is none. */
export function childOf(pid: number): number {
  return Number(read(`/proc/${pid}/task/${pid}/children`).split(' ')[0])
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

/** Holds nothing up: the process that is waited for does. */
function pause(ms = betweenLooksMs): Promise<undefined> {
  return setTimeout(ms, undefined, { ref: false })
}
