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
import { codeOf, FlowkeepError, messageOf } from '../../core/errors.ts'
import { limits } from '../../core/limits.ts'
import type { JournalFigures } from '../journal.ts'
import { Ballast } from './ballast.ts'
import { Database, NewerSchema } from './database.ts'
import { Ledger } from './ledger.ts'
import { type Mark, MarkFile, readMark } from './mark.ts'
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

  /** Looks whether a full disk has room again. */
  refreshDisk(): void {
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
    const outcomes = calls.map((call): Outcome => ({ ok: true, value: execute(ledger, call) }))
    if (ledger.commit()) {
      mark.write({ commits: ledger.commits, entries: ledger.entries })
      this.#afterCommit(ledger)
    } else this.#noticeFull(outcomes, ledger)
    return outcomes
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
      ...ledger.live,
      byTarget: ledger.figures(),
      diskFull: this.#diskFull,
      corruptEntries: ledger.corruptEntries,
      quarantinedFiles: this.#quarantined,
    }
  }

  /** Once more, after what can be done about the failure. */
  #again(calls: readonly Call[], error: unknown): Outcome[] {
    try {
      const kind = kindOf(error)
      if (kind === 'full') this.#makeRoom()
      else if (kind === 'corrupt') this.#repair(error)
      else if (kind === 'failed') this.#fail(error)
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
    if (error !== this.#failure?.error) {
      try {
        this.#open?.ledger.rollback()
      } catch (broken) {
        this.#latch(broken)
      }
    }
    const refusal = kindOf(error) === 'full' ? diskFull(this.#options.directory, error) : error
    return calls.map(() => ({ ok: false, error: refusal }))
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

  #fail(error: unknown): never {
    this.#latch(error)
    throw (this.#failure as { error: FlowkeepError }).error
  }

  /** What is open is let go: after a failed fsync nobody knows what the disk has, and asking again would lie. */
  #latch(error: unknown): void {
    const open = this.#open
    this.#open = undefined
    this.#failure = { error: unavailable(this.#options.directory, error), atMs: this.#clock.monotonicMs() }
    if (open) letGo(open)
  }

  // Opening

  #opened(): Open {
    if (this.#open) return this.#open
    const failure = this.#failure
    if (failure && this.#clock.monotonicMs() < failure.atMs + limits.queueReopenMs) throw failure.error
    try {
      this.#finishRepair()
      this.#open = this.#openChecked()
      // What the log holds may be in the page cache alone after a failure: it is written again.
      if (failure) this.#open.db.checkpoint()
      this.#failure = undefined
    } catch (error) {
      // Even to open a journal takes room.
      if (kindOf(error) === 'full' && this.#ballast.release()) return this.#opened()
      if (kindOf(error) !== 'corrupt') this.#fail(error)
      this.#repair(error)
    }
    const open = this.#open as unknown as Open
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
      return { db, ledger, mark: new MarkFile(this.#path(markFile)) }
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
      this.#fail(cause instanceof Corrupt ? error : cause)
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
  byTarget: new Map(),
  diskFull: false,
  corruptEntries: 0,
  quarantinedFiles: [],
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

/** https://www.sqlite.org/rescode.html */
const sqliteKinds: Readonly<Record<number, 'full' | 'corrupt' | 'failed'>> = {
  1: 'corrupt', // no such table: the schema is damaged
  3: 'failed', // permission
  5: 'failed', // busy: another process has it open
  8: 'failed', // read only
  10: 'failed', // input or output error
  11: 'corrupt',
  13: 'full',
  14: 'failed', // cannot open
  19: 'corrupt', // a constraint: an index does not know of a row
  26: 'corrupt', // not a database
}

function kindOf(error: unknown): 'full' | 'corrupt' | 'failed' | 'other' {
  if (error instanceof Corrupt) return 'corrupt'
  const { errcode, code } = (error ?? {}) as { errcode?: number; code?: unknown }
  if (typeof errcode === 'number') return sqliteKinds[errcode & 0xff] ?? 'other'
  if (code === 'ENOSPC' || code === 'EDQUOT') return 'full'
  return typeof code === 'string' && /^E[A-Z]+$/.test(code) ? 'failed' : 'other'
}

function unavailable(directory: string, cause: unknown): FlowkeepError {
  if (cause instanceof FlowkeepError) return cause
  return new FlowkeepError('state_directory_unavailable', {
    operation: 'cannot use the journal of the operation queue',
    subject: directory,
    message: `${directory}: ${codeOf(cause) ?? ''} ${messageOf(cause)}`.replace(/ +/, ' '),
    hint:
      cause instanceof NewerSchema
        ? 'run the version of Flowkeep that wrote it, or a later one, until its queue is empty'
        : 'see whether the volume is mounted, writable and healthy; the journal is opened again by itself',
    cause,
  })
}

function diskFull(directory: string, cause: unknown): FlowkeepError {
  return new FlowkeepError('disk_full', {
    operation: 'cannot write the journal of the operation queue',
    subject: directory,
    message: `${directory}: there is no space left`,
    hint: 'make room on the volume under CONTAINER_STATE_DIRECTORY; what is in the queue stays',
    cause,
  })
}

function closed(directory: string): FlowkeepError {
  return new FlowkeepError('draining', {
    operation: 'cannot use the journal of the operation queue',
    subject: directory,
    message: 'it is closed',
    hint: 'start the supervisor again',
  })
}
