// What happened, event by event: always as a hash, so that two runs of one seed can be compared, and as lines where
// somebody wants to read it.

export interface Trace {
  record(line: string): void
  readonly hash: string
  readonly lines: readonly string[]
}

/** @param nowMs virtual time, the first column */
export function createTrace(nowMs: () => number, keepLines: boolean): Trace {
  // FNV-1a, twice with different offsets: 64 bits without BigInt.
  let low = 0x811c9dc5
  let high = 0x01234567
  const lines: string[] = []

  function add(text: string): void {
    for (let index = 0; index < text.length; index++) {
      const code = text.charCodeAt(index)
      low = Math.imul(low ^ code, 0x01000193)
      high = Math.imul(high ^ code, 0x01000197)
    }
  }

  return {
    record(line) {
      const timed = `${nowMs()} ${line}`
      add(timed)
      if (keepLines) lines.push(`${(nowMs() / 1000).toFixed(3).padStart(10)}  ${line}`)
    },
    get hash() {
      return hex(high) + hex(low)
    },
    lines,
  }
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0')
}
