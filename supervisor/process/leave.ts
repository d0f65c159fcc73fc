// The end of the process: why it ended is the last line on stdout and in the termination log, then nothing runs any more.

import type { Cause, FlowExit } from '../core/exit.ts'
import type { EndableLogger } from '../core/logger.ts'
import { exitReport, writeTerminationLog } from './termination-log.ts'

export interface Leaving {
  readonly cause: Cause
  /** The exit code. */
  readonly code: number
  /** How long the last lines may take to reach stdout. */
  readonly flushMs: number
  readonly lastExit?: FlowExit | undefined
  /** What the flow said last, oldest first. */
  readonly lastLines?: readonly string[]
  /** Operations that stay in the local queue. */
  readonly unsentOperations?: number
}

export interface LeaveParts {
  readonly logger: EndableLogger
  readonly sink: { flush(timeoutMs: number): Promise<boolean> }
  exitNow(code: number): never
}

export async function leave(leaving: Leaving, { logger, sink, exitNow }: LeaveParts): Promise<never> {
  const { cause, code, lastExit, lastLines = [], unsentOperations = 0 } = leaving
  const report = exitReport(cause, code, lastExit, lastLines, unsentOperations)
  writeTerminationLog(report)
  const level = code === 0 || cause.reason === 'stopped' ? 'info' : 'error'
  const { message, ...fields } = report
  const why = message === undefined ? cause.reason : `${cause.reason}: ${message}`
  logger[level]({ event: 'exit', ...fields }, `the container ends with ${code} (${why})`)
  logger.end()
  await sink.flush(leaving.flushMs)
  return exitNow(code)
}
