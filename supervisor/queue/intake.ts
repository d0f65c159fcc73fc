// Takes new operations for one target, in the order of their arrival. One that may go at once is delivered past the
// queue, together with what arrives at the same time; every other one is written to the journal first. Nothing overtakes
// what its lane holds, in the queue or on its way: a lane with something on its way makes the rest of it wait here.

import type { Clock } from '../core/clock.ts'
import { type ErrorCode, FlowkeepError, messageOf } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import type { Operation } from '../core/operation.ts'
import type { Submitted } from '../core/queue.ts'
import type { Delivery, Outcome, Unreached } from '../core/target.ts'
import * as answers from './answers.ts'
import type { Pass } from './breaker.ts'
import type { Channel } from './channel.ts'
import type { Appended, Journal, LookedUp } from './journal.ts'
import type { Lanes } from './lanes.ts'
import type { Submission } from './parse-operation.ts'

export interface IntakeParts {
  readonly clock: Clock
  readonly journal: Pick<Journal, 'append' | 'lookUp'>
  readonly channel: Channel
  readonly lanes: Lanes
  /** Something is on disk that was not; with `unsure` it may be. */
  appended(unsure: boolean): void
  /** The journal refused for want of room. */
  full(bound: Extract<Appended, { state: 'full' }>['bound']): void
  /** The journal could not be written. */
  failed(error: unknown): void
}

interface Waiting {
  readonly submission: Submission
  answer(submitted: Submitted): void
}

/** To be queued; `maybeApplied` when it was sent and its answer was lost. */
interface ToQueue {
  readonly waiting: Waiting
  readonly maybeApplied: boolean
}

/** `late`: past its expiry, so that only what became of an earlier submission is still of interest. */
type Way = 'direct' | 'queue' | 'later' | 'late' | answers.Refused

/** The lanes of what has been sorted in one go. */
interface Sorted {
  readonly direct: Set<string>
  readonly queue: Set<string>
  readonly later: Set<string>
  /** Of what goes direct. */
  operations: number
  bytes: number
}

export class Intake {
  readonly #parts: IntakeParts
  #waiting: Waiting[] = []
  #sorting = false
  /** Lanes of deliveries past the queue. */
  readonly #direct = new Set<string>()
  /** Appends under way in each lane. */
  readonly #appending = new Map<string, number>()
  #batches = 0

  constructor(parts: IntakeParts) {
    this.#parts = parts
  }

  /** Never rejects. */
  take(submission: Submission): Promise<Submitted> {
    const { promise, resolve } = Promise.withResolvers<Submitted>()
    this.#waiting.push({ submission, answer: resolve })
    this.wake()
    return promise
  }

  /** Sorts what waits, once all that arrives at this moment is here. */
  wake(): void {
    if (this.#sorting || this.#waiting.length === 0) return
    this.#sorting = true
    void Promise.resolve().then(() => {
      this.#sorting = false
      this.#sort()
    })
  }

  #sort(): void {
    const toQueue: Waiting[] = []
    const direct: Waiting[] = []
    const later: Waiting[] = []
    const late: Waiting[] = []
    const sorted: Sorted = { direct: new Set(), operations: 0, bytes: 0, queue: new Set(), later: new Set() }
    for (const waiting of this.#waiting) {
      const { submission } = waiting
      const { key } = submission.operation
      const way = this.#wayOf(submission, sorted)
      if (way === 'late') {
        late.push(waiting)
      } else if (way === 'later') {
        sorted.later.add(key)
        later.push(waiting)
      } else if (way === 'queue') {
        sorted.queue.add(key)
        toQueue.push(waiting)
      } else if (way === 'direct') {
        sorted.direct.add(key)
        sorted.operations++
        sorted.bytes += submission.bytes
        direct.push(waiting)
      } else {
        waiting.answer(way)
      }
    }
    this.#waiting = later
    if (direct.length > 0) this.#startDirect(direct, sorted.direct)
    if (toQueue.length > 0) void this.#queueNow(toQueue)
    if (late.length > 0) void this.#lookUpLate(late)
  }

