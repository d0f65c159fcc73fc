// Files that hold a value or the configuration: small, regular, UTF-8 text.

import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { codeOf } from '../core/errors.ts'
import { limits } from '../core/limits.ts'

export type ReadText =
  | { readonly ok: true; readonly text: string }
  /** Follows the path in a sentence: "cannot be read (EACCES)". */
  | { readonly ok: false; readonly wrong: string }

/** @param readFile throws as `readSmallFile` does */
export function readText(path: string, readFile: (path: string) => Buffer): ReadText {
  let bytes: Buffer
  try {
    bytes = readFile(path)
  } catch (error) {
    return { ok: false, wrong: explain(codeOf(error)) }
  }
  if (bytes.length > limits.configFileBytes) return { ok: false, wrong: explain('EFBIG') }
  if (bytes.includes(0)) return { ok: false, wrong: 'has a NUL byte' }
  try {
    return { ok: true, text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) }
  } catch {
    return { ok: false, wrong: 'is not UTF-8 text' }
  }
}

function explain(code: string | undefined): string {
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return 'does not exist'
    case 'EACCES':
    case 'EPERM':
      return 'may not be read by this user'
    case 'EISDIR':
      return 'is a directory'
    case 'ENOTREG':
      return 'is not a regular file'
    case 'EFBIG':
      return `is larger than ${limits.configFileBytes} bytes`
    default:
      return code === undefined ? 'cannot be read' : `cannot be read (${code})`
  }
}

/**
 * A file's bytes, at most one more than the limit. Opened without blocking, since a FIFO nobody writes to would hang
 * the start; throws `ENOTREG` for it, `EISDIR` for a directory, and what `open` and `read` throw.
 */
export function readSmallFile(path: string): Buffer {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const stat = fstatSync(fd)
    if (stat.isDirectory()) throw Object.assign(new Error('is a directory'), { code: 'EISDIR' })
    if (!stat.isFile()) throw Object.assign(new Error('is not a regular file'), { code: 'ENOTREG' })
    const room = Buffer.alloc(limits.configFileBytes + 1)
    let filled = 0
    while (filled < room.length) {
      const count = readSync(fd, room, filled, room.length - filled, null)
      if (count === 0) break
      filled += count
    }
    return room.subarray(0, filled)
  } finally {
    closeSync(fd)
  }
}
