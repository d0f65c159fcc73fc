// What a command prints, and where: results on standard output, everything else on standard error.

import type { Look } from '../../supervisor/core/text-table.ts'

export interface Terminal {
  readonly look: Look
  /** Whether a person is looking at standard error. */
  readonly isWatched: boolean
  readonly json: boolean
  print(text: string): void
  /** Progress and remarks; nothing under `--json`. */
  say(text: string): void
  /** A line that the next one takes the place of; only where a person is looking. */
  status(text: string): void
}

const eraseLine = '\r\u001b[2K'

export function createTerminal(json: boolean): Terminal {
  const { stdout, stderr } = process
  const isWatched = Boolean(stderr.isTTY) && !json
  const look = {
    color: Boolean(stdout.isTTY) && !process.env['NO_COLOR'],
    width: stdout.columns || 120,
  }
  let hasStatus = false
  const clear = () => {
    if (hasStatus) stderr.write(eraseLine)
    hasStatus = false
  }
  return {
    look,
    isWatched,
    json,
    print(text) {
      clear()
      stdout.write(text.endsWith('\n') ? text : `${text}\n`)
    },
    say(text) {
      if (json) return
      clear()
      stderr.write(`${text}\n`)
    },
    status(text) {
      if (!isWatched) return
      clear()
      stderr.write([...text].slice(0, (stderr.columns || 80) - 1).join(''))
      hasStatus = text !== ''
    },
  }
}
