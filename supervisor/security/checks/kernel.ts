// What of the kernel and its devices can be reached through /proc, /sys and /dev: S15–S18, S22.

import { limits } from '../../core/limits.ts'
import { type Check, fail, pass, some, unknown, type Verdict } from '../check.ts'
import type { Container } from '../container.ts'
import { isReadOnly, type Mount, mountOf } from '../mounts.ts'
import type { FileFacts } from '../view.ts'

/** Kernel memory, keys of other users, addresses of the kernel, and the machine's firmware. */
const masked = ['/proc/kcore', '/proc/keys', '/proc/timer_list', '/sys/firmware']

/** Of character devices with major number 1: mem, kmem, port, kmsg. */
const memoryDevices: ReadonlySet<number> = new Set([1, 2, 4, 11])

export const kernelChecks: readonly Check[] = [
  {
    id: 'S15',
    title: 'Kernel settings',
    severity: 'critical',
    reads: '/proc/sys',
    expected: '/proc/sys mounted read-only',
    fix: 'no --privileged and no --security-opt systempaths=unconfined',
    look: (container) => readOnly(container, '/proc/sys'),
  },
  {
    id: 'S16',
    title: 'Kernel objects in /sys',
    severity: 'critical',
    reads: '/sys',
    expected: '/sys mounted read-only',
    fix: 'no --privileged',
    look: (container) => readOnly(container, '/sys'),
  },
  {
    id: 'S17',
    title: 'Cgroup hierarchies',
    severity: 'high',
    reads: '/proc/self/mountinfo',
    expected: 'every cgroup hierarchy mounted read-only',
    fix: 'no --privileged and no mount of /sys/fs/cgroup',
    look(container) {
      const cgroups = container.mounts().filter(({ type }) => /^cgroup2?$/.test(type))
      const open = cgroups.filter((mount) => !isReadOnly(mount))
      if (open.length > 0) return fail(`writable: ${some(open.map(({ mountPoint }) => mountPoint))}`)
      return pass(cgroups.length > 0 ? `${cgroups.length} mounted read-only` : 'none is mounted')
    },
  },
  {
    id: 'S18',
    title: 'Kernel memory, keys and firmware',
    severity: 'high',
    reads: '/proc/kcore',
    expected: `${masked.join(', ')} absent or masked`,
    fix: 'no --privileged and no --security-opt systempaths=unconfined (Kubernetes: procMount: Default)',
    look(container) {
      const mounts = container.mounts()
      const open = masked.filter((path) => {
        const facts = container.view.lstat(path)
        return facts !== undefined && !isMasked(path, facts, mounts)
      })
      return open.length > 0 ? fail(`open: ${open.join(', ')}`) : pass('masked')
    },
  },
  {
    id: 'S22',
    title: 'Devices',
    severity: 'high',
    reads: '/dev',
    expected: 'no block device, mem, kmem, port or kmsg in /dev',
    fix: 'no --privileged and no --device for disks and memory',
    look(container) {
      const { found, cut } = devicesBelow(container, '/dev')
      if (found.length > 0) return fail(some(found))
      return cut ? unknown(`more than ${limits.securityListEntries} entries in /dev`) : pass('none')
    },
  },
]

function readOnly(container: Container, path: string): Verdict {
  const mount = mountOf(path, container.mounts())
  if (!mount) return unknown(`nothing says what ${path} is mounted from`)
  const where = mount.mountPoint === path ? path : `${path}, as part of ${mount.mountPoint},`
  return isReadOnly(mount) ? pass(`${where} is read-only`) : fail(`${where} is writable`)
}

/** Engines put /dev/null over files and an empty read-only tmpfs over directories. */
function isMasked(path: string, facts: FileFacts, mounts: readonly Mount[]): boolean {
  if (facts.kind === 'character') return facts.major === 1 && facts.minor === 3
  if (facts.kind !== 'directory') return false
  const mount = mountOf(path, mounts)
  return mount?.mountPoint === path && mount.type === 'tmpfs' && isReadOnly(mount)
}

function devicesBelow({ view }: Container, top: string): { found: string[]; cut: boolean } {
  const found: string[] = []
  const waiting = [top]
  let seen = 0
  for (let directory = waiting.pop(); directory !== undefined; directory = waiting.pop()) {
    for (const name of view.names(directory)) {
      seen += 1
      if (seen > limits.securityListEntries) return { found, cut: true }
      const path = `${directory}/${name}`
      const facts = view.lstat(path)
      if (facts?.kind === 'directory') waiting.push(path)
      else if (facts && isForbidden(facts)) found.push(path)
    }
  }
  return { found: found.sort(), cut: false }
}

function isForbidden({ kind, major, minor }: FileFacts): boolean {
  return kind === 'block' || (kind === 'character' && major === 1 && memoryDevices.has(minor))
}
