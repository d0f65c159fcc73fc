// A supervisor's way to the simulated server: its record store and the target of its operations, over a link that loses,
// delays and breaks off.

import type { Clock } from '../../../supervisor/core/clock.ts'
import { limits } from '../../../supervisor/core/limits.ts'
import { type ClaimedRecord, type RecordStore, StoreFailure } from '../../../supervisor/core/record-store.ts'
import type { Target } from '../../../supervisor/core/target.ts'
import { ask, type LinkParts } from '../link.ts'
import type { Random } from '../random.ts'
import type { Moment } from './database.ts'
import type { Server, Work } from './server.ts'

/** What a copied supervisor knew when it was copied. */
export interface Copied {
  session: string | undefined
  readonly records: (ClaimedRecord & { readonly queue: string })[]
}

export interface StoreParts extends LinkParts {
  readonly server: Server
  readonly clock: Clock
  /** How likely it seems busy at one look. */
  readonly busy: number
  readonly busyRandom: Random
  readonly copied: Copied | undefined
  /** The session it was given. */
  opened(session: string): void
}

const operationsMax = 8

export function createRecordLink(parts: StoreParts): RecordStore {
  const { server, clock, trace, pulse, copied } = parts
  const { tables } = server

  async function query<T, B = undefined>(name: string, work: Work<T, B>): Promise<T> {
    const patience = new AbortController()
    const timer = clock.startTimer(limits.recordsQueryMs, () => patience.abort())
    const answer = await ask(parts, patience.signal, async (fate) => {
      const done = await server.transaction(fate, clock.wallMs(), work)
      trace(`${pulse.name} ${name}: ${textOf(done)}`)
      return done
    })
    timer.cancel()
    if (!answer.reached) {
      trace(
        `${pulse.name} ${name} failed: ${answer.reason}${answer.outcomeUnknown ? ', outcome unknown' : ''}`,
      )
      throw new StoreFailure('unavailable', answer.message, answer.outcomeUnknown)
    }
    if ('failure' in answer.outcomes) throw answer.outcomes.failure
    return answer.outcomes.value
  }
  const simply = <T>(name: string, perform: (at: Moment) => T) => query(name, { perform })

  return {
    get waiting() {
      return parts.busyRandom.chance(parts.busy) ? 1 : 0
    },
    exists: async () => true,
    async openSession(instance, leaseMs) {
      const known = copied?.session
      if (copied && known !== undefined) {
        copied.session = undefined
        return known
      }
      const session = await simply(`open a session for ${leaseMs}`, (at) =>
        tables.openSession(instance, leaseMs, at),
      )
      parts.opened(session)
      return session
    },
    renewSession: (session, leaseMs) =>
      simply(`renew ${session}`, (at) => tables.renewSession(session, leaseMs, at)),
    endSession: (session) => simply(`end ${session}`, () => tables.endSession(session)),
    async claim(request) {
      const { session, number, queue, limit } = request
      const known = copied?.records.filter((record) => record.queue === queue).slice(0, limit) ?? []
      if (copied && known.length > 0) {
        for (const record of known) copied.records.splice(copied.records.indexOf(record), 1)
        return known
      }
      return await query(`claim ${number} of ${limit} for ${session}`, {
        begin: () => tables.mustStand(session),
        perform: (at, lease) => tables.claim(request, lease, at),
      })
    },
    complete: (records) => simply(`complete ${namesOf(records)}`, (at) => tables.complete(records, at)),
    giveBack: (records, how) =>
      simply(`give back ${namesOf(records)} ${how.begun ? 'begun' : 'unbegun'}`, (at) =>
        tables.giveBack(records, how, at),
      ),
    giveBackClaims: (session, numbers) =>
      simply(`give back claims ${numbers.join()} of ${session}`, (at) =>
        tables.giveBackClaims(session, numbers, at),
      ),
    recover: (session, atMost) =>
      simply(`recover for ${session}`, (at) => tables.recover(session, atMost, at)),
    enqueue: (request) => simply(`enqueue ${request.id}`, (at) => tables.enqueue(request, at)),
    count: () => Promise.resolve([]),
    keepHistory: () => Promise.resolve(),
  }
}

export function createOperationTarget(name: string, parts: StoreParts): Target {
  const { server, clock, trace, pulse } = parts
  return {
    name,
    kind: 'database',
    batchMax: operationsMax,
    async deliver(batch, signal) {
      const ids = batch.map(({ operation }) => operation.id).join(' ')
      const patience = new AbortController()
      const timer = clock.startTimer(limits.databaseQueryMs, () => patience.abort())
      const answer = await ask(parts, AbortSignal.any([signal, patience.signal]), async (fate) => {
        const done = await server.transaction(fate, clock.wallMs(), {
          perform: (at: Moment) => server.apply(batch, at),
        })
        trace(`${pulse.name} deliver ${ids}: ${textOf(done)}`)
        return done
      })
      timer.cancel()
      if (!answer.reached) {
        trace(`${pulse.name} deliver ${ids} failed: ${answer.reason}`)
        return answer
      }
      if ('failure' in answer.outcomes) throw answer.outcomes.failure
      return { reached: true, outcomes: answer.outcomes.value }
    },
    cancel: async (batch) => ({ reached: true, outcomes: batch.map(() => 'cancelled' as const) }),
    close: async () => {},
  }
}

function namesOf(records: readonly { readonly id: string; readonly epoch: number }[]): string {
  return records.map(({ id, epoch }) => `${id}:${epoch}`).join(' ')
}

function textOf(done: unknown): string {
  return done === undefined ? 'rolled back' : JSON.stringify(done, shortly)
}

/** Of a claimed record what names it. */
function shortly(_name: string, value: unknown): unknown {
  if (value instanceof StoreFailure) return value.reason
  if (typeof value !== 'object' || value === null || !('epoch' in value) || !('id' in value)) return value
  return `${value.id}:${value.epoch}`
}
