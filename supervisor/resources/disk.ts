// How much is free under a path. A dead network file system can keep the question open for ever, and each open one
// holds one of the few threads that all file access shares: a path is asked again only when it has answered.

import { statfs } from 'node:fs/promises'
import { type Clock, systemClock } from '../core/clock.ts'
import { limits } from '../core/limits.ts'

/** What an unprivileged process may still write, and what it may have in all, as `df` counts it. */
export interface Space {
  readonly freeBytes: number
  readonly sizeBytes: number
  readonly freeInodes: number
  /** 0 where the file system has no fixed number of them. */
  readonly inodes: number
}

export interface Disks {
  /** Of each path that answered in time. */
  spaces(): Promise<ReadonlyMap<string, Space>>
}

/** As statfs(2) says it. */
interface Figures {
  readonly bsize: number
  readonly blocks: number
  readonly bfree: number
  readonly bavail: number
  readonly files: number
  readonly ffree: number
}

/** @param paths asked for at each look, since a reload may change them: a question that is still open stays the only one */
export function createDisks(
  paths: () => readonly string[],
  clock: Clock = systemClock,
  ask: (path: string) => Promise<Figures> = (path) => statfs(path),
): Disks {
  const asked = new Map<string, Promise<Space | undefined>>()

  function spaceOf(path: string): Promise<Space | undefined> {
    const pending = asked.get(path)
    if (pending) return pending
    const answer = ask(path)
      .then(spaceFrom, () => undefined)
      .finally(() => asked.delete(path))
    asked.set(path, answer)
    return answer
  }

  async function spaces(): Promise<ReadonlyMap<string, Space>> {
    const found = new Map<string, Space>()
    const answers = Promise.all(
      paths().map(async (path) => {
        const space = await spaceOf(path)
        if (space !== undefined) found.set(path, space)
      }),
    )
    let giveUp = () => {}
    const tooLate = new Promise<void>((resolve) => {
      giveUp = resolve
    })
    const timer = clock.startTimer(limits.diskProbeMs, giveUp)
    await Promise.race([answers, tooLate])
    timer.cancel()
    return new Map(found)
  }

  return { spaces }
}

/** Blocks that only root may use are neither free nor part of the whole. */
function spaceFrom({ bsize, blocks, bfree, bavail, files, ffree }: Figures): Space {
  const sizeBytes = Math.max(0, blocks - bfree + bavail) * bsize
  return { freeBytes: bavail * bsize, sizeBytes, freeInodes: ffree, inodes: files }
}
