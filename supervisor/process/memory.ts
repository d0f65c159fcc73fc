// What the start leaves in memory: garbage, code that runs once, and what the C library has freed and kept. An idle
// process may never collect it by itself.

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Native } from './native.ts'

/** Holds up the event loop for some 40 ms, once. */
export function giveMemoryBack(native: Pick<Native, 'trimMemory'>): void {
  // The one flavor that leaves no half-empty pages behind.
  collector()({ type: 'major', execution: 'sync', flavor: 'last-resort' })
  native.trimMemory()
}

/**
 * Only for a moment, and not with `--expose-gc` on the command line: byte code is bound to the flags, and Node.js' own,
 * which was made without, would have to be compiled anew at each start: 18 ms.
 */
function collector(): NodeJS.GCFunction {
  setFlagsFromString('--expose-gc')
  try {
    return runInNewContext('gc')
  } finally {
    setFlagsFromString('--no-expose-gc')
  }
}
