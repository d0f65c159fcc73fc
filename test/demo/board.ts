// What the views show: the steps of the story with their outcome, and the figures of the moment.

import type { LogRecords } from '../harness/log-records.ts'
import type { Watch } from './watch.ts'

export interface Step {
  readonly title: string
  state: 'ahead' | 'running' | 'done' | 'failed'
  /** What came of it. */
  detail: string
  durationMs: number
}

export interface Live {
  readonly records: LogRecords
  readonly watch: Watch
}

export class Board {
  readonly steps: readonly Step[]
  readonly rowsTotal: number
  headline = ''
  /** Once the supervisor runs. */
  live: Live | undefined
  readonly #listeners: (() => void)[] = []

  constructor(titles: readonly string[], rowsTotal: number) {
    this.steps = titles.map((title) => ({ title, state: 'ahead', detail: '', durationMs: 0 }))
    this.rowsTotal = rowsTotal
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener)
  }

  changed(): void {
    for (const listener of this.#listeners) listener()
  }

  /** Rows that the flow says are stored or rejected. */
  get rowsDone(): number {
    return Number(
      this.live?.records.all.findLast((record) => typeof record['done'] === 'number')?.['done'] ?? 0,
    )
  }
}
