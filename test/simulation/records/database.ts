// The tables of records, with the rules of `supervisor/postgres/sql/records/` in the same order, function for function.
// Each call here is what one statement does at the moment it is done; `nowMs` is the database's clock when its transaction
// began. Beside the rows it writes down what really happened, by which the checker judges: it never looks at that itself.

import { limits } from '../../../supervisor/core/limits.ts'
import type { RecordChange } from '../../../supervisor/core/operation.ts'
import {
  type ClaimedRecord,
  type ClaimRequest,
  type Enqueued,
  type EnqueueRequest,
  type GiveBack,
  type GivenBackClaims,
  type Held,
  type Position,
  type Recovered,
  StoreFailure,
} from '../../../supervisor/core/record-store.ts'

/** What broken rules would do; every one of them must be caught. */
export type RulesDefect =
  | 'no_fence'
  | 'no_fence_alone'
  | 'local_clock'
  | 'release_without_epoch'
  | 'fail_without_epoch'
  | 'epoch_stays'
  | 'takes_from_the_living'
  | 'lease_comes_back'
  | 'attempt_always_used'
  | 'attempts_without_end'
  | 'suspect_in_company'
  | 'completed_again'
  | 'completion_forgotten'
  | 'effect_before_fence'
  | 'late_is_left'
  | 'any_claim_given_back'
  | 'claimed_twice'
  | 'orphans_left'

export interface Row {
  readonly id: number
  readonly queue: string
  readonly key: string | null
  readonly payload: string
  readonly priority: number
  runAtMs: number
  status: 'scheduled' | 'pending' | 'running'
  attempts: number
  /** Of its last claim. */
  maxAttempts: number | undefined
  epoch: number
  session: string | undefined
  claim: number | undefined
  expiresAtMs: number
  suspect: boolean
}

export interface Ending {
  readonly id: string
  readonly outcome: 'completed' | 'failed'
  readonly epoch: number
  readonly attempts: number
  readonly atMs: number
}

type End = 'completed' | 'failed' | 'released' | 'given_back' | 'claim_given_back' | 'late' | 'orphan'

/** One owner of a record: from its claim to whatever ended that. */
export interface Grant {
  readonly id: string
  readonly epoch: number
  readonly session: string
  readonly attempt: number
  readonly maxAttempts: number
  readonly suspect: boolean
  /** How many were claimed with it. */
  readonly company: number
  end:
    | { readonly by: End; readonly begun: boolean; readonly atMs: number; readonly leaseUntilMs: number }
    | undefined
}

export interface Tables {
  readonly rows: ReadonlyMap<number, Row>
  /** Every record there ever was. */
  readonly added: readonly { readonly id: string; readonly payload: string }[]
  readonly endings: readonly Ending[]
  readonly grants: readonly Grant[]
  grantOf(held: Held): Grant | undefined
  /** What the lease of a session is by the database's clock alone; 0 when its owner has ended it. */
  leaseUntilMs(session: string): number
  isCurrent(held: Held): boolean
  add(queue: string, payload: string, priority: number): string
  openSession(instance: string, leaseMs: number, at: Moment): string
  renewSession(session: string, leaseMs: number, at: Moment): boolean
  endSession(session: string): void
  mustStand(session: string): number
  claim(request: ClaimRequest, lease: number, at: Moment): readonly ClaimedRecord[]
  complete(records: readonly Held[], at: Moment): readonly boolean[]
  giveBack(records: readonly Held[], how: GiveBack, at: Moment): void
  giveBackClaims(session: string, numbers: readonly number[], at: Moment): GivenBackClaims
  recover(session: string | undefined, atMost: number, at: Moment): Recovered
  enqueue(request: EnqueueRequest, at: Moment): Enqueued
  change(change: RecordChange, at: Moment): boolean
}

export interface Moment {
  /** Of the database, when the transaction began. */
  readonly nowMs: number
  /** Of the supervisor that asks. No rule may go by it. */
  readonly callersWallMs: number
}

export interface TablesParts {
  readonly defect?: RulesDefect | undefined
  /** Of two that are due at the same time, and how much of a pause is left to chance. */
  readonly random: { next(): number; chance(probability: number): boolean }
  /** How likely a row is in somebody else's hands, so that `skip locked` passes over it. */
  readonly locked: number
}

interface TakeBack {
  readonly begun: boolean
  readonly suspect: boolean
  readonly later: boolean
  readonly forGood: boolean
  readonly by: End
}

