// One generation of the flow: starts its leader in a session of its own, carries its output to the pumps, and ends
// it together with everything it left behind. A second generation is started only once nothing of the first is alive.

import type { ChildProcess } from 'node:child_process'
import { closeSync } from 'node:fs'
import { Socket } from 'node:net'
import { type Clock, sleep } from '../core/clock.ts'
import type { FlowkeepError } from '../core/errors.ts'
import type { FlowExit } from '../core/exit.ts'
import type { Children } from './children.ts'
import { refusedByExec, resolveCommand } from './command.ts'
import type { ExitStatus } from './native.ts'
import { signalName, signalNumber } from './signal-names.ts'
import { listProcesses, type ProcessEntry, treeMembers } from './tree.ts'

/** Where a stream's bytes go. `push` answers false when it wants no more until the room listener is called. */
export interface OutputSink {
  /** The chunk is valid during the call only. */
  push(chunk: Buffer): boolean
  end(): void
  onRoom(resume: () => void): void
}

export interface FlowParts {
  readonly clock: Clock
  readonly children: Children
  readonly stdout: OutputSink
  readonly stderr: OutputSink
  pipe(): { readFd: number; writeFd: number }
  peekStatus(pid: number): ExitStatus | undefined
  /** Times the kernel's OOM killer struck in this container so far. */
  oomKills(): number
  /** The leader has ended. */
  exited(exit: FlowExit): void
  /** The kernel refused to execute the command after all; no process came to be. */
  refused(error: FlowkeepError): void
}

export interface FlowCommand {
  readonly file: string
  readonly args: readonly string[]
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly user: { readonly uid: number; readonly gid: number } | undefined
  /** A program that starts the flow in our place (`setpriv …`), as file and arguments. */
  readonly launcher: readonly string[]
}

export interface Flow {
  readonly pid: number
  /** Monotonic. */
  readonly startedAtMs: number
  /** Set once the leader has ended. */
  readonly exit: FlowExit | undefined
  /** Sends to the process group, once. False when nobody is there any more. */
  forward(signal: string): boolean
  /**
   * Sends the signal to the group and to every descendant outside it, and to what is still there after the leader
   * has ended; SIGKILL is sent until nobody is left. Resolves when nothing of the tree lives, rejects on abort.
   */
  end(signal: string, abort: AbortSignal): Promise<void>
  /** The leader has ended by itself, even if its exit is still on its way here. */
  hasEnded(): boolean
  /** Looks at the leader's status before Node.js reaps it; to be called on each SIGCHLD. */
  observe(): void
  /** Resolves when the output is read to its end, or `timeoutMs` later; then the pipes are closed. */
  closeOutput(timeoutMs: number): Promise<void>
}

/** How often what the leader left behind is looked at. Nothing tells us when a grandchild ends. */
const lookAgainMs = 25

/** What one read of a pipe takes at most; a pipe holds as much by default. */
const readBytes = 64 * 1024

/**
 * Throws `command_not_found` or `command_not_executable` when no such command can be run.
 * Undefined when the kernel itself refused; `parts.refused` is told why in the next turn.
 */
