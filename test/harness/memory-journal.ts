// The journal's contract, kept in memory: what `store.ts` promises, without a disk. Every call answers in a later turn,
// in the order of the calls, as one that speaks to a worker does.

import type {
  Appended,
  Change,
  Entry,
  Journal,
  JournalFigures,
  Known,
  LookedUp,
  NewEntry,
  Reason,
  ShownEntry,
  TargetFigures,
} from '../../supervisor/queue/journal.ts'

interface Row extends Entry {
  readonly state: 'queued' | 'held' | 'dead'
  readonly reason: Reason | undefined
  readonly changedAtWallMs: number
}

export interface MemoryJournalOptions {
  wallMs(): number
  readonly maxOperations?: number
  readonly maxBytes?: number
  readonly doneMax?: number
}

/** What lies on the disk, and outlives a process. */
export interface MemoryDisk {
  rows: Row[]
  readonly done: Map<string, Known>
  seq: number
}

export interface MemoryJournal extends Journal {
  readonly disk: MemoryDisk
  readonly closed: boolean
  /** Calls so far, by name. */
  readonly calls: Readonly<Record<string, number>>
  /** The next calls of that name reject, or are done and then reject (`after`). */
  fail(name: 'append' | 'lookUp' | 'take' | 'settle', times?: number, when?: 'before' | 'after'): void
  diskFull: boolean
  /** The process dies: no call is answered any more, and none has an effect. */
  kill(): void
}

export function emptyDisk(): MemoryDisk {
  return { rows: [], done: new Map(), seq: 0 }
}

