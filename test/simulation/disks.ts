// The journals that a schedule can run over.

import { type CreateDisk, createMemoryDisk } from './disk.ts'
import { createStoreDisk } from './store-disk.ts'

export type JournalName = 'store' | 'memory'

export const disks: Readonly<Record<JournalName, CreateDisk>> = {
  store: createStoreDisk,
  memory: createMemoryDisk,
}

export function isJournalName(name: string): name is JournalName {
  return Object.hasOwn(disks, name)
}
