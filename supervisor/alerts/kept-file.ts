// The file that keeps alerts over a partition and over the end of the process: in the slot of the state directory,
// replaced as a whole. Not the operation queue, since an alert has to get out also when that is full or away.

import { existsSync } from 'node:fs'
import { open, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { codeOf, messageOf } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import type { Logger } from '../core/logger.ts'
import { type Alert, kept, readKept } from './alert.ts'

const fileName = 'alerts.json'

/** @param directory a slot of the state directory */
export function holdsAlerts(directory: string): boolean {
  return existsSync(join(directory, fileName))
}

export class KeptFile {
  readonly #path: string
  readonly #logger: Logger
  #writing: Promise<void> | undefined
  #again = false
  #written: string | undefined
  #broken = false

  constructor(directory: string, logger: Logger) {
    this.#path = join(directory, fileName)
    this.#logger = logger
  }

  /** What was to be saved last is on disk. */
  get isSaved(): boolean {
    return !this.#broken && this.#writing === undefined
  }

  /** Never rejects: what cannot be read is no reason not to start. */
  async read(): Promise<Alert[]> {
    try {
      if ((await stat(this.#path)).size > limits.alertFileBytes) throw new Error('it is too large')
      const text = await readFile(this.#path, 'utf8')
      this.#written = text
      return readKept(text)
    } catch (error) {
      if (codeOf(error) !== 'ENOENT')
        this.#logger.warn(
          { event: 'alert.file_unreadable' },
          `${this.#path} is passed over: ${messageOf(error)}`,
        )
      return []
    }
  }

  /** Resolves when what `alerts` gives then is on disk, or cannot be put there. Never rejects. */
  save(alerts: () => Iterable<Alert>): Promise<void> {
    if (this.#writing) {
      this.#again = true
      return this.#writing
    }
    const write = async () => {
      try {
        do {
          this.#again = false
          await this.#write(kept(alerts()))
        } while (this.#again)
      } finally {
        // Here, and not a turn later: what is to be saved in between would not be.
        this.#writing = undefined
      }
    }
    this.#writing = write()
    return this.#writing
  }

  /** Never rejects. */
  async remove(): Promise<void> {
    await rm(this.#path, { force: true }).catch(() => {})
  }

  async #write(text: string): Promise<void> {
    if (text === this.#written) return
    try {
      const file = await open(`${this.#path}.new`, 'w', 0o600)
      try {
        await file.writeFile(text)
        await file.sync()
      } finally {
        await file.close()
      }
      await rename(`${this.#path}.new`, this.#path)
      this.#written = text
      this.#broken = false
    } catch (error) {
      if (!this.#broken)
        this.#logger.warn(
          { event: 'alert.file_unwritable' },
          `alerts are in memory alone: ${this.#path}: ${messageOf(error)}`,
        )
      this.#broken = true
    }
  }
}
