// The operation queue with what it stands on: a slot of the state directory, the journal in it, and a target for each
// database and service of the settings. Made here, beside `main.ts`, because the running supervisor and
// `flowkeep queue` without one need the same.

import { randomUUIDv7 } from 'node:crypto'
import type { Settings } from './config/settings.ts'
import type { Clock } from './core/clock.ts'
import { messageOf } from './core/errors.ts'
import { limits } from './core/limits.ts'
import type { Logger } from './core/logger.ts'
import type { Target } from './core/target.ts'
import { connectionOf } from './postgres/connection.ts'
import type { DatabasePool } from './postgres/pool.ts'
import { problemOf } from './postgres/sql-text.ts'
import { ensureStateDirectory } from './process/state-directory.ts'
import { createHttpTarget } from './queue/http-target.ts'
import { AbandonedJournals } from './queue/journal/abandoned.ts'
import { openJournal } from './queue/journal/open-journal.ts'
import { abandonedSlots, claimSlot, type Slot } from './queue/journal/slots.ts'
import type { Journal } from './queue/journal.ts'
import { createQueue, type LocalQueue, type QueueBounds } from './queue/queue.ts'
import type { Counted } from './queue/report.ts'
import { createWills, holdsWills, type KeptWills } from './queue/wills.ts'

export interface QueueHost {
  readonly clock: Clock
  readonly random: () => number
  readonly logger: Logger
  readonly settings: Settings
  /** Locks an open file until it is closed; false while another holds it. */
  readonly tryLock: (fd: number) => boolean
  readonly counted: Counted
  /** What else a slot may hold that others take on when its owner is gone. */
  readonly others: Adopter
  /** Whether anybody accepts connections at a database or service. Never rejects. */
  readonly knock: (target: string, signal: AbortSignal) => Promise<boolean>
}

export interface Adopter {
  holds(slotDirectory: string): boolean
  /** Never rejects. */
  adopt(slotDirectory: string): Promise<void>
}

export interface Targets {
  readonly targets: readonly Target[]
  /** Of the databases, by name. Closed with their target. */
  readonly pools: ReadonlyMap<string, DatabasePool>
}

export interface OpenedQueue {
  /** Of the slot: what is kept there goes with it. */
  readonly directory: string
  readonly queue: LocalQueue
  readonly wills: KeptWills
  /** Of the settings that hold now. */
  readonly pools: ReadonlyMap<string, DatabasePool>
  reconfigure(settings: Settings): Promise<void>
  /** Takes on what supervisors that are gone have left. Never rejects. */
  adopt(): Promise<void>
}

/** @throws FlowkeepError `state_directory_unavailable` */
export async function openLocalQueue(host: QueueHost): Promise<OpenedQueue> {
  const { clock, random, logger, settings, tryLock, counted, knock } = host
  const root = settings.state.directory
  ensureStateDirectory(root)
  const bounds = boundsOf(settings)
  const slots = { root, tryLock }
  const slot = claimSlot(slots)
  let opened = await createTargets(settings, clock)
  const abandoned = new AbandonedJournals({ slots, logger, open: (left) => openSlot(left, bounds) })
  const queue = createQueue({
    ...{ clock, random, logger, counted, knock, bounds, targets: opened.targets },
    journal: await openSlot(slot, bounds),
    problemOf,
    newId: () => randomUUIDv7(),
    adopt: (atMost) => abandoned.open(atMost),
    othersWait: () => abandoned.hasFresh,
  })
  const wills = createWills({
    directory: slot.directory,
    logger,
    problemOf: (operation) => queue.problemOf(operation),
    submit: (operation) => queue.submitWill(operation),
  })
  return {
    directory: slot.directory,
    queue,
    wills,
    async adopt() {
      await queue.adopt()
      try {
        for (const left of abandonedSlots(slots, limits.queueAdoptedSlots, holdsWills))
          await wills.carryOutIn(left.directory).finally(() => left.release())
        const { others } = host
        for (const left of abandonedSlots(slots, limits.queueAdoptedSlots, (slot) => others.holds(slot)))
          await others.adopt(left.directory).finally(() => left.release())
      } catch (error) {
        const message = `cannot look for wills and alerts of supervisors that are gone: ${messageOf(error)}`
        logger.error({ event: 'queue.adoption_failed' }, message)
      }
    },
    get pools() {
      return opened.pools
    },
    async reconfigure(next) {
      opened = await createTargets(next, clock, opened)
      await queue.reconfigure(opened.targets, boundsOf(next))
    },
  }
}

export function boundsOf({ queue: { maxOperations, maxBytes, maxAgeMs } }: Settings): QueueBounds {
  return { maxOperations, maxBytes, maxAgeMs }
}

/** The slot goes with the journal, and also where there is none to be had. */
export async function openSlot(slot: Slot, bounds: QueueBounds): Promise<Journal> {
  const { directory } = slot
  const { maxOperations, maxBytes } = bounds
  const journal = await openJournal({ directory, maxOperations, maxBytes }).catch((error) => {
    slot.release()
    throw error
  })
  const close = journal.close.bind(journal)
  journal.close = async () => {
    await close()
    slot.release()
  }
  return journal
}

/**
 * The driver is loaded only where a database is named.
 * @param before a database that keeps its name keeps its pool and its target: who waits there is not turned away, and
 * sessions with the old credentials end when they are given back
 */
export async function createTargets(settings: Settings, clock: Clock, before?: Targets): Promise<Targets> {
  const kept = new Map(before?.targets.map((target) => [target.name, target]))
  const pools = new Map<string, DatabasePool>()
  const targets: Target[] = []
  const databases = Object.entries(settings.databases)
  if (databases.length > 0) {
    const [{ createPool }, { PostgresTarget }] = await Promise.all([
      import('./postgres/pool.ts'),
      import('./postgres/target.ts'),
    ])
    for (const [name, { url, poolSize: size, connectTimeoutMs }] of databases) {
      const options = { target: () => connectionOf(name, url), size, connectTimeoutMs }
      const known = before?.pools.get(name)
      known?.renew(options)
      const pool = known ?? createPool({ ...options, clock })
      pools.set(name, pool)
      targets.push((known && kept.get(name)) ?? new PostgresTarget(name, pool))
    }
  }
  for (const [name, service] of Object.entries(settings.services)) {
    targets.push(createHttpTarget(name, service, clock))
  }
  return { targets, pools }
}
