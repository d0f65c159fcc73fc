// Records in memory, with the rules of the database. Its time is a clock of its own, and it can be away.

import {
  type ClaimedRecord,
  type EnqueueRequest,
  type GiveBack,
  type Held,
  type Position,
  type RecordStore,
  StoreFailure,
} from '../../supervisor/core/record-store.ts'

export interface StoredRecord {
  readonly id: string
  readonly queue: string
  readonly key: string | null
  readonly payload: string
  readonly priority: number
  status: 'pending' | 'running' | 'completed' | 'failed'
  attempts: number
  maxAttempts: number
  epoch: number
  session: string | undefined
  claim: number | undefined
  expiresAtMs: number
  suspect: boolean
  reason: string | undefined
}

export interface MemoryRecordStore extends RecordStore {
  readonly records: StoredRecord[]
  readonly sessions: Map<string, { leaseExpiresAtMs: number }>
  /** Each call, in order: `claim 5`. */
  readonly calls: string[]
  waiting: number
  /** Every call fails with this until it is undefined again. */
  failure: StoreFailure | undefined
  /** Called before each claim. */
  beforeClaim: () => Promise<void>
  /** Called after each; what it throws is the answer. */
  afterClaim: () => void
  add(queue: string, count: number, fields?: Partial<StoredRecord>): void
}

export const away = new StoreFailure('unavailable', 'the database is away', false)

