// Runs test files as a process of their own and keeps what it wrote. Started directly, not through `tap run`,
// whose loaders cost as much as most files take; `npm run coverage` goes through tap.

import { type ChildProcess, spawn } from 'node:child_process'
import type { FileRun } from './tap-cases.ts'

/** Milliseconds that a file has, once told to end, to say which test was still running. */
const endGraceMs = 2_000
/** Milliseconds that output may still take to arrive after the process is gone. */
const outputGraceMs = 5_000

const flags = ['--disable-warning=ExperimentalWarning', '--import=./test/harness/compile-cache.mjs']
const severalFiles = 'test/harness/several-files.ts'

const running = new Set<ChildProcess>()

export interface FileLimits {
  /** Milliseconds the whole file may take. */
  readonly fileMs: number
  /** Milliseconds one of its tests may take. */
  readonly testMs: number
}

/** @param files run in this order, in one process */
export async function runFiles(files: readonly string[], root: string, limits: FileLimits): Promise<FileRun> {
  const [first = '', ...more] = files
  const file = more.length === 0 ? first : severalFiles
  const child = spawn(process.execPath, [...flags, file], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own, so that whatever the file leaves behind can be ended with it.
    detached: true,
    env: { ...process.env, TAP_TIMEOUT: String(limits.testMs / 1000), TEST_FILES: files.join('\n') },
  })
  running.add(child)
  const tap: Buffer[] = []
  const stderr: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => tap.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk))

  let timedOut = false
  const timers = [
    setTimeout(() => {
      timedOut = true
      // tap answers TERM with a report of the test that is still running.
      signalGroup(child, 'SIGTERM')
    }, limits.fileMs),
    setTimeout(() => signalGroup(child, 'SIGKILL'), limits.fileMs + endGraceMs),
  ]
  const { code, signal } = await ended(child)
  for (const timer of timers) clearTimeout(timer)
  running.delete(child)
  return {
    file,
    tap: Buffer.concat(tap).toString(),
    stderr: Buffer.concat(stderr).toString(),
    code,
    signal,
    ...(timedOut ? { timedOutAfterMs: limits.fileMs } : {}),
  }
}

/** Ends every file that is still running, and all it started. */
export function endAllFiles(): void {
  for (const child of running) signalGroup(child, 'SIGKILL')
}

function ended(child: ChildProcess): Promise<{ code: number | null; signal: string | null }> {
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', () => {
      // What the file left behind may hold the pipes open, and even outlive its group.
      signalGroup(child, 'SIGKILL')
      const timer = setTimeout(() => {
        child.stdout?.destroy()
        child.stderr?.destroy()
      }, outputGraceMs)
      child.once('close', () => clearTimeout(timer))
    })
    child.once('close', (code, signal) => resolve({ code, signal }))
  })
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
