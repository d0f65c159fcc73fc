// The journal on its disk, synchronous: one transaction for each group of calls. It runs in a thread of its own
// (`worker.ts`) or in the caller's. Here is what can go wrong with a disk, and what is done about it: a full one gives up
// its ballast, a damaged journal is salvaged and put aside, a failing one is closed and opened anew.

import {
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../../core/clock.ts'
import type { FlowkeepError } from '../../core/errors.ts'
import { limits } from '../../core/limits.ts'
import type { JournalFigures } from '../journal.ts'
import { Ballast } from './ballast.ts'
import { Database } from './database.ts'
import { closed, diskFull, kindOf, removed, unavailable, unsure } from './failures.ts'
import { Ledger } from './ledger.ts'
import { type Mark, MarkFile, readMark } from './mark.ts'
import { Place } from './place.ts'
import { putAside, quarantinedFiles } from './quarantine.ts'
import { Corrupt } from './row.ts'
import { removeDatabase, salvage } from './salvage.ts'
import { readWal } from './wal.ts'

export interface StoreOptions {
  /** The slot. It exists, and nobody else uses it. */
  readonly directory: string
  readonly maxOperations: number
  readonly maxBytes: number
  /** Bytes; those of `core/limits.ts` where absent. */
  readonly diskFloorBytes?: number
  readonly ballastBytes?: number
  readonly checkedAtOpeningBytes?: number
}

export type Methods = Pick<
  Ledger,
  'append' | 'lookUp' | 'take' | 'overdue' | 'nextDueMs' | 'settle' | 'list' | 'show' | 'retry' | 'discard'
>

export type Call = {
  [Method in keyof Methods]: { readonly method: Method; readonly args: Parameters<Methods[Method]> }
}[keyof Methods]

export type Outcome =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: unknown }

export const databaseFile = 'journal.db'
const walFile = 'journal.db-wal'
const heldWalFile = 'journal.db-wal.held'
const rebuiltFile = 'rebuilt.db'
const markFile = 'journal.mark'
const ballastFile = 'ballast'

interface Open {
  readonly db: Database
  readonly ledger: Ledger
  readonly mark: MarkFile
}

export class Store {
  readonly #options: StoreOptions
  readonly #clock: Pick<Clock, 'wallMs' | 'monotonicMs'>
  readonly #ballast: Ballast
  readonly #place: Place
  #open: Open | undefined
  #failure: { readonly error: FlowkeepError; readonly atMs: number } | undefined
  #diskFull = false
  /** While a group is tried again that the disk had no room for. */
  #refusing = false
  /** Asked once for each group. */
  #roomForGroup: boolean | undefined
  /** Where the check of a large journal has come to; undefined when it is through. */
  #scrubbed: number | undefined
  #figures: JournalFigures = noFigures
  #quarantined: readonly string[] = []

