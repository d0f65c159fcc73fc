// Who works on which lane of a target. Two batches never share a lane, and neither do the queue's replay, an operation
// that goes past the queue, and an operator who discards: that alone keeps the order.

export interface Watch {
  /** Lanes that somebody had since the watch began: what was read of them meanwhile may not be true any more. */
  readonly touched: ReadonlySet<string>
  end(): void
}

export class Lanes {
  readonly #watches = new Set<Set<string>>()
  readonly #busy = new Set<string>()
  readonly #released: () => void

  constructor(released: () => void) {
    this.#released = released
  }

  get busy(): readonly string[] {
    return [...this.#busy]
  }

  has(key: string): boolean {
    return this.#busy.has(key)
  }

  /** False when somebody else has it. */
  take(key: string): boolean {
    if (this.#busy.has(key)) return false
    this.#busy.add(key)
    for (const touched of this.#watches) touched.add(key)
    return true
  }

  watch(): Watch {
    const touched = new Set(this.#busy)
    this.#watches.add(touched)
    return { touched, end: () => this.#watches.delete(touched) }
  }

  /** Back, with nothing done in them. */
  give(keys: Iterable<string>): void {
    for (const key of keys) this.#busy.delete(key)
  }

  /** Back, and whoever waits for them hears of it. */
  release(keys: Iterable<string>): void {
    this.give(keys)
    this.#released()
  }
}