export function startFlow(command: FlowCommand, parts: FlowParts): Flow | undefined {
  const executable = resolveCommand(command.file, command.environment['PATH'])
  const oomKillsBefore = parts.oomKills()
  const stdout = parts.pipe()
  const stderr = parts.pipe()

  let child: ChildProcess
  try {
    child = spawnLeader(command, executable, parts.children, [stdout.writeFd, stderr.writeFd])
  } catch (error) {
    closeSync(stdout.readFd)
    closeSync(stderr.readFd)
    throw refusedByExec(executable, error)
  } finally {
    closeSync(stdout.writeFd)
    closeSync(stderr.writeFd)
  }
  const outputs = [carry(stdout.readFd, parts.stdout), carry(stderr.readFd, parts.stderr)]
  child.once('error', (error) => parts.refused(refusedByExec(executable, error)))
  const { pid } = child
  if (pid === undefined) return undefined
  const leaderPid = pid
  parts.children.markFlow(leaderPid)

  const startedAtMs = parts.clock.monotonicMs()
  let observed: ExitStatus | undefined
  let exit: FlowExit | undefined
  const leaderEnded = new Promise<void>((resolve) => {
    child.once('exit', (code, signal) => {
      exit = flowExit(observed ?? statusOf(code, signal), parts.oomKills() > oomKillsBefore)
      parts.exited(exit)
      resolve()
    })
  })

  function membersOf(processes: readonly ProcessEntry[]): number[] {
    const question = { selfPid: process.pid, leaderPid, helpers: parts.children.helpers() }
    return treeMembers(processes, question)
  }

  /** The group in one call, so that each of its members gets the signal once. */
  function tellEveryone(signal: string): ReadonlySet<number> {
    const processes = listProcesses()
    const group = new Set(processes.filter(({ groupId }) => groupId === leaderPid).map(({ pid }) => pid))
    if (group.size > 0) send(-leaderPid, signal)
    const members = new Set(membersOf(processes))
    for (const member of members) if (!group.has(member)) send(member, signal)
    // What is held would hear of it only when it is continued, and then be killed without having heard.
    for (const { pid, stopped } of processes) if (stopped && members.has(pid)) send(pid, 'SIGCONT')
    return new Set([...group, ...members])
  }

  return {
    pid: leaderPid,
    startedAtMs,
    get exit() {
      return exit
    },
    forward: (signal) => exit === undefined && send(-leaderPid, signal),
    async end(signal, abort) {
      const told = new Set(tellEveryone(signal))
      const again = signal === 'SIGKILL'
      // A flow that stops gracefully may start helpers to do so: they are left alone while their leader lives.
      if (!again) await unlessAborted(leaderEnded, abort)
      for (;;) {
        abort.throwIfAborted()
        const members = membersOf(listProcesses())
        if (exit !== undefined && members.length === 0) return
        for (const member of members) {
          if (!again && told.has(member)) continue
          send(member, signal)
          told.add(member)
        }
        await sleep(parts.clock, lookAgainMs, abort)
      }
    },
    hasEnded: () => exit !== undefined || parts.peekStatus(leaderPid) !== undefined,
    observe() {
      if (exit === undefined) observed ??= parts.peekStatus(leaderPid)
    },
    async closeOutput(timeoutMs) {
      const late = new AbortController()
      const timeout = sleep(parts.clock, timeoutMs, late.signal).catch(() => undefined)
      await Promise.race([Promise.all(outputs.map((output) => output.ended)), timeout])
      late.abort()
      for (const output of outputs) output.close()
      await Promise.all(outputs.map((output) => output.ended))
    },
  }
}

function spawnLeader(
  command: FlowCommand,
  executable: string,
  children: Children,
  [stdoutFd, stderrFd]: [number, number],
): ChildProcess {
  const [file, ...args] = [...command.launcher, executable, ...command.args] as [string, ...string[]]
  return children.spawn(file, args, {
    detached: true,
    env: command.environment as NodeJS.ProcessEnv,
    stdio: ['inherit', stdoutFd, stderrFd],
    ...(command.launcher.length === 0 ? { argv0: command.file } : {}),
    ...(command.user ?? {}),
  })
}

/** Reads a pipe into its sink, pausing while the sink is full. */
function carry(fd: number, sink: OutputSink): { ended: Promise<void>; close(): void } {
  // One buffer for every read: what the sink keeps, it copies.
  const buffer = Buffer.allocUnsafeSlow(readBytes)
  const onread = { buffer, callback: (bytes: number) => sink.push(buffer.subarray(0, bytes)) }
  const socket = new Socket({ fd, readable: true, writable: false, onread })
  const ended = new Promise<void>((resolve) => {
    socket.once('close', () => {
      sink.end()
      resolve()
    })
  })
  socket.on('error', () => socket.destroy())
  sink.onRoom(() => socket.resume())
  socket.resume()
  return { ended, close: () => socket.destroy() }
}

function statusOf(code: number | null, signal: string | null): ExitStatus {
  return signal === null
    ? { code: code ?? 0, signalNumber: undefined }
    : { code: undefined, signalNumber: signalNumber(signal) }
}

function flowExit(status: ExitStatus, oomStruck: boolean): FlowExit {
  if (status.signalNumber === undefined) {
    const code = status.code ?? 0
    return { code, signal: undefined, status: code, oomKilled: false }
  }
  const signal = signalName(status.signalNumber)
  return {
    code: undefined,
    signal,
    status: 128 + status.signalNumber,
    oomKilled: signal === 'SIGKILL' && oomStruck,
  }
}

/** False when nobody is there to receive it. */
function send(pid: number, signal: string): boolean {
  const number = signalNumber(signal)
  if (number === undefined) return false
  try {
    return process.kill(pid, number)
  } catch {
    return false
  }
}

function unlessAborted(promise: Promise<void>, abort: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (abort.aborted) return reject(abort.reason)
    const giveUp = () => reject(abort.reason)
    abort.addEventListener('abort', giveUp, { once: true })
    promise.then(() => {
      abort.removeEventListener('abort', giveUp)
      resolve()
    }, reject)
  })
}
