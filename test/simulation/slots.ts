// The slots of one state directory that several supervisors share: each takes the first that nobody uses, and drains
// those whose user is gone.

import type { Crash, CreateDisk, Disk, DiskParts } from './disk.ts'
import type { Pulse } from './pulse.ts'

export interface Slot {
  readonly name: string
  readonly disk: Disk
  /** Whose lock is on it. */
  user: Pulse | undefined
  /** As of the last look of its last user. */
  operations: number
}

export interface Slots {
  readonly all: readonly Slot[]
  claim(user: Pulse): Slot
  /** Nobody's, and not empty. */
  abandoned(): readonly Slot[]
  /** The process is gone; its locks go with it. */
  crash(user: Pulse, kind: Crash): void
}

export function createSlots(createDisk: CreateDisk, parts: DiskParts): Slots {
  const all: Slot[] = []
  const isFree = ({ user }: Slot) => user === undefined || !user.alive

  return {
    all,
    claim(user) {
      let slot = all.find(isFree)
      if (slot === undefined) {
        slot = { name: `slot-${all.length}`, disk: createDisk(parts), user, operations: 0 }
        all.push(slot)
      }
      slot.user = user
      return slot
    },
    abandoned: () => all.filter((slot) => isFree(slot) && slot.operations > 0),
    crash(user, kind) {
      for (const slot of all.filter((each) => each.user === user)) {
        slot.disk.crash(kind)
        slot.user = undefined
      }
    },
  }
}
