// Why the container ended, for whoever asks the engine: the last log line says it in full, `/dev/termination-log`
// (where Kubernetes mounts it) as much as fits.

import { existsSync, writeFileSync } from 'node:fs'
import type { Cause, FlowExit } from '../core/exit.ts'
import { limits } from '../core/limits.ts'

export const terminationLogPath = '/dev/termination-log'

export interface ExitReport {
  readonly reason: string
  /** The container's exit code. */
  readonly code: number
  /** The signal that ended the last flow. */
  readonly signal: string | null
  readonly message?: string
  /** The flow's last log lines, oldest first. */
  readonly lastLogLines: readonly string[]
  /** Operations that stay in the local queue. */
  readonly unsentOperations: number
}

export function exitReport(
  cause: Cause,
  code: number,
  lastExit: FlowExit | undefined,
  lastLogLines: readonly string[],
  unsentOperations: number,
): ExitReport {
  return {
    reason: cause.reason,
    code,
    signal: lastExit?.signal ?? null,
    ...(cause.message ? { message: cause.message } : {}),
    lastLogLines,
    unsentOperations,
  }
}

/** JSON of at most `maxBytes`: the oldest log lines go first, then the message is cut. */
export function terminationMessage(
  report: ExitReport,
  maxBytes: number = limits.terminationLogBytes,
): string {
  const fits = (candidate: ExitReport) => Buffer.byteLength(JSON.stringify(candidate)) <= maxBytes
  for (let from = 0; from <= report.lastLogLines.length; from++) {
    const candidate = { ...report, lastLogLines: report.lastLogLines.slice(from) }
    if (fits(candidate)) return JSON.stringify(candidate)
  }
  const bare = { ...report, lastLogLines: [] }
  for (let chars = report.message?.length ?? 0; chars > 0; chars = Math.floor(chars / 2)) {
    const candidate = { ...bare, message: `${report.message?.slice(0, chars)}…` }
    if (fits(candidate)) return JSON.stringify(candidate)
  }
  const { message: _dropped, ...rest } = bare
  return JSON.stringify(rest)
}

/** Only where the engine made the file; a failure to write it must not change the exit. */
export function writeTerminationLog(report: ExitReport, path = terminationLogPath): void {
  try {
    if (existsSync(path)) writeFileSync(path, terminationMessage(report))
  } catch {
    // The same report is the last line on stdout.
  }
}