  #wayOf({ mode, operation, bytes }: Submission, sorted: Sorted): Way {
    const { channel, lanes } = this.#parts
    const { breaker } = channel
    const { key } = operation
    if (sorted.later.has(key) || this.#direct.has(key)) return 'later'
    if (this.#isLate(operation)) return 'late'
    if (mode === 'queue') return sorted.direct.has(key) ? 'later' : 'queue'
    const behind = sorted.queue.has(key) || this.#appending.has(key) || lanes.has(key)
    if (behind) return mode === 'auto' ? 'queue' : answers.laneBusy(operation)
    const limit = channel.retired ? 0 : breaker.limit
    const fits =
      sorted.operations === 0 ||
      (sorted.operations < limit && sorted.bytes + bytes <= limits.replayBatchBytes)
    if (limit > 0 && fits && this.#batches < limits.directBatches) return 'direct'
    if (sorted.direct.has(key) || (limit > 0 && breaker.state === 'closed')) return 'later'
    return mode === 'auto' ? 'queue' : answers.unavailable(operation, channel.trouble, breaker.waitMs)
  }

  #isLate({ expiresAtMs }: Operation): boolean {
    return expiresAtMs !== undefined && expiresAtMs <= this.#parts.clock.wallMs()
  }

  #startDirect(batch: readonly Waiting[], keys: ReadonlySet<string>): void {
    const { channel, lanes } = this.#parts
    const pass = channel.breaker.begin()
    if (!pass) throw new Error('the breaker gave a limit and no pass')
    for (const key of keys) {
      lanes.take(key)
      this.#direct.add(key)
    }
    this.#batches++
    void this.#bring(batch, pass).finally(() => {
      this.#batches--
      for (const key of keys) this.#direct.delete(key)
      lanes.release(keys)
      channel.wake()
    })
  }

  async #bring(batch: readonly Waiting[], pass: Pass): Promise<void> {
    const lookedUp = await this.#lookUp(batch)
    if (!lookedUp) return pass.unused()
    const toQueue: ToQueue[] = []
    const fresh: Waiting[] = []
    const late: Waiting[] = []
    for (const [index, waiting] of batch.entries()) {
      const { submission, answer } = waiting
      const { operation, contentHash, mode } = submission
      const { known, laneQueued = true } = lookedUp[index] ?? {}
      if (known) answer(answers.knownBefore(operation, contentHash, known))
      else if (this.#isLate(operation)) late.push(waiting)
      else if (!laneQueued) fresh.push(waiting)
      else if (mode === 'auto') toQueue.push({ waiting, maybeApplied: false })
      else answer(answers.laneBusy(operation))
    }
    if (fresh.length === 0) pass.unused()
    else toQueue.push(...(await this.#deliver(fresh, pass)))
    await this.#append(toQueue)
    if (late.length > 0) await this.#answerLate(late)
  }

  async #lookUpLate(batch: readonly Waiting[]): Promise<void> {
    const lookedUp = await this.#lookUp(batch)
    if (!lookedUp) return
    const unknown = batch.filter(({ submission: { operation, contentHash }, answer }, index) => {
      const known = lookedUp[index]?.known
      if (known) answer(answers.knownBefore(operation, contentHash, known))
      return !known
    })
    if (unknown.length > 0) await this.#answerLate(unknown)
  }

  /** An earlier direct submission may have applied it and lost the answer: the target tells, and keeps it from now on. */
  async #answerLate(batch: readonly Waiting[]): Promise<void> {
    const { channel } = this.#parts
    const pass = channel.retired ? undefined : channel.breaker.begin()
    const some = pass ? batch.slice(0, pass.limit) : []
    const asked = pass && (await channel.cancel(some.map(({ submission }) => deliveryOf(submission))))
    if (asked?.reached) pass?.reached(some.length)
    else if (asked) pass?.unreached(asked)
    for (const [index, { submission, answer }] of batch.entries()) {
      const { operation } = submission
      const outcome = asked?.reached ? asked.outcomes[index] : undefined
      if (outcome === 'applied') answer(answers.applied(operation.id, undefined))
      else if (outcome === 'cancelled') answer(answers.expired(operation.id))
      else answer(answers.unavailable(operation, channel.trouble, channel.breaker.waitMs))
    }
    channel.wake()
  }

  async #lookUp(batch: readonly Waiting[]): Promise<readonly LookedUp[] | undefined> {
    try {
      return await this.#parts.journal.lookUp(batch.map(({ submission: { operation } }) => operation))
    } catch (error) {
      for (const { submission, answer } of batch)
        answer(answers.journalUnreadable(submission.operation.id, messageOf(error)))
      return undefined
    }
  }

  /** Answers what can be answered; the rest is to be queued. */
  async #deliver(batch: readonly Waiting[], pass: Pass): Promise<readonly ToQueue[]> {
    const { channel } = this.#parts
    const answer = await channel.deliver(batch.map(({ submission }) => deliveryOf(submission)))
    if (answer.reached) pass.reached(batch.length)
    else pass.unreached(answer)
    return batch.flatMap((waiting, index): ToQueue[] => {
      const { mode, operation } = waiting.submission
      const outcome = answer.reached ? answer.outcomes[index] : undefined
      const final = outcome && finalAnswer(operation.id, operation.target, outcome)
      if (final) waiting.answer(final)
      else if (mode === 'auto') return [{ waiting, maybeApplied: lost(answer.reached ? outcome : answer) }]
      else waiting.answer(notNow(operation, answer.reached ? outcome : answer))
      return []
    })
  }

  async #queueNow(batch: readonly Waiting[]): Promise<void> {
    const keys = batch.map(({ submission }) => submission.operation.key)
    for (const key of keys) this.#appending.set(key, (this.#appending.get(key) ?? 0) + 1)
    await this.#append(batch.map((waiting) => ({ waiting, maybeApplied: false })))
    for (const key of keys) {
      const left = (this.#appending.get(key) ?? 0) - 1
      if (left > 0) this.#appending.set(key, left)
      else this.#appending.delete(key)
    }
  }

  async #append(batch: readonly ToQueue[]): Promise<void> {
    if (batch.length === 0) return
    const { journal } = this.#parts
    const entries = batch.map(({ waiting: { submission }, maybeApplied }) => {
      const { operation, contentHash } = submission
      return { operation, contentHash, maybeApplied }
    })
    try {
      const appended = await journal.append(entries)
      if (appended.some(({ state }) => state === 'stored')) this.#parts.appended(false)
      for (const [index, each] of batch.entries()) this.#answerAppended(each, appended[index])
    } catch (error) {
      this.#parts.failed(error)
      const refusedBy = notWritten(error)
      if (!refusedBy) this.#parts.appended(true)
      for (const { waiting, maybeApplied } of batch) {
        const { id } = waiting.submission.operation
        if (refusedBy && !maybeApplied) waiting.answer(answers.notWritten(id, refusedBy))
        else waiting.answer(answers.outcomeUnknown(id, messageOf(error)))
      }
    }
  }

  #answerAppended({ waiting, maybeApplied }: ToQueue, appended: Appended | undefined): void {
    const { operation, contentHash } = waiting.submission
    const { id } = operation
    if (appended?.state === 'stored') {
      waiting.answer(answers.queued(id))
    } else if (appended?.state === 'known') {
      waiting.answer(answers.knownBefore(operation, contentHash, appended.known))
    } else {
      const refused =
        appended?.state === 'too_large'
          ? answers.tooLargeToQueue(id, appended)
          : this.#full(id, appended?.bound)
      waiting.answer(maybeApplied ? answers.outcomeUnknown(id, refused.error.message) : refused)
    }
  }

  #full(id: string, bound: Parameters<IntakeParts['full']>[0] = 'disk'): answers.Refused {
    this.#parts.full(bound)
    return answers.full(id, bound)
  }
}