export function createMemoryRecordStore(nowMs: () => number): MemoryRecordStore {
  const records: StoredRecord[] = []
  const sessions = new Map<string, { leaseExpiresAtMs: number }>()
  const calls: string[] = []
  const enqueued = new Map<string, { hash: string; ids: string[] }>()
  let lastId = 0

  function begin(call: string): void {
    calls.push(call)
    if (store.failure) throw store.failure
  }
  const live = ({ id, epoch }: Held) =>
    records.find((record) => record.id === id && record.epoch === epoch && isLive(record))
  const isLive = ({ status }: StoredRecord) => status === 'pending' || status === 'running'

  function takeBack(record: StoredRecord, { begun, suspect, reason }: GiveBack): boolean {
    const failed = begun && record.attempts >= record.maxAttempts
    if (!begun) record.attempts--
    record.status = failed ? 'failed' : 'pending'
    record.session = undefined
    record.epoch++
    if (begun) record.suspect = suspect
    if (begun) record.reason = reason
    return failed
  }

  const store: MemoryRecordStore = {
    ...{ records, sessions, calls, waiting: 0, failure: undefined },
    beforeClaim: () => Promise.resolve(),
    afterClaim: () => {},
    add(queue, count, fields = {}) {
      for (let each = 0; each < count; each++) {
        const id = String(++lastId)
        records.push({
          ...{ id, queue, key: null, payload: `{"n":${id}}`, priority: 0, status: 'pending', attempts: 0 },
          ...{
            maxAttempts: 5,
            epoch: 0,
            session: undefined,
            claim: undefined,
            expiresAtMs: 0,
            suspect: false,
            reason: undefined,
          },
          ...fields,
        })
      }
    },
    async exists() {
      return store.failure?.reason !== 'schema_missing'
    },
    async openSession(_instance, leaseMs) {
      begin('openSession')
      const id = `session-${sessions.size + calls.length}`
      sessions.set(id, { leaseExpiresAtMs: nowMs() + leaseMs })
      return id
    },
    async renewSession(id, leaseMs) {
      begin('renewSession')
      const session = sessions.get(id)
      if (session) session.leaseExpiresAtMs = nowMs() + leaseMs
      return session !== undefined
    },
    async endSession(id) {
      begin('endSession')
      sessions.delete(id)
    },
    async claim({ session, number, queue, limit, timeoutMs, maxAttempts, from }) {
      await store.beforeClaim()
      begin(`claim ${limit}`)
      const lease = sessions.get(session)
      if (!lease) throw new StoreFailure('session_lost', 'taken for dead', false)
      const waiting = records
        .filter((record) => record.queue === queue && record.status === 'pending')
        .filter((record) => !from || byPosition(positionOf(record), from) >= 0)
        .sort((a, b) => byPosition(positionOf(a), positionOf(b)))
      const suspectAt = waiting.findIndex(({ suspect }) => suspect)
      const most = suspectAt === 0 ? 1 : suspectAt === -1 ? limit : Math.min(limit, suspectAt)
      const claimed = waiting.slice(0, most).map((record): ClaimedRecord => {
        const expiresAtMs = nowMs() + timeoutMs
        Object.assign(record, { status: 'running', session, claim: number, expiresAtMs, maxAttempts })
        record.epoch++
        record.attempts++
        const { id, key, payload, epoch, suspect } = record
        const leaseExpiresAt = new Date(lease.leaseExpiresAtMs).toISOString()
        return {
          id,
          key,
          payload,
          epoch,
          suspect,
          attempt: record.attempts,
          position: positionOf(record),
          leaseExpiresAt,
        }
      })
      store.afterClaim()
      return claimed
    },
    async giveBackClaims(own, numbers) {
      begin(`giveBackClaims ${numbers.join()}`)
      const taken = records.filter(
        ({ status, session, claim = 0 }) =>
          status === 'running' && session === own && numbers.includes(claim),
      )
      for (const record of taken) takeBack(record, { begun: false, suspect: false, reason: '' })
      return { records: taken.length, left: 0 }
    },
    async complete(held) {
      begin(`complete ${held.length}`)
      return held.map((one) => {
        const record = records.find(({ id, epoch }) => id === one.id && epoch === one.epoch)
        if (!record || record.status === 'failed') return false
        record.status = 'completed'
        return true
      })
    },
    async giveBack(held, how) {
      begin(`giveBack ${held.length}${how.begun ? ' begun' : ''}${how.suspect ? ' suspect' : ''}`)
      for (const one of held) {
        const record = live(one)
        if (record) takeBack(record, how)
      }
    },
    async recover(own) {
      begin('recover')
      for (const [id, { leaseExpiresAtMs }] of sessions) {
        if (id !== own && leaseExpiresAtMs < nowMs()) sessions.delete(id)
      }
      const running = records.filter(({ status }) => status === 'running')
      const late = running.filter(({ session, expiresAtMs }) => session === own && expiresAtMs < nowMs())
      const orphans = running.filter(({ session }) => session !== undefined && !sessions.has(session))
      const how = { begun: true, suspect: true, reason: 'lost' }
      const failed = [...late, ...orphans].filter((record) => takeBack(record, how)).length
      return { late: late.map(({ id }) => id), orphans: orphans.length, failed, more: false }
    },
    async enqueue(request: EnqueueRequest) {
      begin(`enqueue ${request.records.length}`)
      const known = enqueued.get(request.id)
      if (known) return known.hash === request.contentHash ? { ids: known.ids, duplicates: 0 } : 'conflict'
      const ids = request.records.map(({ payload, key, priority }) => {
        store.add(request.queue, 1, { payload, key, priority })
        return String(lastId)
      })
      enqueued.set(request.id, { hash: request.contentHash, ids })
      return { ids, duplicates: 0 }
    },
    async count() {
      begin('count')
      const queues = [...new Set(records.map(({ queue }) => queue))]
      return queues.map((queue) => {
        const count = (wanted: string) =>
          records.filter((record) => record.queue === queue && record.status === wanted).length
        return {
          queue,
          pending: count('pending'),
          scheduled: 0,
          running: count('running'),
          failed: count('failed'),
        }
      })
    },
    async keepHistory() {
      begin('keepHistory')
    },
  }
  return store
}

function positionOf({ priority, id }: StoredRecord): Position {
  return { priority, runAt: '2030-01-01 00:00:00+00', id }
}

function byPosition(a: Position, b: Position): number {
  return a.priority - b.priority || Number(a.id) - Number(b.id)
}
