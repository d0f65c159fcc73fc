// How far the journal has come, beside the database. SQLite drops the end of a damaged log without a word; the number
// of the last commit tells that something is missing. Written after the commit and never synced: after a power loss an
// older mark may be found, which is no harm, since it only ever says "at least".

import { closeSync, constants, openSync, readFileSync, writeSync } from 'node:fs'
import { crc32 } from 'node:zlib'

export interface Mark {
  readonly commits: number
  /** Queued, held and dead ones. */
  readonly entries: number
}

const { O_CREAT, O_NOFOLLOW, O_WRONLY } = constants

export function readMark(path: string): Mark | undefined {
  try {
    const [commits, entries, crc] = readFileSync(path, 'latin1').split(' ').map(Number)
    const mark = { commits: commits ?? Number.NaN, entries: entries ?? Number.NaN }
    return crc === crcOf(mark) ? mark : undefined
  } catch {
    return undefined
  }
}

export class MarkFile {
  readonly #fd: number

  constructor(path: string) {
    this.#fd = openSync(path, O_CREAT | O_NOFOLLOW | O_WRONLY, 0o600)
  }

  /** Always the same length, in one write. Its failure costs a witness, nothing more. */
  write(mark: Mark): void {
    const text = `${pad(mark.commits)} ${pad(mark.entries)} ${pad(crcOf(mark))}\n`
    try {
      writeSync(this.#fd, text, 0, 'latin1')
    } catch {
      // The disk is full or gone, and whoever writes the journal itself hears of it.
    }
  }

  close(): void {
    closeSync(this.#fd)
  }
}

function pad(number: number): string {
  return String(number).padStart(16, '0')
}

function crcOf({ commits, entries }: Mark): number {
  return crc32(`${commits} ${entries}`)
}
