// The local operation queue as a whole: desk → intake → target, or → journal → replay → target. Here are the views and
// the mending for operators, reload, drain, and the slots of supervisors that are gone.

import type { Clock } from '../core/clock.ts'
import { codeOf, FlowkeepError, messageOf } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import type { Logger } from '../core/logger.ts'
import type { Operation } from '../core/operation.ts'
import type { OperationQueue, QueueStats, Submitted, TargetStats } from '../core/queue.ts'
import type { Target } from '../core/target.ts'
import * as answers from './answers.ts'
import { Channel } from './channel.ts'
import { contentOf } from './content.ts'
import { Intake } from './intake.ts'
import type { Journal, ShownEntry } from './journal.ts'
import { JournalDrain } from './journal-drain.ts'
import { overdue } from './overdue.ts'
import { type Mode, type ParseParts, parseOperation, type Submission } from './parse-operation.ts'
import { type Counted, createReport, type RecordEnded, type Report } from './report.ts'
import { Desk } from './submit.ts'
import { viewOf, viewWithWork } from './view.ts'

export interface QueueBounds {
  readonly maxOperations: number
  readonly maxBytes: number
  readonly maxAgeMs: number
}

export interface QueueParts {
  readonly clock: Clock
  readonly random: () => number
  readonly logger: Logger
  /** Of our own slot. */
  readonly journal: Journal
  readonly targets: readonly Target[]
  readonly bounds: QueueBounds
  /** What is wrong with one statement; undefined where nothing is. */
  readonly problemOf: (sql: string) => string | undefined
  readonly newId: () => string
  readonly counted: Counted
  /** Whether anybody accepts connections at a target that is away. Never rejects. */
  readonly knock?: (target: string, signal: AbortSignal) => Promise<boolean>
  /** Opens slots whose supervisor is gone and that hold operations; each belongs to us until it is closed. */
  readonly adopt?: (atMost: number) => Promise<readonly Journal[]>
  /** Whether such slots are left that had no turn yet. */
  readonly othersWait?: () => boolean
}

export interface Drained {
  /** What stays in our own slot for the next start. */
  readonly remaining: number
}

export interface LocalQueue extends OperationQueue {
  /** Operations made by the supervisor itself, such as the completion of a record. Never rejects. */
  submitOwn(operations: readonly { operation: Operation; mode: Mode }[]): Promise<readonly Submitted[]>
  /** Of the flow, for the time when it is gone: taken as long as anything is. Never rejects. */
  submitWill(raw: unknown): Promise<Submitted>
  /** Why this can't be submitted; undefined where it can. */
  problemOf(raw: unknown): { readonly message: string; readonly field?: string } | undefined
  /** Who wants to know what became of queued changes of records; one at a time. */
  onRecordEnded(tell: RecordEnded): void
  /** A health check found the target well: the wait for the next probe is over. */
  targetSeen(name: string): void
  /** After a reload. What was queued for a target that is not named any more waits until it is named again. */
  reconfigure(targets: readonly Target[], bounds: QueueBounds): Promise<void>
  /** Looks for slots whose supervisor is gone and drains them beside our own. Never rejects. */
  adopt(): Promise<void>
  /** From now on nothing comes in over `submit`; `submitOwn` is still open. */
  refuseNew(): void
  /**
   * Takes nothing new, lets what is under way end, and drains as long as that makes progress, until `untilMs` at most
   * (monotonic). Afterwards nothing is under way any more.
   */
  drain(untilMs: number): Promise<Drained>
  /** Gives up what is under way, closes the targets and the journal. */
  close(): Promise<void>
}

export function createQueue(parts: QueueParts): LocalQueue {
  return new Queue(parts)
}

class Queue implements LocalQueue {
  readonly #parts: QueueParts
  readonly #report: Report
  readonly #desk: Desk
  readonly #own: JournalDrain
  readonly #adopted = new Set<JournalDrain>()
  readonly #channels = new Map<string, Channel>()
  readonly #intakes = new Map<string, Intake>()
  #bounds: QueueBounds
  #refusing: 'nothing' | 'new' | 'all' = 'nothing'
  #saidFull = false
  #saidFailed = false
  #recordEnded: RecordEnded = () => {}
  #adopting: Promise<void> | undefined
  #rested: () => void = () => {}

