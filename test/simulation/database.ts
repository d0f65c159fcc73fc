// A PostgreSQL with an inbox, as far as the queue can tell: transactions that take time and hold locks on the ids they
// touch, deadlocks, statements that fail for good, permissions that can be granted. What it holds survives everything.
// Effects go to a list without any unique key, so that a second one shows.

import type { Json } from '../../supervisor/core/json.ts'
import type { ContentHash, Operation } from '../../supervisor/core/operation.ts'
import type { Delivery, Outcome } from '../../supervisor/core/target.ts'
import type { Random } from './random.ts'
import type { Scheduler } from './scheduler.ts'

/** Statements this database knows; their one parameter is the content that the effect leaves. */
export const statements = {
  write: 'insert into effects values ($1)',
  /** Refused until an operator has mended what is wrong, which `mended` stands for. */
  poison: 'insert into effects values ($1 / 0)',
  /** Needs a permission. */
  guarded: 'insert into guarded values ($1)',
  /** Deadlocks with others, whatever the order. */
  contended: 'update contended set value = $1',
  /** Fails each time for a reason nobody knows. */
  cursed: 'select cursed($1)',
} as const

export interface Effect {
  readonly id: string
  readonly content: string
  readonly atMs: number
}

/** What a broken target would do; every one of them must be caught. */
export type DatabaseDefect =
  | 'no_inbox'
  | 'inbox_in_another_transaction'
  | 'duplicates_in_one_batch'
  | 'no_hash_check'
  | 'revision_ignored'
  | 'no_tombstone'
  | 'lane_goes_on_after_failure'

interface InboxRow {
  readonly state: 'applied' | 'cancelled'
  readonly contentHash: ContentHash
  readonly revision: number
  readonly result: Json
}

interface Transaction {
  readonly rows: Map<string, InboxRow>
  readonly effects: { readonly id: string; readonly content: string }[]
  readonly locks: Set<string>
  waitsFor: Transaction | undefined
  aborted: boolean
}

interface Lock {
  readonly holder: Transaction
  readonly waiting: (() => void)[]
}

export interface Database {
  readonly effects: readonly Effect[]
  /** Grows by one with each effect, in the effect's transaction. */
  readonly counter: number
  granted: boolean
  /** Records that have a newer owner: their completions under an epoch before are void. */
  takeOver(chance: number): void
  isVoid(id: string, epoch: number): boolean
  /** The highest revision of an operation that was ever asked for; 0 for none. */
  newestRevision(id: string): number
  /** Poison is none any more. */
  mended: boolean
  /** Runs the batch in one transaction. Undefined when it did not commit. */
  apply(batch: readonly Delivery[], fate: Fate): Promise<readonly Outcome[] | undefined>
  cancel(batch: readonly Delivery[], fate: Fate): Promise<readonly ('applied' | 'cancelled')[] | undefined>
  /** Every open transaction is rolled back. */
  restart(): void
}

export interface Fate {
  /** The session ends right before the COMMIT. */
  readonly dropBeforeCommit: boolean
  /** How likely a contended statement deadlocks. */
  readonly deadlocks: number
}

export interface DatabaseParts {
  readonly scheduler: Scheduler
  readonly random: Random
  readonly bite: (fault: string) => void
  readonly defect?: DatabaseDefect | undefined
}

