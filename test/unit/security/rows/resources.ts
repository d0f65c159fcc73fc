import type { Cgroups } from '../../../../supervisor/security/container.ts'
import type { Row } from './row.ts'

const v1: Cgroups = {
  memory: { version: 1, path: '/sys/fs/cgroup/memory/a/b', mount: '/sys/fs/cgroup/memory' },
  pids: { version: 1, path: '/sys/fs/cgroup/pids', mount: '/sys/fs/cgroup/pids' },
  cpu: { version: 1, path: '/sys/fs/cgroup/cpu', mount: '/sys/fs/cgroup/cpu' },
}
const nested: Cgroups = {
  memory: { version: 2, path: '/sys/fs/cgroup/a/b', mount: '/sys/fs/cgroup' },
}
const unlimited = '9223372036854771712\n'
const file = (path: string, text: string) => ({ tree: { [`/sys/fs/cgroup/${path}`]: text } })
const hidden = (path: string) => ({ tree: { [`/sys/fs/cgroup/${path}`]: { error: 'EACCES' } } })

export const resourceRows: readonly Row[] = [
  ['S23', 'v2 without a limit', 'fail', /no limit/, file('memory.max', 'max\n')],
  [
    'S23',
    'v1 without a limit',
    'fail',
    /no limit/,
    { cgroups: v1, tree: { '/sys/fs/cgroup/memory/a/b/memory.limit_in_bytes': unlimited } },
  ],
  [
    'S23',
    'v1 with a limit',
    'pass',
    /512 MiB/,
    { cgroups: v1, tree: { '/sys/fs/cgroup/memory/a/b/memory.limit_in_bytes': '536870912\n' } },
  ],
  [
    'S23',
    'v1 with a limit above',
    'pass',
    /64 MiB/,
    {
      cgroups: v1,
      tree: {
        '/sys/fs/cgroup/memory/a/b/memory.limit_in_bytes': unlimited,
        '/sys/fs/cgroup/memory/a/memory.limit_in_bytes': '67108864\n',
      },
    },
  ],
  [
    'S23',
    'v2 with a limit above',
    'pass',
    /256 MiB/,
    { cgroups: nested, tree: { '/sys/fs/cgroup/a/b/memory.max': 'max\n' } },
  ],
  [
    'S23',
    'v2 at the top of the hierarchy, which has no file',
    'fail',
    /no limit/,
    {
      cgroups: nested,
      tree: { '/sys/fs/cgroup/a/b/memory.max': 'max\n', '/sys/fs/cgroup/memory.max': undefined },
    },
  ],
  ['S23', 'no cgroup to be seen', 'unknown', /not to be seen/, { cgroups: {} }],
  ['S23', 'not to be read', 'unknown', /EACCES/, hidden('memory.max')],
  ['S23', 'no file', 'unknown', /ENOENT/, { tree: { '/sys/fs/cgroup/memory.max': undefined } }],
  ['S23', 'no number', 'unknown', /no number/, file('memory.max', 'plenty\n')],
  ['S24', 'v2 without a limit', 'fail', /no limit/, file('pids.max', 'max\n')],
  ['S24', 'v1 with a limit', 'pass', /17/, { cgroups: v1, tree: { '/sys/fs/cgroup/pids/pids.max': '17\n' } }],
  ['S24', 'not to be read', 'unknown', /EACCES/, hidden('pids.max')],
  ['S25', 'v2 without a limit', 'warn', /no limit/, file('cpu.max', 'max 100000\n')],
  [
    'S25',
    'v1 without a limit',
    'warn',
    /no limit/,
    {
      cgroups: v1,
      tree: {
        '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '-1\n',
        '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n',
      },
    },
  ],
  [
    'S25',
    'v1 with a limit',
    'pass',
    /1.5 CPUs/,
    {
      cgroups: v1,
      tree: {
        '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '150000\n',
        '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n',
      },
    },
  ],
  ['S25', 'not to be read', 'unknown', /EACCES/, hidden('cpu.max')],
  [
    'S26',
    'unlimited',
    'warn',
    /unlimited/,
    {
      tree: {
        '/proc/self/limits':
          'Max core file size        unlimited            unlimited            bytes     \n',
      },
    },
  ],
  ['S26', 'not said', 'unknown', /not said/, { tree: { '/proc/self/limits': 'Max open files 1 1 files\n' } }],
  ['S26', 'not to be read', 'unknown', /EACCES/, { tree: { '/proc/self/limits': { error: 'EACCES' } } }],
]
