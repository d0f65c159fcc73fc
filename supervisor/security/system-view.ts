// The view of the container this process is in.

import {
  closeSync,
  constants,
  type Dirent,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  type Stats,
  statSync,
} from 'node:fs'
import { access, lstat, opendir } from 'node:fs/promises'
import { join } from 'node:path'
import { codeOf, messageOf } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import { type Entry, type FileFacts, type FileKind, Unreadable, type View } from './view.ts'

/** Entries whose facts are asked for at one time: few, so that others get their turn at the thread pool. */
const statsAtOnce = 32

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

async function list(directory: string, most: number): Promise<{ entries: Entry[]; all: boolean }> {
  const names: string[] = []
  const handle = await opendir(directory, { bufferSize: 256 })
  let all = true
  try {
    for (let entry: Dirent | null = await handle.read(); entry; entry = await handle.read()) {
      if (names.length === most) {
        all = false
        break
      }
      names.push(entry.name)
    }
  } finally {
    await handle.close()
  }
  const entries: Entry[] = []
  for (let from = 0; from < names.length; from += statsAtOnce) {
    const batch = names.slice(from, from + statsAtOnce)
    const facts = await Promise.all(batch.map((name) => lstatOrGone(join(directory, name))))
    for (const [index, name] of batch.entries()) {
      const known = facts[index]
      if (known) entries.push({ name, facts: known })
    }
  }
  return { entries, all }
}

async function lstatOrGone(path: string): Promise<FileFacts | undefined> {
  try {
    return factsOf(await lstat(path))
  } catch (error) {
    if (isNothing(error)) return undefined
    throw error
  }
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
