// Journals for tests: a store over its own directory in memory, and operations that say nothing.

import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { Clock } from '../../supervisor/core/clock.ts'
import type { Json } from '../../supervisor/core/json.ts'
import { type JournalOptions, openJournal } from '../../supervisor/queue/journal/open-journal.ts'
import type { Journal, NewEntry } from '../../supervisor/queue/journal.ts'

const memory = '/dev/shm'

/** In memory where the machine lets us: these tests are not about a disk. */
export function memoryDirectory(t: Pick<Test, 'teardown'>): string {
  const directory = mkdtempSync(join(existsSync(memory) ? memory : tmpdir(), 'flowkeep-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

export const smallBounds = {
  maxOperations: 1_000_000,
  maxBytes: 1024 * 1024 * 1024,
  diskFloorBytes: 0,
  ballastBytes: 4096,
}

export function openInProcess(
  directory: string,
  clock: Clock,
  bounds: Partial<JournalOptions> = {},
): Promise<Journal> {
  return openJournal({ ...smallBounds, directory, inProcess: true, clock, ...bounds } as JournalOptions)
}

export interface EntryShape {
  readonly target?: string
  readonly key?: string
  readonly params?: readonly Json[]
  readonly expiresAtMs?: number
  readonly maybeApplied?: boolean
}

export function newEntry(id: string, shape: EntryShape = {}): NewEntry {
  const { target = 'db', key = '', params = [id], expiresAtMs, maybeApplied = false } = shape
  const work = { kind: 'sql', statements: [{ sql: 'insert into t values ($1)', params }] } as const
  return { operation: { id, target, key, work, expiresAtMs }, contentHash: `hash of ${id}`, maybeApplied }
}

export const takeAll = { limit: 1_000_000, bytes: 1e9, nowMs: 0, except: [] }

export async function takenIds(journal: Journal, bounds: object = {}): Promise<string[]> {
  return (await journal.take('db', { ...takeAll, ...bounds })).map(({ operation }) => operation.id)
}
