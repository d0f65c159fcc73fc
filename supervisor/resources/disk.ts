// How much is free under a path. A dead network file system can keep the question open for ever, and each open one
// holds one of the few threads that all file access shares: a path is asked again only when it has answered.

import { statfs } from 'node:fs/promises'
import { type Clock, systemClock } from '../core/clock.ts'
import { limits } from '../core/limits.ts'

export interface Disks {
  /** Bytes an unprivileged process may still write, for each path that answered in time. */
  freeBytes(): Promise<ReadonlyMap<string, number>>
}

export function createDisks(
  paths: readonly string[],
  clock: Clock = systemClock,
  ask: (path: string) => Promise<{ bavail: number; bsize: number }> = (path) => statfs(path),
): Disks {
  const asked = new Map<string, Promise<number | undefined>>()

  function freeOf(path: string): Promise<number | undefined> {
    const pending = asked.get(path)
    if (pending) return pending
    const answer = ask(path)
      .then(
        ({ bavail, bsize }) => bavail * bsize,
        () => undefined,
      )
      .finally(() => asked.delete(path))
    asked.set(path, answer)
    return answer
  }

  async function freeBytes(): Promise<ReadonlyMap<string, number>> {
    const free = new Map<string, number>()
    const answers = Promise.all(
      paths.map(async (path) => {
        const bytes = await freeOf(path)
        if (bytes !== undefined) free.set(path, bytes)
      }),
    )
    let giveUp = () => {}
    const tooLate = new Promise<void>((resolve) => {
      giveUp = resolve
    })
    const timer = clock.startTimer(limits.diskProbeMs, giveUp)
    await Promise.race([answers, tooLate])
    timer.cancel()
    return new Map(free)
  }

  return { freeBytes }
}
