// The journals that a schedule can run over.

import { type CreateDisk, createMemoryDisk } from './disk.ts'
import type { Mutation } from './mutant.ts'
import { loadStoreDisk } from './store-disk.ts'

/** The real one, on a tmpfs; or its contract in memory, which is faster. */
export type JournalName = 'store' | 'memory'

export async function loadDisk(name: JournalName, mutation?: Mutation): Promise<CreateDisk> {
  return name === 'store' ? await loadStoreDisk(mutation) : createMemoryDisk
}

export function isJournalName(name: string): name is JournalName {
  return name === 'store' || name === 'memory'
}
