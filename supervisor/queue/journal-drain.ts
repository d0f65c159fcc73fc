// One journal being drained: our own, or that of a supervisor that is gone. Each target has its replay and its lanes; the
// breakers are shared, because a target is away for every journal alike.

import type { Clock } from '../core/clock.ts'
import type { Logger } from '../core/logger.ts'
import type { Channel } from './channel.ts'
import type { Journal } from './journal.ts'
import { Lanes } from './lanes.ts'
import { Replay } from './replay.ts'
import type { Report } from './report.ts'
import { Sweep } from './sweep.ts'

export interface DrainParts {
  readonly clock: Clock
  random(): number
  readonly logger: Logger
  readonly journal: Journal
  readonly report: Report
  maxAgeMs(): number
  /** Something that worked has come to rest. */
  rested(): void
  /** A lane of the target is free again. */
  released?(target: string): void
}

export interface DrainedTarget {
  readonly channel: Channel
  readonly lanes: Lanes
  readonly replay: Replay
}

export class JournalDrain {
  readonly #parts: DrainParts
  readonly #targets = new Map<string, DrainedTarget>()
  readonly #sweep: Sweep
  readonly #leave: (() => void)[] = []

  constructor(parts: DrainParts) {
    this.#parts = parts
    this.#sweep = new Sweep({
      ...parts,
      targetOf: (name) => this.#targets.get(name),
      looked: () => {
        for (const { replay } of this.#targets.values()) replay.wake()
      },
    })
  }

  get journal(): Journal {
    return this.#parts.journal
  }

  /** Nothing queued or held is left. */
  get isEmpty(): boolean {
    return this.journal.figures.operations === 0
  }

  target(name: string): DrainedTarget | undefined {
    return this.#targets.get(name)
  }

  /** Begins to drain what is queued for it. */
  serve(channel: Channel): DrainedTarget {
    const known = this.#targets.get(channel.name)
    if (known) return known
    const lanes: Lanes = new Lanes(() => {
      replay.wake()
      this.#parts.released?.(channel.name)
    })
    const replay = new Replay({ ...this.#parts, channel, lanes })
    const served = { channel, lanes, replay }
    this.#targets.set(channel.name, served)
    this.#leave.push(channel.onFree(() => replay.wake()))
    this.wake(channel.name)
    return served
  }

  /** @param unsure a write has failed and may be on disk all the same */
  wake(target: string, unsure = false): void {
    this.#targets.get(target)?.replay.wake()
    this.#sweep.wake(unsure)
  }

  isBusy(untilMs: number): boolean {
    return [...this.#targets.values()].some(({ replay }) => replay.isBusy(untilMs))
  }

  /** Takes nothing more; resolves when nothing is under way. */
  async stop(): Promise<void> {
    for (const leave of this.#leave.splice(0)) leave()
    await Promise.all([this.#sweep.stop(), ...[...this.#targets.values()].map(({ replay }) => replay.stop())])
  }
}