export function createDatabase({ scheduler, random, bite, defect }: DatabaseParts): Database {
  const inbox = new Map<string, InboxRow>()
  const effects: Effect[] = []
  const locks = new Map<string, Lock>()
  const open = new Set<Transaction>()
  /** Of the records that somebody has tried to complete. */
  const epochs = new Map<string, number>()
  /** How likely a record that nobody has tried to complete has a newer owner. */
  let takenOver = 0
  let counter = 0

  function begin(): Transaction {
    const transaction: Transaction = {
      rows: new Map(),
      effects: [],
      locks: new Set(),
      waitsFor: undefined,
      aborted: false,
    }
    open.add(transaction)
    return transaction
  }

  function end(transaction: Transaction): void {
    open.delete(transaction)
    for (const id of transaction.locks) release(id)
    transaction.locks.clear()
  }

  function abort(transaction: Transaction): void {
    transaction.aborted = true
    end(transaction)
  }

  function commit(transaction: Transaction): void {
    for (const [id, row] of transaction.rows) inbox.set(id, row)
    for (const effect of transaction.effects) effects.push({ ...effect, atMs: scheduler.nowMs })
    counter += transaction.effects.length
    end(transaction)
  }

  /** The row lock of an inbox id: held to the end of the transaction. False: waiting for it would be a deadlock. */
  async function lock(transaction: Transaction, id: string): Promise<boolean> {
    for (let held = locks.get(id); held !== undefined; held = locks.get(id)) {
      if (held.holder === transaction) return true
      if (waitsInCircle(held.holder, transaction)) {
        bite('deadlock')
        return false
      }
      bite('lock_wait')
      transaction.waitsFor = held.holder
      await new Promise<void>((resolve) => held.waiting.push(resolve))
      transaction.waitsFor = undefined
      if (transaction.aborted) return false
    }
    locks.set(id, { holder: transaction, waiting: [] })
    transaction.locks.add(id)
    return true
  }

  function release(id: string): void {
    const held = locks.get(id)
    locks.delete(id)
    for (const resume of held?.waiting ?? []) resume()
  }

  const revisions = new Map<string, number>()

  async function applyOne(transaction: Transaction, delivery: Delivery, fate: Fate): Promise<Outcome> {
    const { operation, contentHash, revision } = delivery
    revisions.set(operation.id, Math.max(revision, revisions.get(operation.id) ?? 0))
    if (defect !== 'no_inbox' && !(await lock(transaction, operation.id))) return deadlock
    const row = transaction.rows.get(operation.id) ?? inbox.get(operation.id)
    if (row !== undefined && defect !== 'no_inbox') {
      if (row.contentHash !== contentHash && defect !== 'no_hash_check') return { state: 'conflict' }
      const unseen = defect === 'duplicates_in_one_batch' && transaction.rows.has(operation.id)
      if (row.state === 'applied' && !unseen) return { state: 'applied', result: row.result, earlier: true }
      if (row.state === 'cancelled' && row.revision >= revision && defect !== 'revision_ignored') {
        return { state: 'cancelled' }
      }
    }
    const outcome = execute(operation, fate)
    if (outcome.state !== 'applied') {
      // A revision above 1 leaves its predecessors cancelled.
      const revisionBefore = revision - 1
      const cancelled: InboxRow = { state: 'cancelled', contentHash, revision: revisionBefore, result: null }
      if (revisionBefore > 0 && (row?.revision ?? 0) < revisionBefore)
        transaction.rows.set(operation.id, cancelled)
      return outcome
    }
    const result = outcome.result ?? null
    transaction.effects.push({ id: operation.id, content: contentOf(operation) })
    const written: InboxRow = { state: 'applied', contentHash, revision, result }
    if (defect === 'inbox_in_another_transaction') inbox.set(operation.id, written)
    else transaction.rows.set(operation.id, written)
    return outcome
  }

  function execute(operation: Operation, fate: Fate): Outcome {
    const record = operation.work.kind === 'sql' ? operation.work.record : undefined
    if (record !== undefined && !epochs.has(record.recordId)) {
      epochs.set(record.recordId, record.epoch + (random.chance(takenOver) ? 1 : 0))
    }
    if (record !== undefined && database.isVoid(record.recordId, record.epoch)) {
      bite('fenced')
      return { state: 'fenced' }
    }
    const sql = operation.work.kind === 'sql' ? operation.work.statements[0]?.sql : undefined
    if (sql === statements.poison && !database.mended) {
      bite('poison')
      return { state: 'refused', code: '22012', message: 'division by zero' }
    }
    if (sql === statements.guarded && !database.granted) {
      bite('forbidden')
      return { state: 'forbidden', code: '42501', message: 'permission denied for table guarded' }
    }
    if (sql === statements.cursed) {
      bite('cursed')
      return { state: 'failed', code: 'XX000', message: 'unexpected failure' }
    }
    if (sql === statements.contended && random.chance(fate.deadlocks)) {
      bite('deadlock')
      return deadlock
    }
    return { state: 'applied', result: contentOf(operation) }
  }

  async function applyAll(transaction: Transaction, batch: readonly Delivery[], fate: Fate) {
    const outcomes: Outcome[] = []
    const stopped = new Set<string>()
    for (const delivery of batch) {
      const lane = delivery.operation.key
      if (stopped.has(lane) && defect !== 'lane_goes_on_after_failure') {
        outcomes.push({ state: 'skipped' })
        continue
      }
      if (random.chance(0.2)) await scheduler.pause(random.between(0, 20))
      if (transaction.aborted) return outcomes
      const outcome = await applyOne(transaction, delivery, fate)
      if (outcome.state === 'failed' || outcome.state === 'forbidden') stopped.add(lane)
      outcomes.push(outcome)
    }
    return outcomes
  }

  async function cancelAll(transaction: Transaction, batch: readonly Delivery[]) {
    const outcomes: ('applied' | 'cancelled')[] = []
    for (const { operation, contentHash, revision } of batch) {
      while (!(await lock(transaction, operation.id))) {
        if (transaction.aborted) return outcomes
        await scheduler.pause(1)
      }
      const row = transaction.rows.get(operation.id) ?? inbox.get(operation.id)
      const applied = row?.state === 'applied' && row.contentHash === contentHash
      outcomes.push(applied ? 'applied' : 'cancelled')
      if (row?.state === 'applied' || (row && row.contentHash !== contentHash) || defect === 'no_tombstone')
        continue
      const upTo = Math.max(revision, row?.revision ?? 0)
      transaction.rows.set(operation.id, { state: 'cancelled', contentHash, revision: upTo, result: null })
    }
    return outcomes
  }

  async function inTransaction<T>(fate: Fate, work: (transaction: Transaction) => Promise<T>) {
    const transaction = begin()
    const outcomes = await work(transaction)
    if (random.chance(0.1)) await scheduler.pause(random.between(0, 200))
    if (transaction.aborted) return undefined
    if (fate.dropBeforeCommit) {
      abort(transaction)
      return undefined
    }
    commit(transaction)
    return outcomes
  }

  const database: Database = {
    effects,
    get counter() {
      return counter
    },
    granted: true,
    mended: false,
    takeOver(chance) {
      takenOver = chance
      for (const [id, epoch] of epochs) if (random.chance(chance)) epochs.set(id, epoch + 1)
    },
    newestRevision: (id) => revisions.get(id) ?? 0,
    isVoid: (id, epoch) => (epochs.get(id) ?? epoch) > epoch,
    apply: (batch, fate) => inTransaction(fate, (transaction) => applyAll(transaction, batch, fate)),
    cancel: (batch, fate) => inTransaction(fate, (transaction) => cancelAll(transaction, batch)),
    restart() {
      for (const transaction of [...open]) abort(transaction)
    },
  }
  return database
}

const deadlock: Outcome = { state: 'failed', code: '40P01', message: 'deadlock detected' }

function waitsInCircle(holder: Transaction, self: Transaction): boolean {
  for (let next: Transaction | undefined = holder; next !== undefined; next = next.waitsFor) {
    if (next === self) return true
  }
  return false
}

export function contentOf({ work }: Operation): string {
  return work.kind === 'sql' ? String(work.statements[0]?.params[0]) : String(work.body)
}
