// What the start leaves in memory: garbage, code that runs once, and what the C library has freed and kept. An idle
// process may never collect it by itself.

import type { Native } from './native.ts'

/** Holds up the event loop for some 40 ms. Where Node.js runs without `--expose-gc` only the last part is done. */
export function giveMemoryBack(native: Pick<Native, 'trimMemory'>): void {
  // The one flavor that leaves no half-empty pages behind.
  globalThis.gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' })
  native.trimMemory()
}
