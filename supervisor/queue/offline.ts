// The slots of a state directory in the hands of a command, while their supervisors are gone: the same views and the same
// mending as in a running supervisor, over all of them as if they were one. Nothing is delivered until `drain` is called.

import { type Clock, sleep } from '../core/clock.ts'
import { FlowkeepError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import type { Logger } from '../core/logger.ts'
import type { ListRequest, OperationView, QueueStats, TargetStats } from '../core/queue.ts'
import type { Target } from '../core/target.ts'
import type { Journal } from './journal.ts'
import { createQueue, type LocalQueue, type QueueBounds, type QueueParts } from './queue.ts'

export interface OpenSlot {
  /** `slot-1` */
  readonly name: string
  readonly journal: Journal
  /** Lets others have it, once the journal is closed. */
  release(): void
}

export interface OfflineParts {
  readonly clock: Clock
  random(): number
  readonly logger: Logger
  /** Locked, in the order of their names. */
  readonly slots: readonly OpenSlot[]
  /** Names of slots with operations that a running supervisor holds. */
  readonly held: readonly string[]
  readonly bounds: QueueBounds
  /** Where `drain` delivers to. Throws a FlowkeepError when the configuration does not say. */
  targets(): Promise<readonly Target[]>
}

interface View {
  readonly name: string
  /** Over the slot's journal, without targets: it shows and mends, and delivers nothing. */
  readonly queue: LocalQueue
}

export class OfflineQueue {
  readonly #parts: OfflineParts
  readonly #views: readonly View[]
  #delivered = false

  /** What is not shown here, because it belongs to a supervisor that runs. */
  get held(): readonly string[] {
    return this.#parts.held
  }

  constructor(parts: OfflineParts) {
    this.#parts = parts
    this.#views = parts.slots.map(({ name, journal }) => ({
      name,
      queue: createQueue(this.#queueParts(journal, [])),
    }))
  }

  /** Slot by slot; `after` is the slot and the position in it. */
  async list({ state, target, after, limit }: ListRequest) {
    const [from, position] = this.#readPosition(after)
    const operations: OperationView[] = []
    for (const [index, { name, queue }] of this.#views.entries()) {
      if (index < from) continue
      const left = limit - operations.length
      if (left === 0) return { operations, next: `${name}:0` }
      const at = index === from ? position : undefined
      const page = await queue.list({
        state,
        ...(target !== undefined && { target }),
        ...(at !== undefined && { after: at }),
        limit: left,
      })
      operations.push(...page.operations)
      if (page.next !== undefined) return { operations, next: `${name}:${page.next}` }
    }
    return { operations }
  }

  async show(id: string): Promise<OperationView | undefined> {
    for (const { queue } of this.#views) {
      const found = await queue.show(id)
      if (found) return found
    }
    return undefined
  }

  async retry(id: string): Promise<void> {
    await (await this.#holderOf(id)).retry(id)
  }

  async discard(id: string): Promise<void> {
    await (await this.#holderOf(id)).discard(id)
  }

  async stats(): Promise<QueueStats> {
    return this.#views.map(({ queue }) => undelivered(queue.stats())).reduce(together, this.#nothing())
  }

  /** Delivers what can be delivered within the time, and resolves with what is left. */
  async drain(timeoutMs: number, progress: (stats: QueueStats) => void): Promise<QueueStats> {
    const { clock, slots } = this.#parts
    const [first, ...others] = slots
    if (first === undefined) return this.stats()
    let adopted = false
    const queue = createQueue({
      ...this.#queueParts(first.journal, await this.#parts.targets()),
      adopt: async () => (adopted ? [] : others.map(({ journal }) => journal)),
    })
    this.#delivered = true
    await queue.adopt()
    adopted = true
    const done = new AbortController()
    const watching = this.#watch(done.signal, progress)
    await queue.drain(clock.monotonicMs() + timeoutMs)
    done.abort()
    await watching
    const left = await this.stats()
    await queue.close()
    return left
  }

  async close(): Promise<void> {
    for (const { queue } of this.#views) {
      // Whoever delivered has closed the journals.
      if (this.#delivered) await queue.drain(this.#parts.clock.monotonicMs())
      else await queue.close()
    }
    for (const slot of this.#parts.slots) slot.release()
  }

  async #watch(signal: AbortSignal, progress: (stats: QueueStats) => void): Promise<void> {
    while (!signal.aborted) {
      progress(await this.stats())
      await sleep(this.#parts.clock, limits.drainLookMs, signal).catch(() => undefined)
    }
  }

  #queueParts(journal: Journal, targets: readonly Target[]): QueueParts {
    const { clock, random, logger, bounds } = this.#parts
    return {
      ...{ clock, random, logger, bounds, journal, targets },
      // Nothing is submitted here.
      problemOf: () => undefined,
      newId: () => '',
      counted: () => {},
    }
  }

  async #holderOf(id: string): Promise<LocalQueue> {
    for (const { queue } of this.#views) if (await queue.show(id)) return queue
    throw new FlowkeepError('not_found', {
      operation: 'cannot mend the operation',
      subject: id,
      message: `no slot that is free holds ${id}`,
      hint: 'It was applied, discarded, or is held by a supervisor that runs; flowkeep queue list shows what is here.',
    })
  }

  #readPosition(after: string | undefined): [index: number, position: string | undefined] {
    if (after === undefined) return [0, undefined]
    const [name, position] = after.split(':', 2)
    const index = this.#views.findIndex((view) => view.name === name)
    if (index !== -1 && position !== undefined) return [index, position]
    throw new FlowkeepError('invalid_request', {
      operation: 'cannot list operations',
      subject: 'after',
      message: 'that is no position in these slots',
      hint: 'Give what the page before gave as next.',
    })
  }

  #nothing(): QueueStats {
    const { maxOperations, maxBytes } = this.#parts.bounds
    return {
      ...{ operations: 0, bytes: 0, maxOperations, maxBytes, oldestAgeMs: null },
      ...{ full: null, failing: null },
      ...{ corruptEntries: 0, quarantinedFiles: [], adoptedSlots: 0, targets: {} },
    }
  }
}

/** Without a supervisor no breaker stands between an operation and its target. */
function undelivered(stats: QueueStats): QueueStats {
  const targets: Record<string, TargetStats> = Object.create(null)
  for (const [name, target] of Object.entries(stats.targets)) {
    targets[name] = { ...target, breaker: 'closed', reason: null }
  }
  return { ...stats, targets }
}

function together(a: QueueStats, b: QueueStats): QueueStats {
  const targets: Record<string, TargetStats> = Object.assign(Object.create(null), a.targets)
  for (const [name, target] of Object.entries(b.targets)) {
    const known = targets[name]
    targets[name] = known
      ? {
          ...known,
          queued: known.queued + target.queued,
          held: known.held + target.held,
          dead: known.dead + target.dead,
          oldestAgeMs: older(known.oldestAgeMs, target.oldestAgeMs),
        }
      : target
  }
  return {
    ...b,
    operations: a.operations + b.operations,
    bytes: a.bytes + b.bytes,
    oldestAgeMs: older(a.oldestAgeMs, b.oldestAgeMs),
    full: a.full ?? b.full,
    failing: a.failing ?? b.failing,
    corruptEntries: a.corruptEntries + b.corruptEntries,
    quarantinedFiles: [...a.quarantinedFiles, ...b.quarantinedFiles],
    targets,
  }
}

function older(a: number | null, b: number | null): number | null {
  return a === null ? b : Math.max(a, b ?? 0)
}
