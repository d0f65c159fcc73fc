// Records with what they stand on: the pool of the database that holds them, the local queue, and the schedule by which
// lost ones are taken back. Made here, beside `main.ts`, which ties them to the lifecycle.

import { randomUUIDv7 } from 'node:crypto'
import type { Settings } from './config/settings.ts'
import type { Clock } from './core/clock.ts'
import { endingStates, type StateName } from './core/lifecycle.ts'
import type { Logger } from './core/logger.ts'
import type { Records } from './core/records.ts'
import type { OpenedQueue } from './local-queue.ts'
import { createRecordStore } from './postgres/record-store.ts'
import { problemOf } from './postgres/sql-text.ts'
import { RecordDesk } from './records/desk.ts'
import { noRecords } from './records/not-configured.ts'
import { everySeconds, schedule } from './schedule/schedule.ts'

export interface RecordsHost {
  readonly clock: Clock
  readonly random: () => number
  readonly logger: Logger
  readonly instance: string
  /** As they are now. */
  settings(): Settings
  state(): StateName
  readonly operations: OpenedQueue
  /** Whether so little is free that no new work is taken. */
  diskCritical(): boolean
  /** Whether the memory limit is near. */
  memoryShort(): boolean
}

/** What the lifecycle tells the records. Nothing here rejects. */
export interface OpenedRecords extends Records {
  flowGone(how: 'stopped' | 'ended' | 'crashed', reason: string): void
  drain(): void
  /** Gives back what was claimed ahead, because a disk has become critical. */
  shed(): void
  close(): Promise<void>
}

export function openRecords(host: RecordsHost): OpenedRecords {
  const { database } = host.settings().records
  return database === undefined ? noRecords() : openDesk(host, database)
}

const flowStates: ReadonlySet<StateName> = new Set(['starting', 'running', 'reloading'])

function openDesk(host: RecordsHost, database: string): OpenedRecords {
  const { clock, random, logger, instance, operations } = host
  const settings = () => host.settings().records
  const desk = new RecordDesk({
    ...{ clock, random, logger, instance, database, problemOf, newId: randomUUIDv7 },
    store: createRecordStore(() => operations.pools.get(database)),
    leaseMs: () => settings().leaseMs,
    timeoutMs: () => settings().timeoutMs,
    maxAttempts: () => settings().maxAttempts,
    closed() {
      const state = host.state()
      if (endingStates.has(state)) return 'draining'
      if (!flowStates.has(state)) return 'no_flow'
      return host.diskCritical() ? 'disk_critical' : undefined
    },
    queueFull() {
      const { full, failing } = operations.queue.stats()
      return full !== null || failing !== null
    },
    memoryShort: () => host.memoryShort(),
    submit: (own) => operations.queue.submitOwn(own),
  })
  operations.queue.onRecordEnded(({ queue = 'other', action }, result) =>
    desk.operationEnded(queue, action, result),
  )
  const leaseSeconds = settings().leaseMs / 1000
  const jobs = [
    schedule(
      {
        name: 'recovery of records',
        expression: everySeconds(leaseSeconds / 3),
        jitterMs: Math.min(1_000, leaseSeconds * 50),
        run: () => desk.recover(),
      },
      logger,
    ),
    schedule(
      { name: 'count of records', expression: everySeconds(5), jitterMs: 500, run: () => desk.count() },
      logger,
    ),
    schedule(
      {
        name: 'history of records',
        expression: '0 7 * * * *',
        jitterMs: 60_000,
        run: () => desk.keepHistory(),
      },
      logger,
    ),
  ]
  return {
    enqueue: (body) => desk.enqueue(body),
    claim: (body, gone) => desk.claim(body, gone),
    settle: (action, id, body) => desk.settle(action, id, body),
    completeAll: (body) => desk.completeAll(body),
    stats: () => desk.stats(),
    flowGone: (how, reason) => desk.flowGone(how, reason),
    drain: () => desk.drain(),
    shed: () => desk.shed(),
    async close() {
      for (const job of jobs) job.stop()
      await desk.close()
    },
  }
}
