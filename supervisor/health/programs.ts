// The health checks a flow image brings along: one executable per check in the healthchecks directory. Exit code 0 is
// healthy, 1 degraded, 2 unhealthy; the first line of output is the message. What cannot be a check is named, not run.

import { accessSync, closeSync, constants, openSync, readdirSync, readSync, statSync } from 'node:fs'
import { join, parse } from 'node:path'
import { codeOf, messageOf } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import type { Logger } from '../core/logger.ts'
import type { CheckOutcome, HealthCheck } from './check.ts'
import { reservedCheckNames } from './monitor.ts'
import { type ProgramTimes, parseProgramHeader } from './program-header.ts'
import { type ProgramParts, runProgram } from './program-run.ts'

export interface ProgramChecksParts extends ProgramParts, ProgramTimes {
  readonly logger: Logger
}

/** Looks once, and logs each file that is not run; a directory that does not exist holds no checks. */
export function createProgramChecks(parts: ProgramChecksParts): HealthCheck[] {
  const { checks, problems } = findPrograms(parts)
  for (const { file, problem } of problems) {
    parts.logger.warn({ event: 'health.program_refused', file, problem }, `${file} is not run: ${problem}`)
  }
  return [...checks]
}

interface FoundPrograms {
  readonly checks: readonly HealthCheck[]
  readonly problems: readonly { readonly file: string; readonly problem: string }[]
}

export function findPrograms(parts: ProgramParts & ProgramTimes): FoundPrograms {
  const { directory } = parts
  const checks = new Map<string, HealthCheck>()
  const problems: { file: string; problem: string }[] = []
  const { entries, failure } = list(directory)
  if (failure !== undefined) problems.push({ file: directory, problem: failure })
  for (const entry of entries) {
    const file = join(directory, entry)
    const problem = refusalOf(file, checks)
    if (problem !== undefined) problems.push({ file, problem })
    else checks.set(parse(entry).name, createCheck(file, parts))
  }
  return { checks: [...checks.values()], problems }
}

function list(directory: string): { entries: string[]; failure?: string } {
  try {
    // Hidden entries are how Kubernetes mounts a ConfigMap; a text that explains the directory is welcome in it.
    const entries = readdirSync(directory).filter(
      (entry) => !entry.startsWith('.') && !/\.(?:md|txt)$/i.test(entry),
    )
    return { entries: entries.sort() }
  } catch (error) {
    return codeOf(error) === 'ENOENT' ? { entries: [] } : { entries: [], failure: messageOf(error) }
  }
}

function refusalOf(file: string, taken: ReadonlyMap<string, unknown>): string | undefined {
  const { name } = parse(file)
  if (!/^[a-z0-9_-]{1,63}$/.test(name)) return 'its name is to be of a–z, 0–9, _ and -, at most 63 characters'
  if (reservedCheckNames.has(name)) return `the name ${name} is taken by a check of ours`
  if (taken.has(name)) return `another program gives the check ${name} already`
  if (taken.size >= limits.healthPrograms) return `there are more than ${limits.healthPrograms} programs`
  try {
    const stats = statSync(file)
    if (!stats.isFile()) return 'it is not a file'
    accessSync(file, constants.X_OK)
    return undefined
  } catch (error) {
    return codeOf(error) === 'EACCES' ? 'it is not executable' : messageOf(error)
  }
}

function createCheck(file: string, parts: ProgramParts & ProgramTimes): HealthCheck {
  const { name } = parse(file)
  const { intervalMs, timeoutMs } = parts
  const header = parseProgramHeader(readStart(file), { intervalMs, timeoutMs })
  if (header.ok) return { name, ...header.times, run: (signal) => runProgram(file, parts, signal) }
  // Its verdict still counts, but that it is run at another pace than its author meant must be seen.
  return {
    name,
    intervalMs,
    timeoutMs,
    async run(signal) {
      const outcome = await runProgram(file, parts, signal)
      return outcome.status === 'healthy' ? degraded(header.message) : outcome
    },
  }
}

function degraded(message: string): CheckOutcome {
  return { status: 'degraded', message }
}

/** A program that may be run but not read has no header. */
function readStart(file: string): string {
  try {
    const descriptor = openSync(file, 'r')
    try {
      const buffer = Buffer.alloc(limits.healthProgramHeaderBytes)
      return buffer.toString('latin1', 0, readSync(descriptor, buffer, 0, buffer.length, 0))
    } finally {
      closeSync(descriptor)
    }
  } catch {
    return ''
  }
}
