// The thread that watches the main one. At each of its turns it asks the main thread for a sign of life; after so many
// turns of its own without one it says why, and ends the process. Turns are counted and not time, so that a container
// that was frozen, or a machine that slept, is never taken for a supervisor that hangs: this thread stood still, too.
// It is small, and loads what it needs for the end only then.

import { readFileSync, writeFile, write as writeTo } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'

/** What the two threads share, as 32-bit words. */
export const words = { turns: 0, flowPid: 1, unsentOperations: 2, logWaits: 3, count: 4 } as const

export interface WatchdogData {
  /** `words.count` words. */
  readonly shared: SharedArrayBuffer
  readonly everyMs: number
  /** Turns without a sign of life after which the main thread counts as hung. */
  readonly turns: number
  /** For everything that is said at the end; a blocked stdout or a dead disk holds nobody up for longer. */
  readonly lastWordsMs: number
  readonly exitCode: number
  /** Records for stdout, without their time. */
  readonly records: readonly Readonly<Record<string, unknown>>[]
  /** Files and what is to be in them, as JSON. */
  readonly files: readonly { readonly path: string; readonly contents: Readonly<Record<string, unknown>> }[]
}

function watch(data: WatchdogData, ask: () => void): void {
  const shared = new Int32Array(data.shared)
  let seen = -1
  let still = 0
  const timer = setInterval(() => {
    const now = Atomics.load(shared, words.turns)
    still = now === seen ? still + 1 : 0
    seen = now
    if (still < data.turns) return ask()
    clearInterval(timer)
    end(data, shared)
  }, data.everyMs)
}

function end(data: WatchdogData, shared: Int32Array): void {
  const exit = () => exitNow(data.exitCode)
  setTimeout(exit, data.lastWordsMs)
  killFlow(Atomics.load(shared, words.flowPid))
  const unsentOperations = Atomics.load(shared, words.unsentOperations)
  const time = new Date().toISOString()
  const lines = data.records.map((record) => `${JSON.stringify({ time, ...record, unsentOperations })}\n`)
  // What was being written may have stopped within a record.
  const text = `${Atomics.load(shared, words.logWaits) > 0 ? '\n' : ''}${lines.join('')}`
  let waiting = 1 + data.files.length
  const done = () => {
    waiting--
    if (waiting === 0) exit()
  }
  writeTo(1, text, done)
  for (const { path, contents } of data.files)
    writeFile(path, JSON.stringify({ ...contents, unsentOperations }), { mode: 0o600 }, done)
}

/** The end of a PID 1 is the end of all. Another one ends the flow's group, if the flow is still its own child. */
function killFlow(pid: number): void {
  if (process.pid === 1 || pid <= 0) return
  try {
    const [, parent, group] = readFileSync(`/proc/${pid}/stat`, 'latin1')
      .replace(/^.*\) /s, '')
      .split(' ')
    if (Number(parent) === process.pid && Number(group) === pid) process.kill(-pid, 'SIGKILL')
  } catch {
    // It is gone.
  }
}

/** By the system call alone: `process.exit` ends this thread only, and no signal from within ends a PID 1. */
function exitNow(code: number): void {
  const ffi = process.getBuiltinModule('node:ffi')
  ffi.dlopen('libc.so.6', { _exit: { arguments: ['i32'], return: 'void' } }).functions._exit(code)
}

if (parentPort) {
  const port = parentPort
  watch(workerData as WatchdogData, () => port.postMessage(0))
}
