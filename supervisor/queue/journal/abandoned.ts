// Opens the journals of supervisors that are gone, a few at a time, so that every slot has its turn: one that cannot be
// opened, or that holds nothing but dead letters, stands in no other's way and is held by nobody afterwards.

import { join } from 'node:path'
import { messageOf } from '../../core/errors.ts'
import type { Logger } from '../../core/logger.ts'
import type { Journal } from '../journal.ts'
import { readMark } from './mark.ts'
import { holdsEntries } from './open-journal.ts'
import { abandonedSlots, type Slot, type SlotsOptions } from './slots.ts'

export interface AbandonedParts {
  readonly slots: SlotsOptions
  readonly logger: Logger
  /** The slot goes with the journal, and also where there is none to be had. */
  open(slot: Slot): Promise<Journal>
}

export class AbandonedJournals {
  readonly #parts: AbandonedParts
  /** Slots that held dead letters alone, and how far their journal had come then. */
  readonly #finished = new Map<string, number | undefined>()
  readonly #failed = new Set<string>()
  /** Slots that were opened before. */
  readonly #known = new Set<string>()

  constructor(parts: AbandonedParts) {
    this.#parts = parts
  }

  /** Those that hold work. @throws FlowkeepError `state_directory_unavailable` where they cannot be looked for */
  async open(atMost: number): Promise<readonly Journal[]> {
    const fresh = this.#claim(atMost, (slot) => this.#isFresh(slot))
    const again = this.#claim(
      atMost - fresh.length,
      (slot) => !this.#isFresh(slot) && !this.#failed.has(slot),
    )
    const most = atMost - fresh.length - again.length
    const failed = this.#claim(most, (slot) => this.#failed.has(slot))
    const opened = await Promise.all([...fresh, ...again, ...failed].map((slot) => this.#openOne(slot)))
    return opened.filter((journal) => journal !== undefined)
  }

  /** Whether one is there that was never opened. @throws as `open` does */
  get hasFresh(): boolean {
    const [slot] = this.#claim(1, (directory) => this.#isFresh(directory))
    slot?.release()
    return slot !== undefined
  }

  #isFresh(directory: string): boolean {
    return !this.#known.has(directory) && !this.#failed.has(directory)
  }

  #claim(atMost: number, fits: (directory: string) => boolean): Slot[] {
    const { slots } = this.#parts
    const isWanted = (directory: string) =>
      fits(directory) && holdsEntries(directory) && !this.#isFinished(directory)
    return abandonedSlots(slots, atMost, isWanted)
  }

  #isFinished(directory: string): boolean {
    return this.#finished.has(directory) && this.#finished.get(directory) === commitsIn(directory)
  }

  async #openOne(slot: Slot): Promise<Journal | undefined> {
    const { directory, name } = slot
    try {
      const journal = await this.#parts.open(slot)
      this.#failed.delete(directory)
      this.#known.add(directory)
      if (journal.figures.operations > 0) return journal
      await journal.close()
      this.#finished.set(directory, commitsIn(directory))
    } catch (error) {
      const message = `cannot drain ${name} of a supervisor that is gone: ${messageOf(error)}`
      // What is tried again twice a minute says the same thing once.
      if (!this.#failed.has(directory)) this.#parts.logger.error({ event: 'queue.adoption_failed' }, message)
      this.#failed.add(directory)
    }
    return undefined
  }
}

function commitsIn(directory: string): number | undefined {
  return readMark(join(directory, 'journal.mark'))?.commits
}
