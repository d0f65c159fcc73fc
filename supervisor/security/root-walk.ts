// One walk over the root file system for the checks that look at every file of the image.

import type { Mount } from './mounts.ts'
import { type WalkEnd, type WalkParts, walk } from './walk.ts'

export interface RootFindings extends WalkEnd {
  /** Programs that run as their owner or group, whoever starts them. */
  readonly setuid: readonly string[]
  /** What everyone may write to. */
  readonly worldWritable: readonly string[]
}

const setIdBits = 0o6000
const stickyBit = 0o1000
const writableByAll = 0o002

/** Directories of a package manager and of a build may hold many: no more than these are kept. */
const kept = 1_000

export async function walkRoot(parts: WalkParts, mounts: readonly Mount[]): Promise<RootFindings> {
  const setuid: string[] = []
  const worldWritable: string[] = []
  const elsewhere = new Set(mounts.map(({ mountPoint }) => mountPoint))
  const end = await walk(parts, '/', elsewhere, (path, { kind, mode }) => {
    // On a directory setgid means inheritance, not privilege.
    if (kind === 'file' && (mode & setIdBits) !== 0) keep(setuid, path)
    const isOpen = (mode & writableByAll) !== 0 && (kind === 'file' || kind === 'directory')
    if (isOpen && !(kind === 'directory' && (mode & stickyBit) !== 0)) keep(worldWritable, path)
  })
  return { ...end, setuid, worldWritable }
}

function keep(list: string[], path: string): void {
  if (list.length < kept) list.push(path)
}
