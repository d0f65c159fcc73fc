import type { Submitted } from '../../../supervisor/core/queue.ts'
import type { HandedRecord } from '../../../supervisor/core/records.ts'
import { type Closed, type DeskParts, RecordDesk } from '../../../supervisor/records/desk.ts'
import { createMemoryRecordStore, type MemoryRecordStore } from '../../harness/memory-record-store.ts'
import { createTestClock, type TestClock } from '../../harness/test-clock.ts'

type Submit = NonNullable<DeskParts['submit']>

export interface OpenDesk {
  readonly clock: TestClock
  readonly store: MemoryRecordStore
  readonly desk: RecordDesk
  readonly logged: string[]
  /** Operations handed to the local queue. */
  readonly submitted: Parameters<Submit>[0][number][]
  readonly now: { closed: Closed | undefined; queueFull: boolean; memoryShort: boolean; answer: Submitted }
  claim(limit?: number, waitMs?: number, gone?: AbortSignal): Promise<readonly HandedRecord[]>
}

export const leaseMs = 30_000

export function openDesk(parts: Partial<DeskParts> = {}): OpenDesk {
  const clock = createTestClock()
  const store = createMemoryRecordStore(clock.monotonicMs)
  const logged: string[] = []
  const submitted: OpenDesk['submitted'] = []
  const now: OpenDesk['now'] = {
    ...{ closed: undefined, queueFull: false, memoryShort: false },
    answer: { state: 'queued', id: 'any' },
  }
  const log = ({ event }: { event: string }) => void logged.push(event)
  const desk = new RecordDesk({
    ...{ clock, store, logger: { debug: () => {}, info: log, warn: log, error: log } },
    ...{ instance: 'here', database: 'flows', newId: () => 'new', random: () => 0.5 },
    leaseMs: () => leaseMs,
    timeoutMs: () => 900_000,
    maxAttempts: () => 5,
    problemOf: (sql) => (sql === 'commit' ? 'is transaction control' : undefined),
    closed: () => now.closed,
    queueFull: () => now.queueFull,
    memoryShort: () => now.memoryShort,
    async submit(operations) {
      submitted.push(...operations)
      return operations.map(() => now.answer)
    },
    ...parts,
  })
  return {
    ...{ clock, store, desk, logged, submitted, now },
    async claim(limit = 50, waitMs = 0, gone = new AbortController().signal) {
      return (await desk.claim({ queue: 'q', limit, waitMs }, gone)).records
    },
  }
}

/** Lets everything happen that needs no time. */
export async function settleDown(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve()
}
