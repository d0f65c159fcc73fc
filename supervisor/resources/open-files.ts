// The files that processes of the container have open, as far as they can be seen: removing one would free nothing, and
// what is written to it later would be lost.

import { readdir, stat } from 'node:fs/promises'
import { limits } from '../core/limits.ts'

/** @returns each as `device:inode` */
export async function openFiles(proc = '/proc'): Promise<ReadonlySet<string>> {
  const found = new Set<string>()
  let looked = 0
  for (const pid of await list(proc)) {
    if (!/^\d+$/.test(pid)) continue
    for (const fd of await list(`${proc}/${pid}/fd`)) {
      if (++looked > limits.cleanupOpenFiles) return found
      const opened = await stat(`${proc}/${pid}/fd/${fd}`, { bigint: true }).catch(() => undefined)
      if (opened?.isFile()) found.add(`${opened.dev}:${opened.ino}`)
    }
  }
  return found
}

async function list(directory: string): Promise<string[]> {
  try {
    return await readdir(directory)
  } catch {
    return [] // Ended meanwhile, or somebody else's.
  }
}
