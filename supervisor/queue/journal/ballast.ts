// A file that does nothing but take up room. On a full disk SQLite can't even delete: its log needs space first. The
// ballast is given up then, so that what is in the queue still drains, and made again when there is room.

import { randomFillSync } from 'node:crypto'
import { closeSync, existsSync, fsyncSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs'

export interface BallastOptions {
  readonly path: string
  readonly directory: string
  readonly bytes: number
  /** Free bytes below which nothing new is taken. */
  readonly floorBytes: number
}

export class Ballast {
  readonly #options: BallastOptions
  #present: boolean

  constructor(options: BallastOptions) {
    this.#options = options
    this.#present = existsSync(options.path)
  }

  /**
   * Nothing new is taken below the floor, nor without the ballast: what it gave up is for draining. A disk that can't be
   * asked is left to the write itself.
   */
  get roomLeft(): boolean {
    this.restore()
    return this.#present && this.#freeBytes() >= this.#options.floorBytes
  }

  /** True when there was something to give up. */
  release(): boolean {
    if (!this.#present) return false
    rmSync(this.#options.path, { force: true })
    this.#present = false
    return true
  }

  /** Makes it where it is missing and there is room for it and for new work. */
  restore(): void {
    const { path, bytes, floorBytes } = this.#options
    if (this.#present || this.#freeBytes() < bytes + floorBytes) return
    try {
      fill(path, bytes)
      this.#present = true
    } catch {
      rmSync(path, { force: true })
    }
  }

  #freeBytes(): number {
    try {
      const { bavail, bsize } = statfsSync(this.#options.directory)
      return bavail * bsize
    } catch {
      return Number.POSITIVE_INFINITY
    }
  }
}

/** With noise, which a file system that compresses cannot save itself. */
function fill(path: string, bytes: number): void {
  const fd = openSync(path, 'wx', 0o600)
  try {
    const chunk = Buffer.allocUnsafe(64 * 1024)
    for (let left = bytes; left > 0; left -= chunk.length) {
      writeSync(fd, randomFillSync(chunk), 0, Math.min(left, chunk.length))
    }
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}
