// Watches the files that settings came from by looking at them at intervals: that works on every kind of mount, and
// through the symlinks that Kubernetes swaps. A change counts once the files have stood still for a whole interval,
// so that a storm of writes, or several files of one rotation, are one reload.

import { statSync } from 'node:fs'
import type { Clock, Timer } from '../core/clock.ts'
import { codeOf } from '../core/errors.ts'

export interface WatchParts {
  readonly clock: Clock
  readonly intervalMs: number
  /** Paths as they were configured; asked for at each look, since a reload may change them. */
  files(): readonly string[]
  changed(): void
  /** What stands for a file's content, for tests. */
  fingerprint?(path: string): string
}

/** Begins at once; the returned function ends it. */
export function watchFiles(parts: WatchParts): () => void {
  const fingerprint = parts.fingerprint ?? fingerprintOf
  const look = () =>
    parts
      .files()
      .map((path) => `${path} ${fingerprint(path)}`)
      .join('\n')
  let settled = look()
  let before = settled
  let timer: Timer = parts.clock.startTimer(parts.intervalMs, compare)

  function compare(): void {
    const now = look()
    if (now !== settled && now === before) {
      settled = now
      parts.changed()
    }
    before = now
    timer = parts.clock.startTimer(parts.intervalMs, compare)
  }

  return () => timer.cancel()
}

/** Follows symlinks: another file under the same name has another inode. A missing file is a state, too. */
function fingerprintOf(path: string): string {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true })
    return [dev, ino, size, mtimeNs, ctimeNs].join(' ')
  } catch (error) {
    return codeOf(error) ?? 'unreadable'
  }
}
