// Completions without effects, many in one statement: while one batch is under way the next one collects.

import { limits } from '../core/limits.ts'
import type { Held, RecordStore } from '../core/record-store.ts'

interface Waiting {
  readonly record: Held
  resolve(applied: boolean): void
  reject(error: unknown): void
}

export class Completions {
  readonly #store: Pick<RecordStore, 'complete'>
  #waiting: Waiting[] = []
  #underWay = 0

  constructor(store: Pick<RecordStore, 'complete'>) {
    this.#store = store
  }

  /** False when the record has a newer owner. @throws StoreFailure */
  complete(record: Held): Promise<boolean> {
    const { promise, resolve, reject } = Promise.withResolvers<boolean>()
    this.#waiting.push({ record, resolve, reject })
    // What arrives in the same turn goes together.
    if (this.#waiting.length === 1) queueMicrotask(() => this.#send())
    return promise
  }

  #send(): void {
    while (this.#waiting.length > 0 && this.#underWay < limits.recordCompletionBatches) {
      const batch = this.#waiting.splice(0, limits.recordsBatch)
      this.#underWay++
      void this.#sendOne(batch).finally(() => {
        this.#underWay--
        this.#send()
      })
    }
  }

  async #sendOne(batch: readonly Waiting[]): Promise<void> {
    try {
      const applied = await this.#store.complete(batch.map(({ record }) => record))
      for (const [index, { resolve }] of batch.entries()) resolve(applied[index] ?? false)
    } catch (error) {
      for (const { reject } of batch) reject(error)
    }
  }
}
