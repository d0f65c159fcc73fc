// Ends a supervisor whose event loop hangs, so that the engine starts another: whatever hangs it (a loop without an
// end, a call into a dead file system), nothing in it can say so any more. A thread of its own watches it
// (`watchdog-thread.ts`); what that is to say is made here, while all is well.

import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { messageOf } from '../core/errors.ts'
import { exitCodes } from '../core/exit.ts'
import { limits } from '../core/limits.ts'
import type { Logger } from '../core/logger.ts'
import { exitReport, terminationLogPath } from './termination-log.ts'
import { type WatchdogData, words } from './watchdog-thread.ts'

/** The thread's source as one script; fixed in the bundle when it is built, absent in a checkout. */
declare const __FLOWKEEP_WATCHDOG_THREAD__: string | undefined

export interface WatchdogParts {
  readonly logger: Logger
  readonly service: string
  readonly instance: string
  /** Of the slot, where the next supervisor finds that this one hung. */
  readonly directory: string
  flowPid(): number | undefined
  unsentOperations(): number
  /** Whether lines still wait for stdout. */
  logWaits(): boolean
}

const noteName = 'hung.json'

/** Never throws: a supervisor without a watchdog is better than none. */
export function startWatchdog(parts: WatchdogParts): void {
  const failed = (error: unknown) =>
    parts.logger.warn(
      { event: 'watchdog.absent' },
      `nobody watches whether the supervisor hangs: ${messageOf(error)}`,
    )
  // A breakpoint may hold it for as long as somebody thinks.
  if (process.getBuiltinModule('node:inspector').url() !== undefined) {
    failed('it runs under a debugger')
    return
  }
  try {
    const data = dataOf(parts)
    const shared = new Int32Array(data.shared)
    const answer = () => {
      Atomics.store(shared, words.flowPid, parts.flowPid() ?? 0)
      Atomics.store(shared, words.unsentOperations, parts.unsentOperations())
      Atomics.store(shared, words.logWaits, parts.logWaits() ? 1 : 0)
      Atomics.add(shared, words.turns, 1)
    }
    answer()
    const worker = startThread(data)
    worker.on('error', failed)
    worker.on('message', answer)
    worker.unref()
  } catch (error) {
    failed(error)
  }
}

/** What the supervisor before this one in the same slot has left if it hung. Tells it once. */
export function takeHungNote(directory: string): string | undefined {
  const path = join(directory, noteName)
  try {
    const { message } = JSON.parse(readFileSync(path, 'utf8'))
    return String(message).slice(0, limits.foreignMessageChars)
  } catch {
    return undefined
  } finally {
    rmSync(path, { force: true })
  }
}

function dataOf({ service, instance, directory }: WatchdogParts): WatchdogData {
  const { watchdogEveryMs: everyMs, watchdogTurns: turns, watchdogLastWordsMs: lastWordsMs } = limits
  const seconds = Math.round((everyMs * turns) / 1000)
  const message = `the event loop of the supervisor has not turned for ${seconds} s`
  const report = exitReport({ reason: 'internal', message }, exitCodes.internal, undefined, [], 0)
  const own = { level: 'error', service, instance, component: 'supervisor' }
  return {
    ...{ everyMs, turns, lastWordsMs, exitCode: exitCodes.internal },
    shared: new SharedArrayBuffer(words.count * Int32Array.BYTES_PER_ELEMENT),
    records: [
      { ...own, event: 'supervisor.hung', code: 'supervisor_hung', message },
      { ...own, event: 'exit', ...report, message: `the container ends with 70 (internal: ${message})` },
    ],
    files: [
      { path: join(directory, noteName), contents: { message } },
      ...(existsSync(terminationLogPath) ? [{ path: terminationLogPath, contents: { ...report } }] : []),
    ],
  }
}

function startThread(data: WatchdogData): Worker {
  // As small as it can be, and without the environment, which holds secrets.
  const options = {
    ...{ name: 'watchdog', workerData: data, env: {} },
    resourceLimits: { maxYoungGenerationSizeMb: 1, maxOldGenerationSizeMb: 16 },
  }
  return typeof __FLOWKEEP_WATCHDOG_THREAD__ === 'string'
    ? new Worker(__FLOWKEEP_WATCHDOG_THREAD__, { ...options, eval: true })
    : new Worker(new URL('./watchdog-thread.ts', import.meta.url), options)
}
