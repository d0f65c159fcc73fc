// One run of a health check program, in a process group of its own so that all of it can be ended. What it leaves
// running when it exits is ended too: a check must not pile up processes.

import type { ChildProcess, SpawnOptions } from 'node:child_process'
import { closeSync } from 'node:fs'
import { Socket } from 'node:net'
import type { Clock } from '../core/clock.ts'
import { codeOf, messageOf } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import type { CheckOutcome } from './check.ts'

/** Starting goes through here so that the reaper knows the child before its exit can be observed. */
export interface Spawner {
  spawn(file: string, args: readonly string[], options: SpawnOptions): ChildProcess
}

export interface ProgramParts {
  readonly children: Spawner
  /** A pipe of the kernel's: into the socket pair that Node.js would make, `echo … > /dev/stderr` fails. */
  pipe(): { readonly readFd: number; readonly writeFd: number }
  readonly clock: Clock
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly directory: string
  /** Who to run as, when that is not the supervisor's own user. */
  readonly user?: { readonly uid: number; readonly gid: number } | undefined
}

export async function runProgram(
  file: string,
  parts: ProgramParts,
  signal: AbortSignal,
): Promise<CheckOutcome> {
  const pipes = openPipes(parts)
  let child: ChildProcess
  try {
    child = parts.children.spawn(file, [], {
      cwd: parts.directory,
      env: { ...parts.environment },
      detached: true,
      stdio: ['ignore', pipes[0].writeFd, pipes[1].writeFd],
      ...parts.user,
    })
  } catch (error) {
    for (const { readFd } of pipes) closeSync(readFd)
    return cannotRun(error)
  } finally {
    for (const { writeFd } of pipes) closeSync(writeFd)
  }
  const [stdout, stderr] = pipes.map(({ readFd }) => collect(readFd)) as [Output, Output]
  const killAll = () => killGroup(child.pid)
  signal.addEventListener('abort', killAll, { once: true })
  try {
    const ended = await endOf(child)
    killAll()
    if ('error' in ended) return cannotRun(ended.error)
    await closed([stdout, stderr], parts.clock)
    return outcomeOf(ended, firstLine(stdout.text()) ?? firstLine(stderr.text()))
  } finally {
    signal.removeEventListener('abort', killAll)
    stdout.socket.destroy()
    stderr.socket.destroy()
  }
}

type Pipe = ReturnType<ProgramParts['pipe']>

function openPipes({ pipe }: ProgramParts): readonly [Pipe, Pipe] {
  const first = pipe()
  try {
    return [first, pipe()]
  } catch (error) {
    closeSync(first.readFd)
    closeSync(first.writeFd)
    throw error
  }
}

type End = { readonly code: number | null; readonly signal: string | null } | { readonly error: Error }

function endOf(child: ChildProcess): Promise<End> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }))
    child.once('error', (error) => resolve({ error }))
  })
}

/** All output has come once the pipes are closed; a process that left the group may keep them open for ever. */
async function closed(outputs: readonly Output[], clock: Clock): Promise<void> {
  const all = Promise.all(outputs.map((output) => output.closed))
  await new Promise<void>((resolve) => {
    const timer = clock.startTimer(limits.healthProgramCloseMs, resolve)
    void all.then(() => {
      timer.cancel()
      resolve()
    })
  })
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // Nothing of it is left.
  }
}

interface Output {
  readonly socket: Socket
  readonly closed: Promise<void>
  text(): string
}

/** Keeps the first bytes; the rest is read and thrown away, so that the program never waits for us. */
function collect(fd: number): Output {
  const socket = new Socket({ fd, readable: true, writable: false })
  const chunks: Buffer[] = []
  let room: number = limits.healthProgramOutputBytes
  socket.on('data', (chunk: Buffer) => {
    if (room === 0) return
    const kept = chunk.subarray(0, room)
    room -= kept.length
    chunks.push(kept)
  })
  socket.on('error', () => socket.destroy()) // what it managed to say is what there is
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  return { socket, closed, text: () => Buffer.concat(chunks).toString() }
}

function firstLine(output: string): string | undefined {
  const line = output.split('\n').find((line) => line.trim() !== '')
  return line?.trim().slice(0, limits.foreignMessageChars)
}

const meanings = ['healthy', 'degraded', 'unhealthy'] as const

function outcomeOf(
  end: { code: number | null; signal: string | null },
  line: string | undefined,
): CheckOutcome {
  const status = meanings[end.code ?? -1]
  if (status !== undefined)
    return { status, message: line ?? (end.code === 0 ? 'ok' : `exit code ${end.code}`) }
  const how = end.signal === null ? `exit code ${end.code}` : `ended by ${end.signal}`
  return { status: 'unhealthy', message: line === undefined ? how : `${how}: ${line}` }
}

const spawnFailures: Readonly<Record<string, string>> = {
  ENOENT: 'it or its interpreter does not exist',
  EACCES: 'permission denied',
}

function cannotRun(error: unknown): CheckOutcome {
  const why = spawnFailures[codeOf(error) ?? ''] ?? messageOf(error)
  return { status: 'unhealthy', message: `cannot be run: ${why}` }
}
