// SQLite's write-ahead log, read by our own hand. SQLite believes a log up to the first frame whose checksum is wrong
// and forgets the rest in silence. For a last write that was torn by a power loss that is right; for a byte that rotted
// in the middle it would lose what was acknowledged.

import { closeSync, openSync, readSync } from 'node:fs'

/** https://www.sqlite.org/fileformat2.html#the_write_ahead_log */
const headerBytes = 32
const frameHeaderBytes = 24
export const pageBytes = 4096
const frameBytes = frameHeaderBytes + pageBytes
const magicLittleEndian = 0x377f0682

export interface Frame {
  readonly page: number
  /** Pages of the database after it, where it ends a transaction; 0 elsewhere. */
  readonly sizeAfterCommit: number
  /** Where its page begins in the file. */
  readonly offset: number
}

export interface Wal {
  /** Every frame of the log's present generation, whatever its checksum says. */
  readonly frames: readonly Frame[]
  /** How many of them SQLite believes. */
  readonly believed: number
  /**
   * Two whole transactions end behind the first frame that SQLite does not believe. One may be the last write, of which
   * a power loss left parts; two can't be, since each is on disk before the next begins.
   */
  readonly damaged: boolean
}

export function readWal(path: string): Wal {
  let fd: number
  try {
    fd = openSync(path, 'r')
  } catch {
    return { frames: [], believed: 0, damaged: false }
  }
  try {
    return readFrames(fd)
  } finally {
    closeSync(fd)
  }
}

function readFrames(fd: number): Wal {
  const header = Buffer.alloc(headerBytes)
  if (readSync(fd, header, 0, headerBytes, 0) < headerBytes)
    return { frames: [], believed: 0, damaged: false }
  const buffer = Buffer.alloc(frameBytes)
  const frames: Frame[] = []
  const sums: { computed: boolean; committed: boolean }[] = []
  let salt = header.subarray(16, 24)
  const headerSum = checksum([0, 0], header.subarray(0, 24))
  const headerSound = header.readUInt32BE(0) === magicLittleEndian && matches(headerSum, header, 24)
  let sum: Sum = headerSum
  let current = 0
  for (let index = 0; ; index++) {
    const position = headerBytes + index * frameBytes
    if (readSync(fd, buffer, 0, frameBytes, position) < frameBytes) break
    if (index === 0 && !headerSound) salt = Buffer.from(buffer.subarray(8, 16))
    const sizeAfterCommit = buffer.readUInt32BE(4)
    const computed = checksum(checksum(sum, buffer.subarray(0, 8)), buffer.subarray(frameHeaderBytes))
    const ours = buffer.subarray(8, 16).equals(salt)
    frames.push({ page: buffer.readUInt32BE(0), sizeAfterCommit, offset: position + frameHeaderBytes })
    sums.push({ computed: ours && matches(computed, buffer, 16), committed: sizeAfterCommit > 0 })
    if (ours) current = frames.length
    sum = [buffer.readUInt32BE(16), buffer.readUInt32BE(20)]
  }
  return judge(frames.slice(0, current), sums.slice(0, current), headerSound)
}

function judge(
  frames: readonly Frame[],
  sums: readonly { computed: boolean; committed: boolean }[],
  headerSound: boolean,
): Wal {
  const broken = headerSound ? sums.findIndex(({ computed }) => !computed) : 0
  const sound = broken < 0 ? sums : sums.slice(0, broken)
  const behind = broken < 0 ? [] : sums.slice(broken)
  return {
    frames,
    believed: sound.findLastIndex(({ committed }) => committed) + 1,
    damaged: behind.filter(({ computed, committed }) => computed && committed).length > 1,
  }
}

type Sum = readonly [number, number]

function checksum([first, second]: Sum, bytes: Buffer): Sum {
  for (let at = 0; at < bytes.length; at += 8) {
    first = (first + bytes.readUInt32LE(at) + second) >>> 0
    second = (second + bytes.readUInt32LE(at + 4) + first) >>> 0
  }
  return [first, second]
}

function matches([first, second]: Sum, bytes: Buffer, at: number): boolean {
  return bytes.readUInt32BE(at) === first && bytes.readUInt32BE(at + 4) === second
}
