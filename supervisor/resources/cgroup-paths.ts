// Finds the directories of the container's own cgroup. In a namespace that is the mount itself; without one the
// kernel names a path from the root of the hierarchy, of which the mount may show only a part.

import { existsSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'

export const controllers = ['memory', 'cpu', 'cpuacct', 'pids', 'blkio'] as const

export type Controller = (typeof controllers)[number]

export interface CgroupDirectory {
  readonly version: 1 | 2
  readonly path: string
  /** Where the hierarchy is mounted: the limits of the directories up to here hold, too. */
  readonly mount: string
}

interface Mount {
  /** The directory of the hierarchy that is mounted. */
  readonly root: string
  readonly mountPoint: string
  readonly type: string
  readonly options: readonly string[]
}

/** A controller is taken from v1 where it is mounted there (also in mixed set-ups), else from v2. */
export function findCgroups(root: string): Partial<Record<Controller, CgroupDirectory>> {
  const paths = readOwnPaths(join(root, 'proc/self/cgroup'))
  const mounts = readMounts(join(root, 'proc/self/mountinfo'))
  const unified = locate(
    root,
    2,
    paths.get(''),
    mounts.find((mount) => mount.type === 'cgroup2'),
  )
  const found: Partial<Record<Controller, CgroupDirectory>> = {}
  for (const controller of controllers) {
    const mount = mounts.find(({ type, options }) => type === 'cgroup' && options.includes(controller))
    const directory = locate(root, 1, paths.get(controller), mount) ?? unified
    if (directory) found[controller] = directory
  }
  return found
}

function locate(
  root: string,
  version: 1 | 2,
  ownPath: string | undefined,
  mount: Mount | undefined,
): CgroupDirectory | undefined {
  if (ownPath === undefined || !mount) return undefined
  const mountPoint = join(root, mount.mountPoint)
  // Outside of what is mounted (`/../x` seen from another namespace): the mount is as near as one can get.
  const inside = ownPath === mount.root || ownPath.startsWith(mount.root === '/' ? '/' : `${mount.root}/`)
  const relative = inside ? posix.relative(mount.root, ownPath) : ''
  const path = join(mountPoint, relative)
  const seen = !relative.startsWith('..') && existsSync(path) ? path : mountPoint
  return existsSync(seen) ? { version, path: seen, mount: mountPoint } : undefined
}

/** Lines like `4:memory:/docker/1f…`, `2:cpu,cpuacct:/` and, for v2, `0::/`. */
function readOwnPaths(file: string): Map<string, string> {
  const paths = new Map<string, string>()
  for (const line of readLines(file)) {
    const match = /^\d+:([^:]*):(\/.*)$/.exec(line)
    if (!match) continue
    for (const controller of (match[1] as string).split(',')) paths.set(controller, match[2] as string)
  }
  return paths
}

/** `35 31 0:32 /root /mount/point rw,relatime shared:1 - cgroup cgroup rw,memory` */
function readMounts(file: string): Mount[] {
  return readLines(file).flatMap((line) => {
    const [before, after] = line.split(' - ', 2)
    const [, , , root, mountPoint] = (before ?? '').split(' ')
    const [type, , options] = (after ?? '').split(' ')
    if (root === undefined || mountPoint === undefined || !type?.startsWith('cgroup')) return []
    return [
      {
        root: unescapePath(root),
        mountPoint: unescapePath(mountPoint),
        type,
        options: options?.split(',') ?? [],
      },
    ]
  })
}

/** The kernel writes a space in a path as `\040`. */
function unescapePath(path: string): string {
  return path.replace(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
}

function readLines(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n')
  } catch {
    return []
  }
}