/** Opens the disk as a new process does: what was queued may have been sent, delays are forgotten. */
export function createMemoryJournal(options: MemoryJournalOptions, disk = emptyDisk()): MemoryJournal {
  const { wallMs, maxOperations = 1_000_000, maxBytes = 2 ** 30, doneMax = 100_000 } = options
  disk.rows = disk.rows.map((row) => ({ ...row, maybeApplied: true }))
  /** Lanes that wait, each with the entry it waits for. */
  const notBefore = new Map<string, { readonly seq: number; readonly ms: number }>()
  const calls: Record<string, number> = {}
  const failures: { name: string; when: 'before' | 'after' }[] = []
  let order: Promise<unknown> = Promise.resolve()
  let closed = false
  let killed = false
  const never = new Promise<never>(() => {})

  const laneOf = ({ operation: { target, key } }: Pick<Entry, 'operation'>) => JSON.stringify([target, key])
  const waiting = () => disk.rows.filter(({ state }) => state !== 'dead')
  const bytesOf = ({ operation }: Pick<Entry, 'operation'>) => JSON.stringify(operation).length

  function call<T>(name: string, work: () => T): Promise<T> {
    calls[name] = (calls[name] ?? 0) + 1
    const failure = failures.findIndex((each) => each.name === name)
    const fails = failure < 0 ? undefined : failures.splice(failure, 1)[0]?.when
    const answer = order.then(() => {
      if (killed) return never
      if (closed && name !== 'close') throw new Error('the journal is closed')
      if (fails === 'before') throw new Error(`EIO: ${name}`)
      const result = work()
      if (fails === 'after') throw new Error(`EIO: ${name}`)
      return result
    })
    order = answer.catch(() => undefined)
    return answer
  }

  function knownOf(id: string): Known | undefined {
    const row = disk.rows.find(({ operation }) => operation.id === id)
    return row ? { state: row.state, contentHash: row.contentHash } : disk.done.get(id)
  }

  function append({ operation, contentHash, maybeApplied }: NewEntry): Appended {
    const known = knownOf(operation.id)
    if (known) return { state: 'known', known }
    const held = disk.rows
    if (bytesOf({ operation }) > maxBytes)
      return { state: 'too_large', bytes: bytesOf({ operation }), maxBytes }
    if (journal.diskFull) return { state: 'full', bound: 'disk' }
    if (held.length >= maxOperations) return { state: 'full', bound: 'operations' }
    const bytes = held.reduce((sum, row) => sum + bytesOf(row), 0)
    if (bytes + bytesOf({ operation }) > maxBytes) return { state: 'full', bound: 'bytes' }
    const seq = ++disk.seq
    const nowMs = wallMs()
    const times = { acceptedAtWallMs: nowMs, changedAtWallMs: nowMs }
    disk.rows.push({
      ...{ seq, operation, contentHash, revision: 1, attempts: 0, maybeApplied, ...times },
      ...{ state: 'queued', reason: undefined },
    })
    return { state: 'stored', seq }
  }

  function update(seq: number, change: Partial<Row>): void {
    disk.rows = disk.rows.map((row) => {
      return row.seq === seq ? { ...row, ...change, changedAtWallMs: wallMs() } : row
    })
  }

  /** A lane does not wait for an entry that has left it. */
  function leave(row: Row): void {
    if (notBefore.get(laneOf(row))?.seq === row.seq) notBefore.delete(laneOf(row))
  }

  function settle(change: Change): void {
    const row = disk.rows.find(({ seq }) => seq === change.seq)
    if (!row) return
    const { seq } = row
    if (change.to === 'done') {
      const { contentHash, operation } = row
      disk.rows = disk.rows.filter((each) => each !== row)
      const result = change.result === undefined ? {} : { result: change.result }
      disk.done.set(operation.id, { state: 'done', contentHash, ...result })
      for (const id of [...disk.done.keys()].slice(0, disk.done.size - doneMax)) disk.done.delete(id)
      leave(row)
    } else if (change.to === 'dead') {
      update(seq, { state: 'dead', reason: change.reason })
      leave(row)
    } else if (change.to === 'maybe_applied') {
      update(seq, { maybeApplied: true })
    } else {
      const { reason } = change
      const held = change.to === 'held'
      const attempts = held ? row.attempts : (change.attempts ?? row.attempts)
      update(seq, { state: held ? 'held' : 'queued', reason, attempts })
      notBefore.set(laneOf(row), { seq, ms: change.notBeforeMs })
    }
  }

  function figuresOf(target: string): TargetFigures {
    const rows = disk.rows.filter(({ operation }) => operation.target === target)
    const count = (state: Row['state']) => rows.filter((row) => row.state === state).length
    const ages = rows.filter(({ state }) => state !== 'dead').map(({ acceptedAtWallMs }) => acceptedAtWallMs)
    return {
      ...{ queued: count('queued'), held: count('held'), dead: count('dead') },
      oldestAcceptedAtWallMs: ages.length > 0 ? Math.min(...ages) : undefined,
    }
  }

  const journal: MemoryJournal = {
    disk,
    calls,
    diskFull: false,
    get closed() {
      return closed
    },
    kill() {
      killed = true
    },
    fail(name, times = 1, when = 'before') {
      for (let n = 0; n < times; n++) failures.push({ name, when })
    },
    get figures(): JournalFigures {
      const rows = waiting()
      const targets = new Set(disk.rows.map(({ operation }) => operation.target))
      return {
        operations: rows.length,
        bytes: rows.reduce((sum, row) => sum + bytesOf(row), 0),
        deadBytes: 0,
        byTarget: new Map([...targets].map((target) => [target, figuresOf(target)])),
        diskFull: journal.diskFull,
        failing: undefined,
        corruptEntries: 0,
        quarantinedFiles: [],
      }
    },
    append: (entries) => call('append', () => entries.map(append)),
    lookUp: (requests) =>
      call('lookUp', () =>
        requests.map(({ id, target, key }): LookedUp => {
          const lane = JSON.stringify([target, key])
          return { known: knownOf(id), laneQueued: waiting().some((row) => laneOf(row) === lane) }
        }),
      ),
    take: (target, { limit, bytes, nowMs, except }) =>
      call('take', () => {
        const taken: Entry[] = []
        let left = bytes
        for (const row of waiting()) {
          const { operation } = row
          if (operation.target !== target || except.includes(operation.key)) continue
          if ((notBefore.get(laneOf(row))?.ms ?? 0) > nowMs) continue
          left -= bytesOf(row)
          if (taken.length >= limit || (left < 0 && taken.length > 0)) break
          taken.push(row)
        }
        return taken
      }),
    overdue: ({ nowWallMs, acceptedBeforeWallMs, limit }) =>
      call('overdue', () =>
        waiting()
          .filter(({ operation: { expiresAtMs }, acceptedAtWallMs }) => {
            const expired = expiresAtMs !== undefined && expiresAtMs <= nowWallMs
            return expired || acceptedAtWallMs <= acceptedBeforeWallMs
          })
          .slice(0, limit),
      ),
    nextDueMs: (target) =>
      call('nextDueMs', () => {
        const lanes = new Set(
          waiting()
            .filter(({ operation }) => operation.target === target)
            .map(laneOf),
        )
        const due = [...notBefore].filter(([lane]) => lanes.has(lane)).map(([, { ms }]) => ms)
        return due.length > 0 ? Math.min(...due) : undefined
      }),
    settle: (changes) => call('settle', () => changes.forEach(settle)),
    list: ({ state, target, afterSeq, limit }) =>
      call('list', () =>
        disk.rows
          .filter((row) => row.state === state && row.seq > afterSeq)
          .filter(({ operation }) => target === undefined || operation.target === target)
          .slice(0, limit),
      ),
    show: (id) =>
      call('show', (): ShownEntry | undefined => disk.rows.find(({ operation }) => operation.id === id)),
    retry: (id) =>
      call('retry', () => {
        const row = disk.rows.find(({ operation }) => operation.id === id)
        if (!row) return 'unknown'
        if (row.state === 'dead') {
          disk.rows = disk.rows.filter((each) => each !== row)
          const seq = ++disk.seq
          // Accepted anew; what was in doubt stays so.
          const renewed = { seq, revision: row.revision + 1, attempts: 0, acceptedAtWallMs: wallMs() }
          disk.rows.push({
            ...row,
            ...renewed,
            state: 'queued',
            reason: undefined,
            changedAtWallMs: wallMs(),
          })
          return 'retried'
        }
        if (!notBefore.delete(laneOf(row))) return 'not_waiting'
        update(row.seq, { state: 'queued' })
        return 'retried'
      }),
    discard: (id) =>
      call('discard', () => {
        const row = disk.rows.find(({ operation }) => operation.id === id)
        if (!row) return 'unknown'
        disk.rows = disk.rows.filter((each) => each !== row)
        leave(row)
        return 'discarded'
      }),
    close: () =>
      call('close', () => {
        closed = true
      }),
  }
  return journal
}
