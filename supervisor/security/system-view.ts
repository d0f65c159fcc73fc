// The view of the container this process is in.

import {
  closeSync,
  constants,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  type Stats,
  statSync,
} from 'node:fs'
import { access, opendir } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate as othersTurn } from 'node:timers/promises'
import { codeOf, messageOf } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import { type Entry, type FileFacts, type FileKind, Unreadable, type View } from './view.ts'

/** Entries whose facts are asked for in one go, before others have their turn. */
const statsAtOnce = 100

export const systemView: View = {
  text: (path) => readable(path, () => readBounded(path)),
  link: (path) => readable(path, () => readlinkSync(path)),
  names: (directory) => (readable(directory, () => orNothing(() => readdirSync(directory))) ?? []).sort(),
  lstat: (path) => readable(path, () => orNothing(() => factsOf(lstatSync(path)))),
  stat: (path) => readable(path, () => orNothing(() => factsOf(statSync(path)))),
  async entries(directory, most) {
    try {
      return await list(directory, most)
    } catch (error) {
      throw unreadable(directory, error)
    }
  },
  mayEnter: (directory) => allowed(directory, constants.X_OK),
  mayWrite: (path) => allowed(path, constants.W_OK),
}

function readable<T>(path: string, look: () => T): T {
  try {
    return look()
  } catch (error) {
    throw unreadable(path, error)
  }
}

function unreadable(path: string, error: unknown): Unreadable {
  return error instanceof Unreadable ? error : new Unreadable(path, codeOf(error) ?? messageOf(error))
}

/** Files of /proc have no size to ask for; one that does not end is not read on. */
function readBounded(path: string): string {
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const chunks: Buffer[] = []
    for (let total = 0; ; ) {
      const chunk = Buffer.allocUnsafe(64 * 1024)
      const count = readSync(file, chunk)
      if (count === 0) return Buffer.concat(chunks).toString()
      total += count
      if (total > limits.securityFileBytes) throw new Unreadable(path, 'it is too large')
      chunks.push(chunk.subarray(0, count))
    }
  } finally {
    closeSync(file)
  }
}

function orNothing<T>(look: () => T): T | undefined {
  try {
    return look()
  } catch (error) {
    if (isNothing(error)) return undefined
    throw error
  }
}

function isNothing(error: unknown): boolean {
  const code = codeOf(error)
  return code === 'ENOENT' || code === 'ENOTDIR'
}

/**
 * Opened by a thread, where a mount that hangs does no harm; what an open directory holds is then asked for right
 * away, which takes less than half of the CPU time that a thread for each entry would.
 */
async function list(directory: string, most: number): Promise<{ entries: Entry[]; all: boolean }> {
  const names: string[] = []
  const handle = await opendir(directory, { bufferSize: 256 })
  let all = true
  try {
    for (let entry = handle.readSync(); entry; entry = handle.readSync()) {
      if (names.length === most) {
        all = false
        break
      }
      names.push(entry.name)
    }
  } finally {
    handle.closeSync()
  }
  const entries: Entry[] = []
  for (const [index, name] of names.entries()) {
    if (index % statsAtOnce === statsAtOnce - 1) await othersTurn()
    const path = join(directory, name)
    const facts = orNothing(() => factsOf(lstatSync(path)))
    if (facts) entries.push({ name, facts })
  }
  return { entries, all }
}

const refusals: ReadonlySet<string | undefined> = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOENT', 'ENOTDIR'])

async function allowed(path: string, mode: number): Promise<boolean> {
  try {
    await access(path, mode)
    return true
  } catch (error) {
    if (refusals.has(codeOf(error))) return false
    throw unreadable(path, error)
  }
}

function factsOf(stats: Stats): FileFacts {
  const { mode, uid, gid, dev, rdev } = stats
  return {
    kind: kindOf(stats),
    mode: mode & 0o7777,
    uid,
    gid,
    device: dev,
    // As makedev(3) of glibc puts them together, for numbers that fit into 32 bits.
    major: (rdev >>> 8) & 0xfff,
    minor: (rdev & 0xff) | ((rdev >>> 12) & 0xfff00),
  }
}

function kindOf(stats: Stats): FileKind {
  if (stats.isFile()) return 'file'
  if (stats.isDirectory()) return 'directory'
  if (stats.isSymbolicLink()) return 'symlink'
  if (stats.isSocket()) return 'socket'
  if (stats.isBlockDevice()) return 'block'
  return stats.isCharacterDevice() ? 'character' : 'other'
}
