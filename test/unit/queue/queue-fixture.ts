// A queue over a journal in memory and scripted targets, with a clock that stands still.

import { setImmediate } from 'node:timers/promises'
import type { Submitted } from '../../../supervisor/core/queue.ts'
import { createQueue, type LocalQueue, type QueueParts } from '../../../supervisor/queue/queue.ts'
import {
  createMemoryJournal,
  emptyDisk,
  type MemoryDisk,
  type MemoryJournal,
} from '../../harness/memory-journal.ts'
import { createScriptedTarget, type ScriptedTarget } from '../../harness/scripted-target.ts'
import { createTestClock, type TestClock } from '../../harness/test-clock.ts'
import { keepLog, type LogLine } from '../gate/fakes.ts'

export interface TestQueue {
  readonly queue: LocalQueue
  readonly journal: MemoryJournal
  readonly target: ScriptedTarget
  readonly clock: TestClock
  readonly lines: LogLine[]
  /** `applied rpa_db` … in order */
  readonly counts: string[]
  events(): string[]
  /** Lets everything happen that needs no time. */
  settle(): Promise<void>
  pass(ms: number): Promise<void>
  submit(...raw: object[]): Promise<readonly Submitted[]>
}

export interface TestQueueOptions extends Partial<QueueParts> {
  readonly target?: ScriptedTarget
  readonly disk?: MemoryDisk
  readonly clock?: TestClock
  readonly maxOperations?: number
  readonly maxBytes?: number
}

export const maxAgeMs = 7 * 86_400_000

export function createTestQueue(options: TestQueueOptions = {}): TestQueue {
  const {
    target = createScriptedTarget(),
    disk = emptyDisk(),
    clock = createTestClock(),
    maxOperations = 1_000_000,
    maxBytes = 2 ** 30,
    ...rest
  } = options
  const journal = createMemoryJournal({ wallMs: clock.wallMs, maxOperations, maxBytes }, disk)
  const { lines, logger, events } = keepLog()
  const counts: string[] = []
  let ids = 0
  const queue = createQueue({
    clock,
    random: () => 1,
    logger,
    journal,
    targets: [target],
    bounds: { maxOperations, maxBytes: 2 ** 30, maxAgeMs },
    problemOf: () => undefined,
    newId: () => `generated-${++ids}`,
    counted: (name, result) => counts.push(`${result} ${name}`),
    ...rest,
  })
  return {
    ...{ queue, journal, target, clock, lines, counts, events, settle },
    async pass(ms) {
      clock.advance(ms)
      await settle()
    },
    submit: (...raw) => queue.submit(raw),
  }
}

/** One operation for `rpa_db`. */
export function op(id: string, more: object = {}): object {
  return { id, target: 'rpa_db', sql: 'insert into t values ($1)', params: [id], ...more }
}

export function states(submitted: readonly Submitted[]): string[] {
  return submitted.map((each) => (each.state === 'refused' ? each.error.code : each.state))
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await setImmediate()
}
