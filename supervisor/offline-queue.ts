// The local queue in the hands of `flowkeep queue` while no supervisor runs: every slot of the state directory that is
// free and holds something, locked until it is closed. Made here, beside `main.ts`, from the same parts.

import { join } from 'node:path'
import type { Settings } from './config/settings.ts'
import type { Clock } from './core/clock.ts'
import { limits } from './core/limits.ts'
import type { Logger } from './core/logger.ts'
import { boundsOf, createTargets } from './local-queue.ts'
import { holdsEntries, openJournal } from './queue/journal/open-journal.ts'
import { abandonedSlots, type Slot, slotNames } from './queue/journal/slots.ts'
import { OfflineQueue, type OpenSlot } from './queue/offline.ts'
import type { QueueBounds } from './queue/queue.ts'

export interface OfflineHost {
  readonly clock: Clock
  readonly random: () => number
  readonly tryLock: (fd: number) => boolean
  /** For the state directory and the bounds of the queue. */
  readonly settings: Settings
  /** For the targets. Throws `config_invalid` where they are not sound. */
  wholeSettings(): Settings
}

/** A command speaks by what it prints. */
const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} }

/** @throws FlowkeepError `state_directory_unavailable` */
export async function openOfflineQueue(host: OfflineHost): Promise<OfflineQueue> {
  const { clock, random, tryLock, settings, wholeSettings } = host
  const bounds = boundsOf(settings)
  const root = settings.state.directory
  const found = abandonedSlots({ root, tryLock }, limits.queueSlots)
  const slots: OpenSlot[] = []
  try {
    for (const slot of found) slots.push(await openSlot(slot, bounds, clock))
  } catch (error) {
    await Promise.all(slots.map(({ journal }) => journal.close()))
    for (const slot of found) slot.release()
    throw error
  }
  const ours = new Set(slots.map(({ name }) => name))
  const held = slotNames(root).filter((name) => !ours.has(name) && holdsEntries(join(root, name)))
  return new OfflineQueue({
    ...{ clock, random, logger: silent, slots, held, bounds },
    targets: async () => (await createTargets(wholeSettings(), clock)).targets,
  })
}

async function openSlot(slot: Slot, bounds: QueueBounds, clock: Clock): Promise<OpenSlot> {
  const { name, directory, release } = slot
  const { maxOperations, maxBytes } = bounds
  const journal = await openJournal({ directory, maxOperations, maxBytes, inProcess: true, clock })
  return { name, journal, release }
}
