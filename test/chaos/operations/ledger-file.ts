// The writers' ledger as files: a line before a submission is sent, and one once it is answered. A line is in the
// kernel's hands before anything follows it, so that a flow killed by SIGKILL has forgotten nothing. (The machine itself
// does not fail here; what a power loss does to the supervisor's journal has a test of its own.)

import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { Submitted } from '../../../supervisor/core/queue.ts'
import type { Answer, Invocation, Planned } from '../../simulation/ledger.ts'

interface InvokedLine {
  readonly number: number
  readonly planned: Planned
  readonly atMs: number
}

interface AnsweredLine {
  readonly answered: number
  readonly state: Submitted['state']
  readonly code?: string
  readonly atMs: number
}

type Line = InvokedLine | AnsweredLine

export interface LedgerWriter {
  /** @returns the number by which to answer it */
  invoked(planned: Planned): number
  answered(number: number, answer: Pick<Answer, 'state' | 'code'>): void
  close(): void
}

/** @param slot the state directory that takes what is submitted, as far as order is promised within it */
export function createLedgerFile(directory: string, slot: string): LedgerWriter {
  mkdirSync(directory, { recursive: true })
  const fd = openSync(join(directory, `${slot}@${flowsBefore(directory, slot)}.jsonl`), 'ax')
  const write = (line: Line) => void writeSync(fd, `${JSON.stringify(line)}\n`)
  let invocations = 0
  return {
    invoked(planned) {
      const number = invocations++
      write({ number, planned, atMs: Date.now() })
      return number
    },
    answered(answered, { state, code }) {
      write({ answered, state, ...(code === undefined ? {} : { code }), atMs: Date.now() })
    },
    close: () => closeSync(fd),
  }
}

/** How many flows have written for this slot in this round. */
export function flowsBefore(directory: string, slot: string): number {
  return filesOf(directory, slot).length
}

/** What the last flow of this slot did not hear the answer to. */
export function unansweredIn(directory: string, slot: string): Planned[] {
  const last = filesOf(directory, slot).at(-1)
  if (last === undefined) return []
  return readFile(join(directory, last), slot).flatMap((invocation) =>
    invocation.answer === undefined ? [plannedOf(invocation)] : [],
  )
}

export function readLedger(directory: string): Invocation[] {
  if (!existsSync(directory)) return []
  return readdirSync(directory).flatMap((name) =>
    readFile(join(directory, name), name.slice(0, name.lastIndexOf('@'))),
  )
}

function filesOf(directory: string, slot: string): string[] {
  if (!existsSync(directory)) return []
  return readdirSync(directory)
    .filter((name) => name.startsWith(`${slot}@`))
    .sort((a, b) => ordinal(a) - ordinal(b))
}

function ordinal(name: string): number {
  return Number(name.slice(name.lastIndexOf('@') + 1, -'.jsonl'.length))
}

function readFile(path: string, slot: string): Invocation[] {
  const invocations: Invocation[] = []
  // What follows the last line break was cut by SIGKILL, and then nothing was sent.
  for (const text of readFileSync(path, 'utf8').split('\n').slice(0, -1)) {
    const line = JSON.parse(text) as Line
    if ('number' in line) {
      const { planned, atMs } = line
      invocations[line.number] = { ...planned, slot, invokedAtMs: atMs, answer: undefined, abandoned: true }
    } else {
      const invocation = invocations[line.answered]
      if (invocation === undefined) throw new Error(`${path}: an answer to what was not submitted: ${text}`)
      invocation.answer = { state: line.state, code: line.code, result: undefined, atMs: line.atMs }
      invocation.abandoned = false
    }
  }
  return invocations
}

function plannedOf({ id, target, lane, content, sql, mode }: Invocation): Planned {
  return { id, target, lane, content, sql, mode, expiresAtWallMs: undefined, epoch: undefined }
}
