// What is counted of records: by this supervisor since its start, and in the database, where everyone reads the same.

import { limits } from '../core/limits.ts'
import type { QueueCounts } from '../core/record-store.ts'
import type { RecordQueueStats } from '../core/records.ts'

export type Counter = 'claimed' | 'completed' | 'failed' | 'fenced'

interface Counts {
  claimed: number
  completed: number
  failed: number
  fenced: number
}

export class Figures {
  readonly #own = new Map<string, Counts>()
  #inDatabase = new Map<string, QueueCounts>()

  add(queue: string, counter: Counter, count = 1): void {
    this.#of(queue)[counter] += count
  }

  counted(counts: readonly QueueCounts[]): void {
    this.#inDatabase = new Map(counts.map((count) => [count.queue, count]))
  }

  byQueue(): Record<string, RecordQueueStats> {
    const stats: Record<string, RecordQueueStats> = Object.create(null)
    const known = [...new Set([...this.#own.keys(), ...this.#inDatabase.keys()])]
    for (const queue of known.slice(0, limits.recordQueuesShown).sort()) {
      const {
        pending = null,
        scheduled = null,
        running = null,
        failed = null,
      } = this.#inDatabase.get(queue) ?? {}
      const own = this.#own.get(queue) ?? nothing
      stats[queue] = { pending, scheduled, running, failedKept: failed, ...own }
    }
    return stats
  }

  /** Names come from outside: beyond a number of them they are counted together. */
  #of(queue: string): Counts {
    const name = this.#own.has(queue) || this.#own.size < limits.recordQueues ? queue : 'other'
    const known = this.#own.get(name)
    if (known) return known
    const counts = { ...nothing }
    this.#own.set(name, counts)
    return counts
  }
}

const nothing: Readonly<Counts> = { claimed: 0, completed: 0, failed: 0, fenced: 0 }