export function createTables({ defect, random, locked }: TablesParts): Tables {
  const rows = new Map<number, Row>()
  const added: { readonly id: string; readonly payload: string }[] = []
  const endings: Ending[] = []
  const grants: Grant[] = []
  const granted = new Map<string, Grant>()
  const sessions = new Map<string, { leaseExpiresAtMs: number }>()
  const leases = new Map<string, number>()
  const requests = new Map<string, { readonly hash: string; readonly answer: Exclude<Enqueued, string> }>()
  let lastId = 0
  let lastSession = 0

  const clockOf = ({ nowMs, callersWallMs }: Moment) => (defect === 'local_clock' ? callersWallMs : nowMs)
  const free = () => !random.chance(locked)
  const rowOf = ({ id, epoch }: Held) => {
    const row = rows.get(Number(id))
    return row?.epoch === epoch ? row : undefined
  }
  const running = (session: string) =>
    [...rows.values()]
      .filter((row) => row.status === 'running' && row.session === session)
      .sort((a, b) => a.expiresAtMs - b.expiresAtMs)

  function ended({ id, epoch, session }: Row, by: End, begun: boolean, atMs: number): void {
    const grant = granted.get(`${id}:${epoch}`)
    if (grant && !grant.end) grant.end = { by, begun, atMs, leaseUntilMs: leases.get(session ?? '') ?? 0 }
  }

  function finish(row: Row, outcome: Ending['outcome'], atMs: number): void {
    rows.delete(row.id)
    endings.push({ id: String(row.id), outcome, epoch: row.epoch, attempts: row.attempts, atMs })
  }

  /** Undefined where nothing was done: it was begun, and never claimed. */
  function takeBack(
    row: Row,
    { begun, suspect, later, forGood, by }: TakeBack,
    { nowMs }: Moment,
  ): 'failed' | 'again' | undefined {
    if (begun && !forGood && row.maxAttempts === undefined) return undefined
    ended(row, by, begun, nowMs)
    const usedUp = row.attempts >= (row.maxAttempts ?? 0) && defect !== 'attempts_without_end'
    if (begun && (forGood || usedUp)) {
      finish(row, 'failed', nowMs)
      return 'failed'
    }
    if (later) {
      const pauseS = Math.min(3_600, 2 ** Math.min(row.attempts - 1, 12)) * (0.5 + random.next() / 2)
      row.runAtMs = nowMs + pauseS * 1_000
    }
    row.status = later ? 'scheduled' : 'pending'
    if (!begun && defect !== 'attempt_always_used') row.attempts = Math.max(row.attempts - 1, 0)
    if (defect !== 'epoch_stays') row.epoch++
    row.session = undefined
    row.claim = undefined
    if (begun) row.suspect = suspect
    return 'again'
  }

  function complete(row: Row, { nowMs }: Moment): void {
    ended(row, 'completed', true, nowMs)
    finish(row, 'completed', nowMs)
    if (defect === 'completed_again') rows.set(row.id, { ...row, status: 'pending', epoch: row.epoch + 1 })
  }

  const wasCompleted = ({ id, epoch }: Held) =>
    defect !== 'completion_forgotten' &&
    endings.some((each) => each.id === id && each.epoch === epoch && each.outcome === 'completed')

  const tables: Tables = {
    rows,
    added,
    endings,
    grants,
    grantOf: ({ id, epoch }) => granted.get(`${id}:${epoch}`),
    leaseUntilMs: (session) => leases.get(session) ?? 0,
    isCurrent: (held) => rowOf(held)?.status === 'running',

    add(queue, payload, priority) {
      const id = ++lastId
      added.push({ id: String(id), payload })
      rows.set(id, {
        ...{ id, queue, key: null, payload, priority, runAtMs: 0, status: 'pending', attempts: 0 },
        ...{
          maxAttempts: undefined,
          epoch: 0,
          session: undefined,
          claim: undefined,
          expiresAtMs: 0,
          suspect: false,
        },
      })
      return String(id)
    },

    openSession(_instance, leaseMs, at) {
      const id = `session-${++lastSession}`
      sessions.set(id, { leaseExpiresAtMs: clockOf(at) + leaseMs })
      leases.set(id, at.nowMs + leaseMs)
      return id
    },

    renewSession(id, leaseMs, at) {
      if (!sessions.has(id) && defect !== 'lease_comes_back') return false
      sessions.set(id, { leaseExpiresAtMs: clockOf(at) + leaseMs })
      leases.set(id, at.nowMs + leaseMs)
      return true
    },

    endSession(id) {
      sessions.delete(id)
      leases.set(id, 0)
    },

    mustStand(session) {
      const found = sessions.get(session)
      if (!found)
        throw new StoreFailure('session_lost', 'the session was taken for dead (SQLSTATE FK001)', false)
      return found.leaseExpiresAtMs
    },

    claim({ session, number, queue, limit, timeoutMs, maxAttempts, from }, lease, { nowMs }) {
      const ofQueue = [...rows.values()].filter((row) => row.queue === queue)
      const due = ofQueue.filter((row) => row.status === 'scheduled' && row.runAtMs <= nowMs && free())
      for (const row of due) row.status = 'pending'
      const low = due.length > 0 ? undefined : from
      const candidates = ofQueue
        .filter((row) => row.status === 'pending' || (defect === 'claimed_twice' && random.chance(0.1)))
        .filter((row) => !low || compare(positionOf(row), low) >= 0)
        .sort((a, b) => compare(positionOf(a), positionOf(b)))
        .filter(free)
        .slice(0, limit)
      const firstSuspect = candidates.findIndex(({ suspect }) => suspect)
      const most = firstSuspect === -1 || defect === 'suspect_in_company' ? limit : Math.max(1, firstSuspect)
      const chosen = candidates.slice(0, most)
      return chosen.map((row): ClaimedRecord => {
        const twice = defect === 'claimed_twice' && row.status === 'running'
        row.status = 'running'
        row.session = session
        row.claim = number
        if (!twice) row.epoch++
        row.attempts++
        row.maxAttempts = maxAttempts
        row.expiresAtMs = nowMs + timeoutMs
        const { key, payload, suspect, epoch, attempts } = row
        const id = String(row.id)
        const company = chosen.length
        const grant: Grant = {
          ...{ id, epoch, session, attempt: attempts, maxAttempts, suspect, company, end: undefined },
        }
        grants.push(grant)
        granted.set(`${id}:${epoch}`, grant)
        return {
          ...{ id, key, payload, suspect, epoch, attempt: attempts, position: positionOf(row) },
          leaseExpiresAt: new Date(lease).toISOString(),
        }
      })
    },

    complete(records, at) {
      const found = records.map((held) => {
        const row = defect === 'no_fence_alone' ? rows.get(Number(held.id)) : rowOf(held)
        if (row) complete(row, at)
        return row !== undefined
      })
      return records.map((held, index) => found[index] || wasCompleted(held))
    },

    giveBack(records, { begun, suspect }, at) {
      for (const held of records) {
        const row = rowOf(held)
        if (row) takeBack(row, { begun, suspect, later: false, forGood: false, by: 'given_back' }, at)
      }
    },

    giveBackClaims(session, numbers, at) {
      const found = running(session).filter(
        ({ claim = 0 }) => numbers.includes(claim) || defect === 'any_claim_given_back',
      )
      const taken = found.filter(free)
      for (const row of taken) takeBack(row, { ...unbegun, by: 'claim_given_back' }, at)
      return { records: taken.length, left: found.length - taken.length }
    },

    recover(own, atMost, at) {
      const nowMs = clockOf(at)
      const lost = { begun: true, suspect: true, later: false, forGood: false } as const
      const late = (own === undefined ? [] : running(own))
        .filter(({ expiresAtMs }) => expiresAtMs < nowMs && free() && defect !== 'late_is_left')
        .slice(0, atMost)
      let failed = late.filter((row) => takeBack(row, { ...lost, by: 'late' }, at) === 'failed').length
      for (const [id, { leaseExpiresAtMs }] of [...sessions].slice(0, limits.recordsBatch)) {
        const early = defect === 'takes_from_the_living' ? 5_000 : 0
        if (id !== own && leaseExpiresAtMs < nowMs + early && free()) sessions.delete(id)
      }
      const holders = new Set(
        [...rows.values()].flatMap(({ status, session }) => (status === 'running' && session) || []),
      )
      const gone = [...holders].filter((session) => !sessions.has(session))
      const perSession = gone
        .slice(0, defect === 'orphans_left' ? 0 : undefined)
        .map((session) => running(session).filter(free).slice(0, atMost))
      const orphans = perSession.flat()
      const owners = new Map(orphans.map((row) => [row, row.session]))
      failed += orphans.filter((row) => takeBack(row, { ...lost, by: 'orphan' }, at) === 'failed').length
      const more = [late, ...perSession].some(({ length }) => length >= atMost)
      // What it held itself is told by name, also where its own session is gone.
      const ofOwn = [...late, ...orphans.filter((row) => owners.get(row) === own)]
      const others = late.length + orphans.length - ofOwn.length
      return { late: ofOwn.map(({ id }) => String(id)), orphans: others, failed, more }
    },

    enqueue({ id, contentHash, queue, records }) {
      const known = requests.get(id)
      if (known) return known.hash === contentHash ? known.answer : 'conflict'
      const ids = records.map(({ payload, priority }) => tables.add(queue, payload, priority))
      const answer = { ids, duplicates: 0 }
      requests.set(id, { hash: contentHash, answer })
      return answer
    },

    change({ action, recordId: id, epoch, retry = true, alone = false }, at) {
      const held = { id, epoch }
      const ignoresEpoch = {
        complete: 'no_fence',
        release: 'release_without_epoch',
        fail: 'fail_without_epoch',
      } as const
      const row = defect === ignoresEpoch[action] ? rows.get(Number(id)) : rowOf(held)
      if (!row) return action === 'complete' && alone && wasCompleted(held)
      if (action === 'complete') {
        complete(row, at)
        return true
      }
      const failing = { begun: true, suspect: false, later: retry, forGood: !retry, by: 'failed' } as const
      const releasing = { ...unbegun, by: 'released' } as const
      return takeBack(row, action === 'release' ? releasing : failing, at) !== undefined
    },
  }
  return tables
}

const unbegun = { begun: false, suspect: false, later: false, forGood: false } as const

function positionOf({ priority, runAtMs, id }: Row): Position {
  return { priority, runAt: String(runAtMs), id: String(id) }
}

function compare(a: Position, b: Position): number {
  return a.priority - b.priority || Number(a.runAt) - Number(b.runAt) || Number(a.id) - Number(b.id)
}