  constructor(parts: QueueParts) {
    this.#parts = parts
    this.#bounds = parts.bounds
    this.#report = createReport(parts.logger, parts.counted, (record, result) =>
      this.#recordEnded(record, result),
    )
    this.#desk = new Desk({
      take: (submission) => this.#take(submission),
      answered: (submission, submitted) => this.#count(submission.operation.target, submitted),
    })
    this.#own = this.#createSlot(parts.journal, (target) => this.#intakes.get(target)?.wake())
    for (const target of parts.targets) this.#open(target)
    this.#tellCorruption(parts.journal)
  }

  submit(raw: readonly unknown[]): Promise<readonly Submitted[]> {
    const parts = this.#parseParts()
    return Promise.all(
      raw.map(async (each): Promise<Submitted> => {
        const parsed = parseOperation(each, parts)
        if (!parsed.ok) return parsed.refused
        const { submission } = parsed
        if (this.#refusing !== 'nothing') return answers.draining(submission.operation.id)
        return this.#desk.submit(submission)
      }),
    )
  }

  submitOwn(operations: readonly { operation: Operation; mode: Mode }[]): Promise<readonly Submitted[]> {
    return Promise.all(
      operations.map(async ({ operation, mode }): Promise<Submitted> => {
        if (this.#refusing === 'all') return answers.draining(operation.id)
        return this.#desk.submit({ operation, mode, ...contentOf(operation) })
      }),
    )
  }

  async submitWill(raw: unknown): Promise<Submitted> {
    const parsed = parseOperation(raw, this.#parseParts())
    if (!parsed.ok) return parsed.refused
    if (this.#refusing === 'all') return answers.draining(parsed.submission.operation.id)
    return this.#desk.submit(parsed.submission)
  }

  problemOf(raw: unknown) {
    const parsed = parseOperation(raw, this.#parseParts())
    return parsed.ok ? undefined : parsed.refused.error
  }

  async list({ state, target, after, limit }: Parameters<OperationQueue['list']>[0]) {
    const afterSeq = readPosition(after)
    const query = { state, afterSeq, limit: limit + 1, ...(target === undefined ? {} : { target }) }
    const entries = await this.#parts.journal.list(query)
    const page = entries.slice(0, limit)
    const last = page.at(-1)
    const operations = page.map(viewOf)
    return entries.length > limit && last ? { operations, next: String(last.seq) } : { operations }
  }

  async show(id: string) {
    const entry = await this.#parts.journal.show(id)
    return entry && viewWithWork(entry)
  }

  async retry(id: string): Promise<void> {
    const entry = await this.#find(id, 'cannot retry the operation')
    const { wallMs } = this.#parts.clock
    const late = overdue(entry, { nowWallMs: wallMs(), maxAgeMs: this.#bounds.maxAgeMs })
    if (late?.code === 'expired' && entry.state === 'dead') {
      throw new FlowkeepError('wrong_state', {
        operation: 'cannot retry the operation',
        subject: id,
        message: `it is ${late.message}`,
        hint: 'What is past its time is never applied. Submit it under a new id if it is still wanted.',
      })
    }
    const done = await this.#retried(id, entry.operation.target)
    if (done === 'unknown') throw notFound(id, 'cannot retry the operation')
    if (done === 'not_waiting') {
      throw new FlowkeepError('wrong_state', {
        operation: 'cannot retry the operation',
        subject: id,
        message: 'it is queued and waits for nothing but its turn',
        hint: 'See "flowkeep queue stats" for whether its target is away.',
      })
    }
    this.#own.wake(entry.operation.target)
  }

  async #retried(id: string, target: string): ReturnType<Journal['retry']> {
    try {
      return await this.#parts.journal.retry(id)
    } catch (error) {
      // It may be in the queue again all the same.
      this.#own.wake(target, true)
      throw error
    }
  }

  async discard(id: string): Promise<void> {
    const { operation } = await this.#find(id, 'cannot discard the operation')
    const served = this.#own.target(operation.target)
    const delivering = served?.replay.isDelivering(id) || this.#desk.has(id)
    if (delivering || served?.lanes.take(operation.key) === false) throw beingDelivered(id)
    try {
      const done = await this.#parts.journal.discard(id)
      if (done === 'unknown') throw notFound(id, 'cannot discard the operation')
    } finally {
      served?.lanes.release([operation.key])
    }
  }

  stats(): QueueStats {
    const { figures } = this.#parts.journal
    const nowWallMs = this.#parts.clock.wallMs()
    const names = new Set([...this.#channels.keys(), ...figures.byTarget.keys()])
    const targets: Record<string, TargetStats> = Object.create(null)
    for (const name of names) targets[name] = this.#statsOf(name, nowWallMs)
    const ages = Object.values(targets).flatMap(({ oldestAgeMs }) => oldestAgeMs ?? [])
    return {
      operations: figures.operations,
      bytes: figures.bytes,
      maxOperations: this.#bounds.maxOperations,
      maxBytes: this.#bounds.maxBytes,
      oldestAgeMs: ages.length > 0 ? Math.max(...ages) : null,
      full: this.#fullBy(),
      failing: figures.failing ?? null,
      corruptEntries: figures.corruptEntries,
      quarantinedFiles: figures.quarantinedFiles,
      adoptedSlots: this.#adopted.size,
      targets,
    }
  }

  onRecordEnded(tell: RecordEnded): void {
    this.#recordEnded = tell
  }

  targetSeen(name: string): void {
    const channel = this.#channels.get(name)
    if (!channel || channel.breaker.state === 'closed') return
    const figures = this.#parts.journal.figures.byTarget.get(name)
    channel.breaker.seen(figures !== undefined && figures.queued > 0)
    channel.wake()
  }

  async reconfigure(targets: readonly Target[], bounds: QueueBounds): Promise<void> {
    this.#bounds = bounds
    const named = new Set(targets.map(({ name }) => name))
    const closed: Promise<void>[] = []
    for (const channel of this.#channels.values())
      if (!named.has(channel.name) && !channel.retired) closed.push(channel.retire())
    for (const target of targets) {
      const channel = this.#channels.get(target.name)
      if (channel) closed.push(channel.replace(target))
      else this.#open(target)
    }
    await Promise.all(closed)
  }

  adopt(): Promise<void> {
    this.#adopting ??= this.#adopt().finally(() => {
      this.#adopting = undefined
    })
    return this.#adopting
  }

  refuseNew(): void {
    if (this.#refusing === 'nothing') this.#refusing = 'new'
  }

  async drain(untilMs: number): Promise<Drained> {
    this.#refusing = 'all'
    const { clock, journal } = this.#parts
    const over = Promise.withResolvers<void>()
    const timer = clock.startTimer(untilMs - clock.monotonicMs(), () => {
      this.#endDeliveries()
      over.resolve()
    })
    await Promise.race([this.#progress(untilMs), over.promise])
    timer.cancel()
    await this.#stop()
    return { remaining: journal.figures.operations }
  }

  async close(): Promise<void> {
    this.#refusing = 'all'
    await this.#stop()
    await Promise.all([...this.#channels.values()].map((channel) => channel.close()))
    const journals = [this.#parts.journal, ...[...this.#adopted].map(({ journal }) => journal)]
    this.#adopted.clear()
    await Promise.all(journals.map((journal) => journal.close()))
  }

  // Targets

  #open(target: Target): void {
    const channel = new Channel(target, this.#parts)
    this.#channels.set(target.name, channel)
    const { lanes } = this.#own.serve(channel)
    const intake = new Intake({
      clock: this.#parts.clock,
      journal: this.#parts.journal,
      channel,
      lanes,
      appended: (unsure) => {
        if (!unsure) this.#saidFull = false
        if (!unsure) this.#saidFailed = false
        this.#own.wake(target.name, unsure)
      },
      full: (bound) => this.#tellFull(bound),
      failed: (error) => this.#tellFailed(error),
    })
    this.#intakes.set(target.name, intake)
    for (const slot of this.#adopted) slot.serve(channel)
  }

  #parseParts(): ParseParts {
    const targets = new Map([...this.#channels].filter(([, { retired }]) => !retired))
    return { ...this.#parts, targets }
  }

  #take(submission: Submission): Promise<Submitted> {
    const { id, target } = submission.operation
    const intake = this.#intakes.get(target)
    if (intake) return intake.take(submission)
    return Promise.resolve(answers.unavailable({ ...submission.operation, id }, noSuchTarget))
  }

  #count(target: string, { state, ...rest }: Submitted): void {
    const fenced = 'error' in rest && rest.error.code === 'epoch_stale'
    this.#parts.counted(target, fenced ? 'fenced' : state)
  }

  // Slots

  #createSlot(journal: Journal, released: (target: string) => void): JournalDrain {
    const slot: JournalDrain = new JournalDrain({
      clock: this.#parts.clock,
      random: this.#parts.random,
      logger: this.#parts.logger,
      journal,
      report: this.#report,
      maxAgeMs: () => this.#bounds.maxAgeMs,
      released,
      rested: () => {
        this.#rested()
        if (this.#adopted.has(slot)) void this.#letGo(slot)
      },
    })
    return slot
  }

  async #adopt(): Promise<void> {
    const { adopt, logger, othersWait } = this.#parts
    if (!adopt || this.#refusing === 'all') return
    try {
      if (this.#adopted.size >= limits.queueAdoptedSlots && othersWait?.()) await this.#makeRoom()
      const room = limits.queueAdoptedSlots - this.#adopted.size
      for (const journal of room > 0 ? await adopt(room) : []) {
        // Dead letters stay where they are until their slot has an owner again.
        if (journal.figures.operations === 0) await journal.close()
        else this.#takeOver(journal)
      }
    } catch (error) {
      const message = `cannot look for slots whose supervisor is gone: ${messageOf(error)}`
      logger.error({ event: 'queue.adoption_failed' }, message)
    }
    await Promise.all([...this.#adopted].map((slot) => this.#letGo(slot)))
  }

  #takeOver(journal: Journal): void {
    const { operations } = journal.figures
    this.#parts.logger.info(
      { event: 'queue.slot_adopted', operations },
      `drains ${operations} operations of a supervisor that is gone`,
    )
    this.#tellCorruption(journal)
    const slot = this.#createSlot(journal, () => {})
    this.#adopted.add(slot)
    for (const channel of this.#channels.values()) slot.serve(channel)
  }

  /** Once it is empty. */
  async #letGo(slot: JournalDrain): Promise<void> {
    if (slot.isEmpty && !slot.isBusy(Number.POSITIVE_INFINITY)) await this.#giveBack(slot)
  }

  /** One whose targets are away gives way to one whose targets may be there. */
  async #makeRoom(): Promise<void> {
    const slot = [...this.#adopted].find((adopted) => !adopted.isBusy(Number.POSITIVE_INFINITY))
    if (slot) await this.#giveBack(slot)
  }

  async #giveBack(slot: JournalDrain): Promise<void> {
    if (!this.#adopted.delete(slot)) return
    await slot.stop()
    try {
      await slot.journal.close()
    } catch (error) {
      const message = `cannot close the slot of a supervisor that is gone: ${messageOf(error)}`
      this.#parts.logger.error({ event: 'queue.adoption_failed' }, message)
    }
  }

  // The end

  /** Until nothing moves any more without something new. */
  async #progress(untilMs: number): Promise<void> {
    await this.#desk.rest()
    while ([this.#own, ...this.#adopted].some((slot) => slot.isBusy(untilMs))) {
      await new Promise<void>((resolve) => {
        this.#rested = resolve
      })
    }
  }

  #endDeliveries(): void {
    for (const channel of this.#channels.values()) channel.end()
  }

  async #stop(): Promise<void> {
    this.#endDeliveries()
    await Promise.all([this.#desk.rest(), ...[this.#own, ...this.#adopted].map((slot) => slot.stop())])
  }

  // What operators see

  async #find(id: string, operation: string): Promise<ShownEntry> {
    const entry = await this.#parts.journal.show(id)
    if (!entry) throw notFound(id, operation)
    return entry
  }

  #statsOf(name: string, nowWallMs: number): TargetStats {
    const channel = this.#channels.get(name)
    const figures = this.#parts.journal.figures.byTarget.get(name)
    const oldest = figures?.oldestAcceptedAtWallMs
    const served = channel && !channel.retired
    return {
      kind: channel?.kind ?? 'database',
      queued: figures?.queued ?? 0,
      held: figures?.held ?? 0,
      dead: figures?.dead ?? 0,
      oldestAgeMs: oldest === undefined ? null : Math.max(0, nowWallMs - oldest),
      breaker: served ? channel.breaker.state : 'open',
      reason: served ? (channel.breaker.reason ?? null) : 'not_configured',
    }
  }

  #fullBy(): QueueStats['full'] {
    const { operations, bytes, deadBytes, byTarget, diskFull } = this.#parts.journal.figures
    if (diskFull) return 'disk'
    const dead = [...byTarget.values()].reduce((sum, figures) => sum + figures.dead, 0)
    if (operations + dead >= this.#bounds.maxOperations) return 'operations'
    return bytes + deadBytes >= this.#bounds.maxBytes ? 'bytes' : null
  }

  #tellFull(bound: 'operations' | 'bytes' | 'disk'): void {
    if (this.#saidFull) return
    this.#saidFull = true
    const { operations, bytes } = this.#parts.journal.figures
    const what = bound === 'disk' ? 'the disk of the local queue is full' : 'the local queue is full'
    const code = bound === 'disk' ? 'disk_full' : 'queue_full'
    this.#parts.logger.error(
      { event: 'queue.full', code, bound, operations, bytes },
      `${what}: new operations are refused, ${operations} stay and still drain`,
    )
  }

  #tellFailed(error: unknown): void {
    if (this.#saidFailed) return
    this.#saidFailed = true
    this.#parts.logger.error(
      { event: 'queue.write_failed', code: codeOf(error) },
      `the local queue takes nothing new until its disk is written again: ${messageOf(error)}`,
    )
  }

  #tellCorruption({ figures: { corruptEntries, quarantinedFiles } }: Journal): void {
    if (corruptEntries === 0 && quarantinedFiles.length === 0) return
    this.#parts.logger.error(
      { event: 'queue.corrupt', corruptEntries, quarantinedFiles },
      `the local queue was damaged: ${corruptEntries} entries lost, put aside: ${quarantinedFiles.join(', ') || 'nothing'}`,
    )
  }
}

const noSuchTarget = { reason: 'not_configured', message: 'the configuration does not name it' }

function readPosition(after: string | undefined): number {
  if (after === undefined) return 0
  if (/^\d{1,15}$/.test(after)) return Number(after)
  throw new FlowkeepError('invalid_request', {
    operation: 'cannot list operations',
    subject: 'after',
    message: 'after is not the "next" of an earlier page',
    hint: 'Leave it out to begin with the first page.',
  })
}

function notFound(id: string, operation: string): FlowkeepError {
  return new FlowkeepError('not_found', {
    operation,
    subject: id,
    message: `the local queue holds no operation with the id "${id.slice(0, 128)}"`,
    hint: 'What was applied is no longer in the queue; see "flowkeep queue list" for what is.',
  })
}

function beingDelivered(id: string): FlowkeepError {
  return new FlowkeepError('wrong_state', {
    operation: 'cannot discard the operation',
    subject: id,
    message: 'its lane is being delivered at this moment',
    hint: 'Try again shortly.',
  })
}
