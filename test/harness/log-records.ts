// Reads a supervisor's output as it comes: one JSON object per line, awaited by what it says.

import { createInterface } from 'node:readline'

export interface LogRecord {
  readonly event?: string
  readonly message: string
  readonly component: 'supervisor' | 'flow'
  readonly [field: string]: unknown
}

export interface LogRecords {
  readonly all: readonly LogRecord[]
  /** Lines that are no JSON objects. There should be none. */
  readonly garbled: readonly string[]
  /** Bytes of the longest line. */
  readonly longestLineBytes: number
  /** The first record, past or future, that fits. Rejects when the output ends without one. */
  next(fits: string | ((record: LogRecord) => boolean)): Promise<LogRecord>
  /** All of it has been read. */
  readonly closed: Promise<void>
}

export function readRecords(stdout: NodeJS.ReadableStream): LogRecords {
  const all: LogRecord[] = []
  const garbled: string[] = []
  const waiting = new Set<() => void>()
  let longestLineBytes = 0
  let ended = false
  const lookAgain = () => {
    for (const look of waiting) look()
  }
  const lines = createInterface({ input: stdout })
  lines.on('line', (line) => {
    longestLineBytes = Math.max(longestLineBytes, Buffer.byteLength(line) + 1)
    const record = parse(line)
    if (record) all.push(record)
    else garbled.push(line)
    lookAgain()
  })
  const closed = new Promise<void>((resolve) => {
    lines.once('close', () => {
      ended = true
      lookAgain()
      resolve()
    })
  })

  function next(fits: string | ((record: LogRecord) => boolean)): Promise<LogRecord> {
    const test = typeof fits === 'string' ? ({ event }: LogRecord) => event === fits : fits
    return new Promise((resolve, reject) => {
      const look = () => {
        const found = all.find(test)
        if (!found && !ended) return
        waiting.delete(look)
        if (found) resolve(found)
        else reject(new Error(`the output ended without ${fits}; it was:\n${recent(all)}`))
      }
      waiting.add(look)
      look()
    })
  }

  return {
    all,
    garbled,
    get longestLineBytes() {
      return longestLineBytes
    },
    next,
    closed,
  }
}

function parse(line: string): LogRecord | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as LogRecord)
      : undefined
  } catch {
    return undefined
  }
}

function recent(records: readonly LogRecord[]): string {
  return records
    .slice(-15)
    .map((record) => JSON.stringify(record))
    .join('\n')
}
