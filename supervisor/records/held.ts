// The records that the flow has in its hands, by generation: when a flow is gone, what it held goes back. One whose
// settling is under way stays out of that, because its end is decided by the database already.

import type { Held } from '../core/record-store.ts'

export interface HeldRecord extends Held {
  readonly queue: string
}

interface Entry {
  readonly record: HeldRecord
  readonly generation: number
  /** Its time limit, by our monotonic clock: no earlier than the database's. */
  readonly untilMs: number
  settling: number
  /** Counts what was ever added. */
  readonly order: number
}

export class HeldRecords {
  readonly #entries = new Map<string, Entry>()
  #generation = 0
  #added = 0

  get size(): number {
    return this.#entries.size
  }

  add(records: readonly HeldRecord[], untilMs: number): void {
    for (const record of records) {
      const order = ++this.#added
      this.#entries.set(record.id, { record, generation: this.#generation, untilMs, settling: 0, order })
    }
  }

  /** Undefined for one that is not held, or not under this epoch. */
  find({ id, epoch }: Held): HeldRecord | undefined {
    const entry = this.#entries.get(id)
    return entry?.record.epoch === epoch ? entry.record : undefined
  }

  remove(records: readonly Held[]): void {
    for (const { id, epoch } of records) {
      if (this.#entries.get(id)?.record.epoch === epoch) this.#entries.delete(id)
    }
  }

  /** Stands for what is held at this moment. */
  get mark(): number {
    return this.#added
  }

  /** @param mark of when the ids were asked for: what was handed out since then is held anew */
  removeById(ids: readonly string[], mark: number): void {
    for (const id of ids) if ((this.#entries.get(id)?.order ?? 0) <= mark) this.#entries.delete(id)
  }

  /** Those past their time limit when the database was asked to take such ones back: should its answer have been lost. */
  removeLate(askedAtMs: number): void {
    for (const [id, { settling, untilMs }] of this.#entries) {
      if (untilMs < askedAtMs && settling === 0) this.#entries.delete(id)
    }
  }

  settling(record: Held): void {
    const entry = this.#entries.get(record.id)
    if (entry?.record.epoch === record.epoch) entry.settling++
  }

  /** It was not settled. The record is given to the caller when the flow that had it is gone. */
  notSettled(record: Held): HeldRecord | undefined {
    const entry = this.#entries.get(record.id)
    if (entry?.record.epoch !== record.epoch) return undefined
    entry.settling--
    if (entry.settling > 0 || entry.generation === this.#generation) return undefined
    this.#entries.delete(record.id)
    return entry.record
  }

  /** What the flow leaves behind. */
  flowGone(): readonly HeldRecord[] {
    this.#generation++
    const left = [...this.#entries.values()].filter(({ settling }) => settling === 0)
    for (const { record } of left) this.#entries.delete(record.id)
    return left.map(({ record }) => record)
  }

  clear(): number {
    const { size } = this.#entries
    this.#entries.clear()
    return size
  }
}
