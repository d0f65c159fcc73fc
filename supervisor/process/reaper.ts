// Reaps orphans that the kernel hands to PID 1 (or to a subreaper). Node.js waits only for what it started.
// The kernel names one exited child at a time and it is looked at before it is reaped, so that a child of our own
// is left to Node.js. SIGCHLD coalesces, therefore each one means "sweep until nothing is left".

import { limits } from '../core/limits.ts'

export interface ReaperParts {
  /** The pid of some exited child, not yet reaped. */
  peekExited(): number | undefined
  reap(pid: number): boolean
  isOwn(pid: number): boolean
  reaped(count: number): void
  /** Runs the rest after other work had its turn (`setImmediate`). */
  later(work: () => void): void
}

export interface Reaper {
  /** Asks for a sweep in the next turn of the loop, once Node.js has reaped its own. */
  wake(): void
}

export function createReaper(parts: ReaperParts): Reaper {
  let asked = false

  function wake(): void {
    if (asked) return
    asked = true
    parts.later(sweep)
  }

  function sweep(): void {
    asked = false
    let count = 0
    while (count < limits.reapBatch) {
      const pid = parts.peekExited()
      // One of our own in front: Node.js is about to reap it, and its exit wakes us again.
      if (pid === undefined || parts.isOwn(pid)) break
      if (!parts.reap(pid)) break
      count++
    }
    if (count > 0) parts.reaped(count)
    if (count === limits.reapBatch) wake()
  }

  return { wake }
}
