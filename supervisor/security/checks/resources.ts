// What one container may take from all others on its host: S23–S26. The lowest limit counts of those from its own
// cgroup up to where the hierarchy is mounted.

import { posix } from 'node:path'
import { type Check, fail, pass, unknown, warn } from '../check.ts'
import type { CgroupDirectory } from '../container.ts'
import { Unreadable } from '../view.ts'

/** v1 says "no limit" with the largest page-aligned number; nothing real comes near. */
const unlimitedBytes = 2 ** 60

export const resourceChecks: readonly Check[] = [
  {
    id: 'S23',
    title: 'Memory limit',
    severity: 'high',
    reads: '/sys/fs/cgroup/memory.max',
    expected: 'a limit in the cgroup',
    fix: '--memory 512m, or what the flow needs (Compose: mem_limit; Kubernetes: limits.memory)',
    look({ cgroups, view }) {
      const limit = lowest(cgroups.memory, ({ version, path }) => {
        const text = view.text(`${path}/${version === 2 ? 'memory.max' : 'memory.limit_in_bytes'}`)
        const bytes = Number(text)
        return text.trim() === 'max' || bytes >= unlimitedBytes ? Infinity : bytes
      })
      return Number.isFinite(limit) ? pass(`${Math.round(limit / 1024 ** 2)} MiB`) : fail('no limit')
    },
  },
  {
    id: 'S24',
    title: 'Process limit',
    severity: 'medium',
    reads: '/sys/fs/cgroup/pids.max',
    expected: 'a limit in the cgroup',
    fix: '--pids-limit 200, or what the flow needs (Compose: pids_limit)',
    look({ cgroups, view }) {
      const limit = lowest(cgroups.pids, ({ path }) => {
        const text = view.text(`${path}/pids.max`).trim()
        return text === 'max' ? Infinity : Number(text)
      })
      return Number.isFinite(limit) ? pass(`${limit} processes`) : fail('no limit')
    },
  },
  {
    id: 'S25',
    title: 'CPU limit',
    severity: 'low',
    reads: '/sys/fs/cgroup/cpu.max',
    expected: 'a limit in the cgroup',
    fix: '--cpus 1, or what the flow needs (Compose: cpus; Kubernetes: limits.cpu)',
    look({ cgroups, view }) {
      const limit = lowest(cgroups.cpu, ({ version, path }) => {
        const [quota = '', period = ''] =
          version === 2
            ? view.text(`${path}/cpu.max`).trim().split(' ')
            : [view.text(`${path}/cpu.cfs_quota_us`).trim(), view.text(`${path}/cpu.cfs_period_us`).trim()]
        return quota === 'max' || quota === '-1' ? Infinity : Number(quota) / Number(period)
      })
      return Number.isFinite(limit) ? pass(`${limit} CPUs`) : warn('no limit')
    },
  },
  {
    id: 'S26',
    title: 'Core files',
    severity: 'low',
    reads: '/proc/self/limits',
    expected: 'a limit on the size of core files',
    fix: '--ulimit core=0',
    look(container) {
      const text = container.view.text(`${container.process}/limits`)
      const soft = /^Max core file size\s+(\S+)/m.exec(text)?.[1]
      if (soft === undefined) return unknown('the size of core files is not said')
      return soft === 'unlimited' ? warn('unlimited') : pass(`${soft} bytes`)
    },
  },
]

/**
 * Directories without the file (the top of a hierarchy has none) set no limit; where not one has it, that is not known.
 * @throws Unreadable
 */
function lowest(
  directory: CgroupDirectory | undefined,
  limitOf: (directory: CgroupDirectory) => number,
): number {
  if (!directory) throw new Unreadable('/sys/fs/cgroup', 'the cgroup of this container is not to be seen')
  let least: number | undefined
  let missing: unknown
  for (let path = directory.path; ; path = posix.dirname(path)) {
    try {
      const limit = limitOf({ ...directory, path })
      if (Number.isNaN(limit)) throw new Unreadable(path, 'the limit is no number')
      least = Math.min(least ?? Infinity, limit)
    } catch (error) {
      if (!(error instanceof Unreadable && error.code === 'ENOENT')) throw error
      missing ??= error
    }
    if (path === directory.mount || path === '/') break
  }
  if (least === undefined) throw missing
  return least
}
