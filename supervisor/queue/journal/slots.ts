// A state directory that replicas share: each supervisor works in a `slot-N` of its own, held by a lock that the kernel
// lets go with the process, however it ends. Names of hosts and pids say nothing here, so neither a reused name nor a
// copy of the volume can make a slot look taken or free.

import {
  chmodSync,
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  type Stats,
} from 'node:fs'
import { join } from 'node:path'
import { codeOf, FlowkeepError, messageOf } from '../../core/errors.ts'
import { limits } from '../../core/limits.ts'
import { holdsEntries } from './open-journal.ts'

export interface SlotsOptions {
  /** `CONTAINER_STATE_DIRECTORY` */
  readonly root: string
  /** Locks an open file until it is closed; false while another holds it. */
  readonly tryLock: (fd: number) => boolean
}

export interface Slot {
  readonly name: string
  readonly directory: string
  /** Lets others have it. The journal in it is closed before. */
  release(): void
}

/** The first slot that nobody holds. @throws FlowkeepError `state_directory_unavailable` */
export function claimSlot(options: SlotsOptions): Slot {
  for (let number = 1; number <= limits.queueSlots; number++) {
    const slot = tryClaim(options, `slot-${number}`, 'make')
    if (slot) return slot
  }
  throw unavailable(
    options.root,
    `all of its ${limits.queueSlots} slots are held, or its file system knows no flock`,
  )
}

/** Slots with something in them whose owner is gone, claimed for the caller, at most `limit` of them. */
export function abandonedSlots(
  options: SlotsOptions,
  limit: number,
  holds: (directory: string) => boolean = holdsEntries,
): Slot[] {
  const slots: Slot[] = []
  for (const name of slotNames(options.root)) {
    if (slots.length >= limit) break
    if (!isSafe(join(options.root, name)) || !holds(join(options.root, name))) continue
    const slot = adopt(options, name)
    if (!slot) continue
    // Its owner may have ended in between, with nothing left.
    if (holds(slot.directory)) slots.push(slot)
    else slot.release()
  }
  return slots
}

/** One that cannot be adopted keeps no other from it. */
function adopt(options: SlotsOptions, name: string): Slot | undefined {
  try {
    return tryClaim(options, name, 'exists')
  } catch {
    return undefined
  }
}

/** Every slot there is, whoever holds it. */
export function slotNames(root: string): string[] {
  return entriesOf(root)
    .filter((name) => /^slot-[1-9]\d{0,3}$/.test(name))
    .sort((a, b) => Number(a.slice(5)) - Number(b.slice(5)))
}

function tryClaim({ root, tryLock }: SlotsOptions, name: string, want: 'make' | 'exists'): Slot | undefined {
  const directory = join(root, name)
  try {
    if (want === 'make') makeSlot(root, directory)
    const stats = lstatSync(directory)
    refuseForeign(directory, stats)
    // A volume that is mounted with a group of its own opens every directory in it to that group.
    if (stats.mode & 0o077) chmodSync(directory, 0o700)
    const fd = lockFile(join(directory, 'lock'), tryLock)
    return fd === undefined ? undefined : { name, directory, release: () => closeSync(fd) }
  } catch (error) {
    if (error instanceof FlowkeepError) throw error
    throw unavailable(directory, codeOf(error) ?? messageOf(error), error)
  }
}

function makeSlot(root: string, directory: string): void {
  try {
    mkdirSync(directory, { mode: 0o700 })
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return
    throw error
  }
  const fd = openSync(root, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

function lockFile(path: string, tryLock: (fd: number) => boolean): number | undefined {
  const fd = openSync(path, constants.O_CREAT | constants.O_RDWR | constants.O_NOFOLLOW, 0o600)
  if (tryLock(fd) && isStillThere(fd, path)) return fd
  closeSync(fd)
  return undefined
}

/** A lock on a file that was removed meanwhile keeps nobody out. */
function isStillThere(fd: number, path: string): boolean {
  const [held, there] = [fstatSync(fd), lstatSync(path, { throwIfNoEntry: false })]
  return there !== undefined && held.ino === there.ino && held.dev === there.dev
}

function refuseForeign(directory: string, stats: Stats): void {
  if (!stats.isDirectory()) {
    throw unavailable(directory, stats.isSymbolicLink() ? 'it is a symbolic link' : 'it is not a directory')
  }
  const uid = process.geteuid?.()
  if (stats.uid !== uid)
    throw unavailable(directory, `it belongs to uid ${stats.uid}, and this is uid ${uid}`)
}

function isSafe(directory: string): boolean {
  const stats = lstatSync(directory, { throwIfNoEntry: false })
  return stats?.isDirectory() === true && stats.uid === process.geteuid?.()
}

function entriesOf(root: string): string[] {
  try {
    return readdirSync(root)
  } catch (error) {
    throw unavailable(root, codeOf(error) ?? messageOf(error), error)
  }
}

function unavailable(subject: string, message: string, cause?: unknown): FlowkeepError {
  return new FlowkeepError('state_directory_unavailable', {
    operation: 'cannot claim a slot of the state directory',
    subject,
    message: `${subject}: ${message}`,
    hint: 'give CONTAINER_STATE_DIRECTORY a directory that only supervisors of this user write to; remove or hand over what is in the way there',
    cause,
  })
}