  /** @throws FlowkeepError `state_directory_unavailable` where nothing can be opened at all */
  constructor(options: StoreOptions, clock: Pick<Clock, 'wallMs' | 'monotonicMs'>) {
    this.#options = options
    this.#clock = clock
    this.#ballast = new Ballast({
      path: this.#path(ballastFile),
      directory: options.directory,
      bytes: options.ballastBytes ?? limits.queueBallastBytes,
      floorBytes: options.diskFloorBytes ?? limits.queueDiskFloorBytes,
    })
    this.#quarantined = quarantinedFiles(options.directory)
    this.#place = new Place(options.directory)
    this.#opened()
  }

  get figures(): JournalFigures {
    return this.#figures
  }

  /** What all of them change is on disk, in one transaction, when this returns. Never throws. */
  batch(calls: readonly Call[]): Outcome[] {
    try {
      return this.#attempt(calls)
    } catch (error) {
      return this.#again(calls, error)
    }
  }

  /** Looks whether a full disk has room again, and whether one that failed can be had again. */
  refreshDisk(): void {
    if (this.#failure) {
      try {
        this.#opened()
      } catch {
        return
      }
    }
    this.#lookAround()
    this.#shrink()
    this.#diskFull = !this.#ballast.roomLeft
    this.#figures = { ...this.#figures, diskFull: this.#diskFull }
  }

  /** Checks a little more of a large journal. False when it is through. */
  scrub(): boolean {
    if (this.#scrubbed === undefined || this.#failure) return false
    try {
      this.#scrubbed = this.#opened().ledger.scrub(this.#scrubbed, limits.queueScrubEntries)
    } catch (error) {
      this.#again([], error)
    }
    return this.#scrubbed !== undefined
  }

  /** Folds the log into the database. */
  close(): void {
    const open = this.#open
    this.#open = undefined
    this.#failure ??= { error: closed(this.#options.directory), atMs: Number.POSITIVE_INFINITY }
    if (!open) return
    try {
      open.ledger.rollback()
      open.db.checkpoint()
    } catch {
      // The log keeps what could not be folded in.
    }
    letGo(open)
  }

  // One group

  #attempt(calls: readonly Call[]): Outcome[] {
    const { ledger, mark } = this.#opened()
    this.#roomForGroup = undefined
    const appends = calls.some(({ method }) => method === 'append')
    const problem = appends && this.#figures.failing !== undefined ? this.#lookAround() : undefined
    const outcomes = calls.map((call): Outcome => {
      if (problem && call.method === 'append') return { ok: false, error: problem }
      return { ok: true, value: execute(ledger, call) }
    })
    if (ledger.commit()) {
      mark.write({ commits: ledger.commits, entries: ledger.entries })
      this.#afterCommit(ledger)
    } else this.#noticeFull(outcomes, ledger)
    const after = appends && !problem ? this.#lookAround() : undefined
    if (!after) return outcomes
    const error = unsure(this.#options.directory, after)
    return outcomes.map((each, n) => (calls[n]?.method === 'append' ? { ok: false, error } : each))
  }

  /** Whether what is appended would be found by the next process: the files may have been removed under us. */
  #lookAround(): FlowkeepError | undefined {
    const problem = this.#place.problem()
    const error = problem === undefined ? undefined : removed(this.#options.directory, problem)
    if (error?.message !== this.#figures.failing) this.#tellFailing(error?.message)
    return error
  }

  #tellFailing(failing: string | undefined): void {
    this.#figures = { ...this.#figures, failing }
  }

  #afterCommit(ledger: Ledger): void {
    if (this.#diskFull || ledger.entries === 0) this.#shrink()
    this.#diskFull = !this.#ballast.roomLeft
    this.#count(ledger)
  }

  /** A group in which everything was refused writes nothing. */
  #noticeFull(outcomes: readonly Outcome[], ledger: Ledger): void {
    if (this.#diskFull || this.#ballast.roomLeft || outcomes.length === 0) return
    this.#diskFull = true
    this.#count(ledger)
  }

  /** Gives disk back that a backlog has taken: a queue that filled the disk by itself would stay full for ever. */
  #shrink(): void {
    try {
      this.#open?.db.shrink()
    } catch {
      // The disk is too full for that, too; the next entry that is done leaves more room.
    }
  }

  #count(ledger: Ledger): void {
    this.#figures = {
      ...ledger.totals,
      byTarget: ledger.figures(),
      diskFull: this.#diskFull,
      failing: this.#figures.failing,
      corruptEntries: ledger.corruptEntries,
      quarantinedFiles: this.#quarantined,
    }
  }

  /** Once more, after what can be done about the failure. */
  #again(calls: readonly Call[], error: unknown): Outcome[] {
    // It could not even be opened, so nothing of them was written.
    if (error === this.#failure?.error) return refusedAll(calls, error)
    try {
      const kind = kindOf(error)
      if (kind === 'full') this.#makeRoom()
      else if (kind === 'corrupt') this.#repair(error)
      else if (kind === 'failed') return this.#failed(calls, error)
      else this.#open?.ledger.rollback()
      if (kind !== 'other') return this.#attempt(calls)
      throw error
    } catch (again) {
      return this.#refused(calls, again)
    } finally {
      this.#refusing = false
    }
  }

  #refused(calls: readonly Call[], error: unknown): Outcome[] {
    // The repair has failed, and the next one may find in the files what was being written.
    const failure = this.#failure?.error
    if (failure && error === failure) return refusedAll(calls, unsure(this.#options.directory, failure))
    try {
      this.#open?.ledger.rollback()
    } catch (broken) {
      this.#latch(broken)
    }
    if (kindOf(error) === 'failed') return this.#failed(calls, error)
    return refusedAll(calls, kindOf(error) === 'full' ? diskFull(this.#options.directory, error) : error)
  }

  /** In the middle of it: what was to be written may be there when the journal is opened again. */
  #failed(calls: readonly Call[], error: unknown): Outcome[] {
    const failure = this.#latch(error)
    return refusedAll(calls, unsure(this.#options.directory, failure))
  }

  // A full disk

  /** From here on new entries are refused before anything is written, and the rest has the ballast's room. */
  #makeRoom(): void {
    this.#refusing = true
    const { ledger, db } = this.#opened()
    ledger.rollback()
    this.#ballast.release()
    try {
      db.checkpoint()
    } catch {
      // It folds in what it can.
    }
    this.#diskFull = true
    this.#count(ledger)
  }

  #roomLeft(): boolean {
    if (this.#refusing) return false
    this.#roomForGroup ??= this.#ballast.roomLeft
    return this.#roomForGroup
  }

  // A disk that fails

  /** What is open is let go: after a failed fsync nobody knows what the disk has, and asking again would lie. */
  #latch(error: unknown): FlowkeepError {
    const open = this.#open
    this.#open = undefined
    const failure = unavailable(this.#options.directory, error)
    this.#failure = { error: failure, atMs: this.#clock.monotonicMs() }
    this.#tellFailing(failure.message)
    if (open) letGo(open)
    return failure
  }

  // Opening

  #opened(): Open {
    if (this.#open) return this.#open
    const failure = this.#failure
    if (failure && this.#clock.monotonicMs() < failure.atMs + limits.queueReopenMs) throw failure.error
    try {
      if (this.#place.isReplaced) throw removed(this.#options.directory, 'the slot was removed or replaced')
      this.#finishRepair()
      this.#open = this.#openChecked()
      // What the log holds may be in the page cache alone after a failure: it is written again.
      if (failure) this.#open.db.checkpoint()
      this.#failure = undefined
    } catch (error) {
      // Even to open a journal takes room.
      if (kindOf(error) === 'full' && this.#ballast.release()) return this.#opened()
      if (kindOf(error) !== 'corrupt') throw this.#latch(error)
      this.#repair(error)
    }
    const open = this.#open as unknown as Open
    this.#tellFailing(undefined)
    this.#diskFull = !this.#ballast.roomLeft
    this.#count(open.ledger)
    return open
  }

  #openChecked(): Open {
    const mark = readMark(this.#path(markFile))
    const wal = readWal(this.#path(walFile))
    if (wal.damaged) throw new Corrupt('the log is damaged')
    // SQLite forgets what it does not believe; kept until it is known that nothing is missing.
    const torn = wal.believed < wal.frames.length
    rmSync(this.#path(heldWalFile), { force: true })
    if (torn) copyFileSync(this.#path(walFile), this.#path(heldWalFile))
    const bytes = sizeOf(this.#path(databaseFile))
    // SQLite would make a new database of nothing and delete the log.
    if (bytes === 0 && (wal.frames.length > 0 || (mark?.commits ?? 0) > 0)) {
      throw new Corrupt('the database is empty')
    }
    const open = this.#openFiles()
    try {
      if (mark && open.ledger.commits < mark.commits) throw new Corrupt('the last changes are missing')
      this.#scrubbed = 0
      if (bytes <= (this.#options.checkedAtOpeningBytes ?? limits.queueCheckedAtOpeningBytes)) {
        checkAll(open)
        this.#scrubbed = undefined
      }
    } catch (error) {
      letGo(open)
      throw error
    }
    rmSync(this.#path(heldWalFile), { force: true })
    return open
  }

  #openFiles(): Open {
    const db = new Database(this.#path(databaseFile))
    try {
      const ledger = new Ledger(db, {
        maxOperations: this.#options.maxOperations,
        maxBytes: this.#options.maxBytes,
        wallMs: () => this.#clock.wallMs(),
        roomLeft: () => this.#roomLeft(),
      })
      const mark = new MarkFile(this.#path(markFile))
      this.#place.holds([databaseFile, walFile])
      return { db, ledger, mark }
    } catch (error) {
      db.close()
      throw error
    }
  }

  // A damaged journal

  /** Salvages what can be read, puts the rest aside and goes on. */
  #repair(error: unknown): void {
    const known = this.#known()
    if (this.#open) letGo(this.#open)
    this.#open = undefined
    const held = existsSync(this.#path(heldWalFile))
    const expected = { commits: known?.commits ?? 0, entries: known?.entries }
    try {
      salvage(
        {
          database: this.#path(databaseFile),
          wal: this.#path(held ? heldWalFile : walFile),
          rebuilt: this.#path(rebuiltFile),
        },
        expected,
      )
      this.#replaceByRebuilt()
      this.#open = this.#openFiles()
    } catch (cause) {
      throw this.#latch(cause instanceof Corrupt ? error : cause)
    }
    this.#scrubbed = undefined
    this.#failure = undefined
    this.#count(this.#open.ledger)
  }

  #known(): Mark | undefined {
    const mark = readMark(this.#path(markFile))
    return this.#open ? { commits: this.#open.ledger.commits, entries: this.#open.ledger.entries } : mark
  }

  /** In this order, which `#finishRepair` knows how to go on with. */
  #replaceByRebuilt(): void {
    putAside(this.#options.directory, [databaseFile, walFile, heldWalFile])
    renameSync(this.#path(rebuiltFile), this.#path(databaseFile))
    this.#syncDirectory()
    this.#quarantined = quarantinedFiles(this.#options.directory)
  }

  /** A crash in the middle of a repair: with the old database away the new one was whole. */
  #finishRepair(): void {
    if (!existsSync(this.#path(rebuiltFile))) return
    if (existsSync(this.#path(databaseFile))) removeDatabase(this.#path(rebuiltFile))
    else this.#replaceByRebuilt()
  }

  #syncDirectory(): void {
    const fd = openSync(this.#options.directory, 'r')
    try {
      fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
  }

  #path(name: string): string {
    return join(this.#options.directory, name)
  }
}

export const noFigures: JournalFigures = {
  operations: 0,
  bytes: 0,
  deadBytes: 0,
  byTarget: new Map(),
  diskFull: false,
  failing: undefined,
  corruptEntries: 0,
  quarantinedFiles: [],
}

function refusedAll(calls: readonly Call[], error: unknown): Outcome[] {
  return calls.map(() => ({ ok: false, error }))
}

function execute(ledger: Ledger, { method, args }: Call): unknown {
  return (ledger[method] as (...args: unknown[]) => unknown)(...args)
}

function letGo({ db, mark }: Open): void {
  for (const each of [mark, db]) {
    try {
      each.close()
    } catch {
      // Nothing can be done about it, and a new one is opened in any case.
    }
  }
}

function checkAll({ db, ledger }: Open): void {
  const fault = db.firstFault()
  if (fault !== undefined) throw new Corrupt(fault)
  for (let after: number | undefined = 0; after !== undefined; ) after = ledger.scrub(after, 500)
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}
