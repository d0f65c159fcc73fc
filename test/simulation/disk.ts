// What one slot of the state directory holds: it outlives the process that used it.

import type { Journal, NewEntry } from '../../supervisor/queue/journal.ts'
import { createMemoryJournal, emptyDisk, type MemoryDisk } from '../harness/memory-journal.ts'
import type { Random } from './random.ts'
import type { IoFailure, Volume } from './volume.ts'

/** How a process ends; all but the last leave its files as they are. */
export type Crash = 'exit' | 'kill' | 'power_loss'

export interface DiskClock {
  wallMs(): number
  monotonicMs(): number
}

export interface Disk {
  /** Whether the whole journal fails at this call, as it does when its thread dies. */
  failureOf(isWrite: boolean): IoFailure | undefined
  open(clock: DiskClock): Promise<Journal>
  beginWrite(): void
  /** The answer of the last write is out: from now on it must be durable. */
  answered(): void
  /** The process is gone, and with a power loss whatever had not reached the disk. */
  crash(kind: Crash): void
  remove(): void
}

export interface DiskParts {
  readonly random: Random
  readonly volume: Volume
  readonly maxOperations: number
  readonly bite: (fault: string) => void
}

export type CreateDisk = (parts: DiskParts) => Disk

/** Over the journal in memory. A write whose answer isn't out may be lost with the power. */
export function createMemoryDisk({ random, volume, maxOperations, bite }: DiskParts): Disk {
  let disk = emptyDisk()
  let before: MemoryDisk | undefined
  return {
    failureOf: (isWrite) => volume.failureOf(isWrite),
    async open({ wallMs }) {
      const journal = createMemoryJournal({ wallMs, maxOperations }, disk)
      const { append } = journal
      return Object.assign(journal, {
        append(entries: readonly NewEntry[]) {
          journal.diskFull = volume.full
          if (volume.full) bite('disk_full')
          return append(entries)
        },
      })
    },
    beginWrite() {
      before = copyOf(disk)
    },
    answered() {
      before = undefined
    },
    crash(kind) {
      const lost = kind === 'power_loss' && before !== undefined && random.chance(0.5)
      if (lost) bite('torn_write')
      disk = copyOf(lost && before !== undefined ? before : disk)
      before = undefined
    },
    remove() {},
  }
}

/** Rows are never changed in place. */
function copyOf({ rows, done, seq }: MemoryDisk): MemoryDisk {
  return { rows: [...rows], done: new Map(done), seq }
}
