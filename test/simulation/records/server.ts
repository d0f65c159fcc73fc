// The database server around the tables: its clock, transactions that take time, operations with their inbox, and a list
// of effects without any unique key. A transaction has its effect at one moment or none.

import type { ContentHash, RecordChange } from '../../../supervisor/core/operation.ts'
import { StoreFailure } from '../../../supervisor/core/record-store.ts'
import type { Delivery, Outcome } from '../../../supervisor/core/target.ts'
import type { Fate } from '../database.ts'
import type { Random } from '../random.ts'
import type { Scheduler } from '../scheduler.ts'
import { firstWallMs } from '../supervisor.ts'
import { createTables, type Moment, type RulesDefect, type Tables } from './database.ts'

export interface Effect {
  readonly recordId: string
  readonly epoch: number
  readonly atMs: number
}

export interface Server {
  readonly tables: Tables
  readonly effects: readonly Effect[]
  /** Its own clock, as wall-clock ms. */
  readonly nowMs: number
  /** Whether its clock was ever put forward. */
  readonly jumped: boolean
  putForward(ms: number): void
  /** Every transaction under way is rolled back. */
  restart(): void
  /** Undefined when it did not commit. @param begin what it does first, some time before the rest */
  transaction<T, B = undefined>(
    fate: Fate,
    callersWallMs: number,
    work: Work<T, B>,
  ): Promise<Done<T> | undefined>
  apply(batch: readonly Delivery[], at: Moment): readonly Outcome[]
}

export interface Work<T, B> {
  begin?(at: Moment): B
  perform(at: Moment, begun: B): T
}

export type Done<T> = { readonly value: T } | { readonly failure: StoreFailure }

interface InboxRow {
  readonly contentHash: ContentHash
}

/** How likely a transaction takes time, and how long at most. */
const slowShare = 0.1
const slowMs = 200
const lockedShare = 0.02

export function createServer(scheduler: Scheduler, random: Random, defect: RulesDefect | undefined): Server {
  const tables = createTables({ defect, random: random.fork(), locked: lockedShare })
  const inbox = new Map<string, InboxRow>()
  const effects: Effect[] = []
  let aheadMs = random.between(-3_600_000, 3_600_000)
  let jumped = false
  let generation = 0
  const nowMs = () => firstWallMs + scheduler.nowMs + aheadMs

  function applyOne({ operation, contentHash }: Delivery, at: Moment): Outcome {
    const known = inbox.get(operation.id)
    if (known)
      return known.contentHash === contentHash
        ? { state: 'applied', result: null, earlier: true }
        : { state: 'conflict' }
    if (operation.work.kind !== 'sql') throw new Error('not for a database')
    const { record, statements } = operation.work
    if (record === undefined) throw new Error('of no record')
    if (defect === 'effect_before_fence') leaveEffects(record, statements.length)
    if (!tables.change(record, at)) return { state: 'fenced' }
    if (defect !== 'effect_before_fence') leaveEffects(record, statements.length)
    inbox.set(operation.id, { contentHash })
    return { state: 'applied', result: null }
  }

  function leaveEffects({ recordId, epoch }: RecordChange, count: number): void {
    for (let each = 0; each < count; each++) effects.push({ recordId, epoch, atMs: scheduler.nowMs })
  }

  return {
    tables,
    effects,
    get nowMs() {
      return nowMs()
    },
    get jumped() {
      return jumped
    },
    putForward(ms) {
      aheadMs += ms
      jumped = true
    },
    restart() {
      generation++
    },
    async transaction<T, B = undefined>(fate: Fate, callersWallMs: number, { begin, perform }: Work<T, B>) {
      const at = { nowMs: nowMs(), callersWallMs }
      const own = generation
      try {
        const begun = begin?.(at) as B
        if (random.chance(slowShare)) await scheduler.pause(random.between(0, slowMs))
        if (own !== generation || fate.dropBeforeCommit) return undefined
        return { value: perform(at, begun) }
      } catch (error) {
        if (!(error instanceof StoreFailure)) throw error
        return { failure: error }
      }
    },
    apply: (batch, at) => batch.map((delivery) => applyOne(delivery, at)),
  }
}