/** The journal's word that nothing of a batch was written. */
function notWritten(error: unknown): FlowkeepError | undefined {
  const sure = error instanceof FlowkeepError && surelyNotWritten.has(error.code)
  return sure ? error : undefined
}

const surelyNotWritten: ReadonlySet<ErrorCode> = new Set([
  'state_directory_unavailable',
  'disk_full',
  'draining',
])

function deliveryOf({ operation, contentHash }: Submission): Delivery {
  return { operation, contentHash, revision: 1 }
}

/** Undefined where the operation may still be applied later. */
function finalAnswer(id: string, target: string, outcome: Outcome): Submitted | undefined {
  switch (outcome.state) {
    case 'applied':
      return answers.applied(id, outcome.result)
    case 'refused':
      return answers.refusedByTarget(id, target, outcome)
    case 'conflict':
      return answers.conflict(id)
    case 'cancelled':
      return answers.cancelledBefore(id)
    case 'fenced':
      return answers.epochStale(id)
    default:
      return undefined
  }
}

type Undecided = Outcome | Unreached | undefined

/** It may have been applied all the same. */
function lost(undecided: Undecided): boolean {
  return undecided !== undefined && 'outcomeUnknown' in undecided && undecided.outcomeUnknown
}

/** The answer to a direct operation that was not decided. */
function notNow(operation: Operation, undecided: Undecided): Submitted {
  if (!undecided) return answers.laneBusy(operation)
  if ('outcomeUnknown' in undecided) {
    if (undecided.outcomeUnknown) return answers.outcomeUnknown(operation.id, undecided.message)
    return answers.unavailable(operation, undecided, 'reached' in undecided ? undecided.retryAfterMs : 0)
  }
  if (undecided.state === 'forbidden') return answers.forbidden(operation, undecided)
  if (undecided.state === 'failed')
    return answers.unavailable(operation, { reason: undecided.code, message: undecided.message })
  return answers.laneBusy(operation)
}
