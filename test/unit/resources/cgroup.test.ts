// Trees as the kernel shows them in a container, with and without a cgroup namespace.

import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { type CgroupReading, openCgroup } from '../../../supervisor/resources/cgroup.ts'

function tree(t: Test, files: Record<string, string>): string {
  const root = t.testdir({})
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), content)
  }
  return root
}

const v2 = {
  'memory.current': '104857600\n',
  'memory.max': '268435456\n',
  'memory.stat': 'anon 73400320\nfile 31457280\ninactive_file 20971520\n',
  'memory.events': 'low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\noom_group_kill 0\n',
  'cpu.stat':
    'usage_usec 2500000\nuser_usec 2000000\nsystem_usec 500000\nnr_periods 10\nnr_throttled 2\nthrottled_usec 1500000\n',
  'cpu.max': '150000 100000\n',
  'pids.current': '17\n',
  'pids.max': '200\n',
}

const expected: CgroupReading = {
  memoryBytes: 83886080,
  memoryUsageBytes: 104857600,
  memoryLimitBytes: 268435456,
  cpuSeconds: 2.5,
  cpuLimit: 1.5,
  cpuThrottledSeconds: 1.5,
  cpuPeriods: 10,
  cpuThrottledPeriods: 2,
  oomKills: 2,
  pids: 17,
  pidsLimit: 200,
}

function under(directory: string, files: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(files).map(([name, content]) => [join(directory, name), content]))
}

const v2Mountinfo = (root: string) =>
  [
    '612 611 0:53 / / ro,relatime - overlay overlay rw,lowerdir=/a - b',
    `620 619 0:28 ${root} /sys/fs/cgroup ro,nosuid,nodev,noexec,relatime - cgroup2 cgroup rw,nsdelegate`,
    '',
  ].join('\n')

t.test('R6.1 cgroup v2 in a namespace of its own', async (t) => {
  const root = tree(t, {
    'proc/self/cgroup': '0::/\n',
    'proc/self/mountinfo': v2Mountinfo('/'),
    ...under('sys/fs/cgroup', v2),
  })
  const cgroup = openCgroup(root)
  t.equal(cgroup.version, 2)
  t.strictSame(cgroup.read(), expected)
  t.equal(cgroup.oomKills(), 2)
  t.strictSame(cgroup.readMemory(), { usedBytes: 83886080, limitBytes: 268435456 })
  writeFileSync(join(root, 'sys/fs/cgroup/memory.events'), 'oom_kill 3\n')
  t.equal(cgroup.oomKills(), 3, 'read anew each time')
})

t.test('R6.1 cgroup v2 on the host: a limit further up holds, too', async (t) => {
  const root = tree(t, {
    'proc/self/cgroup': '0::/system.slice/docker-1f.scope\n',
    'proc/self/mountinfo': v2Mountinfo('/'),
    ...under('sys/fs/cgroup/system.slice/docker-1f.scope', {
      ...v2,
      'memory.max': 'max\n',
      'cpu.max': 'max 100000\n',
      'pids.max': 'max\n',
    }),
    'sys/fs/cgroup/system.slice/memory.max': '300000000\n',
  })
  t.match(openCgroup(root).read(), {
    memoryUsageBytes: 104857600,
    memoryLimitBytes: 300000000,
    cpuLimit: undefined,
    pidsLimit: undefined,
  })
})

t.test('R6.1 a CPU limit further up holds, too, and throttling is counted there', async (t) => {
  const kubepods = 'sys/fs/cgroup/kubepods.slice/kubepods-pod1.slice'
  const files = {
    'proc/self/cgroup': '0::/kubepods.slice/kubepods-pod1.slice/cri-1f.scope\n',
    'proc/self/mountinfo': v2Mountinfo('/'),
    ...under(`${kubepods}/cri-1f.scope`, {
      ...v2,
      'cpu.max': 'max 100000\n',
      'cpu.stat': 'usage_usec 2500000\nnr_periods 0\nnr_throttled 0\nthrottled_usec 0\n',
    }),
    ...under(kubepods, {
      'cpu.max': '50000 100000\n',
      'cpu.stat': 'usage_usec 9000000\nnr_periods 40\nnr_throttled 30\nthrottled_usec 7000000\n',
    }),
    'sys/fs/cgroup/kubepods.slice/cpu.max': '300000 100000\n',
  }
  const limited = {
    ...{ cpuLimit: 0.5, cpuSeconds: 2.5, cpuThrottledSeconds: 7 },
    ...{ cpuPeriods: 40, cpuThrottledPeriods: 30 },
  }
  t.match(openCgroup(tree(t, files)).read(), limited)

  const tighter = { [`${kubepods}/cri-1f.scope/cpu.max`]: '20000 100000\n' }
  t.match(openCgroup(tree(t, { ...files, ...tighter })).read(), { cpuLimit: 0.2, cpuThrottledPeriods: 0 })

  const v1 = v1Tree(t, '/kubepods/pod1/1f', '/', 'kubepods/pod1/1f')
  const cpu = join(v1, 'sys/fs/cgroup/cpu,cpuacct')
  writeFileSync(join(cpu, 'kubepods/pod1/cpu.cfs_quota_us'), '50000\n')
  writeFileSync(join(cpu, 'kubepods/pod1/cpu.cfs_period_us'), '100000\n')
  const stat = 'nr_periods 40\nnr_throttled 30\nthrottled_time 7000000000\n'
  writeFileSync(join(cpu, 'kubepods/pod1/cpu.stat'), stat)
  writeFileSync(join(cpu, 'kubepods/cpu.cfs_quota_us'), '-1\n')
  t.match(openCgroup(v1).read(), limited)
})

t.test('R6.1 a mount that shows only a part of the hierarchy', async (t) => {
  const inside = tree(t, {
    'proc/self/cgroup': '0::/docker/1f/nested\n',
    'proc/self/mountinfo': v2Mountinfo('/docker/1f'),
    ...under('sys/fs/cgroup/nested', v2),
  })
  t.strictSame(openCgroup(inside).read(), expected)
  const outside = tree(t, {
    'proc/self/cgroup': '0::/../other\n',
    'proc/self/mountinfo': v2Mountinfo('/'),
    ...under('sys/fs/cgroup', v2),
  })
  t.strictSame(openCgroup(outside).read(), expected, 'the mount is as near as one can get')
})

const v1Files = {
  ...under('memory', {
    'memory.usage_in_bytes': '104857600\n',
    'memory.limit_in_bytes': '268435456\n',
    'memory.stat': 'cache 31457280\nhierarchical_memory_limit 268435456\ntotal_inactive_file 20971520\n',
    'memory.oom_control': 'oom_kill_disable 0\nunder_oom 0\noom_kill 2\n',
  }),
  ...under('cpu,cpuacct', {
    'cpu.stat': 'nr_periods 10\nnr_throttled 2\nthrottled_time 1500000000\n',
    'cpu.cfs_quota_us': '150000\n',
    'cpu.cfs_period_us': '100000\n',
    'cpuacct.usage': '2500000000\n',
  }),
  ...under('pids', { 'pids.current': '17\n', 'pids.max': '200\n' }),
}

function v1Tree(t: Test, ownPath: string, mountRoot: string, below = ''): string {
  const hierarchies = ['memory', 'cpu,cpuacct', 'pids']
  return tree(t, {
    'proc/self/cgroup': [
      ...hierarchies.map((names, index) => `${index + 2}:${names}:${ownPath}`),
      `1:name=systemd:${ownPath}`,
      '0::/',
      '',
    ].join('\n'),
    'proc/self/mountinfo': [
      '31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755',
      ...hierarchies.map(
        (names, index) =>
          `${40 + index} 31 0:${30 + index} ${mountRoot} /sys/fs/cgroup/${names} ro,nosuid master:${index} - cgroup cgroup rw,${names}`,
      ),
      '49 31 0:39 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw',
      '',
    ].join('\n'),
    'sys/fs/cgroup/unified/cgroup.controllers': '\n',
    ...Object.fromEntries(
      Object.entries(v1Files).map(([path, content]) => {
        const [hierarchy = '', name = ''] = path.split('/')
        return [join('sys/fs/cgroup', hierarchy, below, name), content]
      }),
    ),
  })
}

t.test('R6.1 cgroup v1, as Docker mounts the container’s own part', async (t) => {
  const cgroup = openCgroup(v1Tree(t, '/docker/1f', '/docker/1f'))
  t.equal(cgroup.version, 1)
  t.strictSame(cgroup.read(), expected)
  t.equal(cgroup.oomKills(), 2)
})

t.test('R6.1 cgroup v1 in a namespace, and on the host', async (t) => {
  t.strictSame(openCgroup(v1Tree(t, '/', '/')).read(), expected)
  t.strictSame(openCgroup(v1Tree(t, '/docker/1f', '/', 'docker/1f')).read(), expected)
})

t.test('R6.1 v1 without limits has none', async (t) => {
  const root = v1Tree(t, '/', '/')
  const set = (path: string, content: string) => writeFileSync(join(root, 'sys/fs/cgroup', path), content)
  set('memory/memory.stat', 'hierarchical_memory_limit 9223372036854771712\ntotal_inactive_file 0\n')
  set('cpu,cpuacct/cpu.cfs_quota_us', '-1\n')
  set('pids/pids.max', 'max\n')
  t.match(openCgroup(root).read(), { memoryLimitBytes: undefined, cpuLimit: undefined, pidsLimit: undefined })
})

t.test('R6.1 where there is no cgroup to be seen, everything is undefined', async (t) => {
  for (const root of [
    t.testdir({}),
    tree(t, { 'proc/self/cgroup': '0::/\nnonsense', 'proc/self/mountinfo': 'x - y' }),
  ]) {
    const cgroup = openCgroup(root)
    t.equal(cgroup.version, undefined)
    t.ok(Object.values(cgroup.read()).every((value) => value === undefined))
    t.equal(cgroup.oomKills(), undefined)
  }
})

t.test('R6.1 a mount point with a space in its path is found', async (t) => {
  const root = tree(t, {
    'proc/self/cgroup': '0::/\n',
    'proc/self/mountinfo': '1 1 0:1 / /sys/fs/c\\040group ro - cgroup2 cgroup2 rw\n',
    ...under('sys/fs/c group', v2),
  })
  t.equal(openCgroup(root).read().pids, 17)
})

const psi = (some: number, full: number) =>
  `some avg10=0.12 avg60=0.05 avg300=0.01 total=${some}\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=${full}\n`

t.test('R6.1 pressure and block I/O of the container’s own cgroup v2', async (t) => {
  const root = tree(t, {
    'proc/self/cgroup': '0::/\n',
    'proc/self/mountinfo': v2Mountinfo('/'),
    'proc/pressure/cpu': psi(99_000_000, 0),
    ...under('sys/fs/cgroup', {
      ...v2,
      'cpu.pressure': psi(2_500_000, 500_000),
      'memory.pressure': psi(0, 0),
      'io.pressure': psi(1_000_000, 250_000),
      'io.stat':
        '254:0 rbytes=4096 wbytes=1048576 rios=1 wios=20 dbytes=0 dios=0\n8:16 rbytes=8192 wbytes=0 rios=2 wios=0 dbytes=0 dios=0\n7:0 \n',
    }),
  })
  const cgroup = openCgroup(root)
  t.strictSame(cgroup.readPressure(), {
    of: 'container',
    cpu: { some: 2.5, full: 0.5 },
    memory: { some: 0, full: 0 },
    io: { some: 1, full: 0.25 },
  })
  t.strictSame(cgroup.readBlockIo(), { readBytes: 12_288, writtenBytes: 1_048_576 })
})

t.test('R6.1 with cgroup v1 pressure is that of the machine, and it says so', async (t) => {
  const root = v1Tree(t, '/', '/')
  t.equal(openCgroup(root).readPressure(), undefined, 'the kernel counts none')
  mkdirSync(join(root, 'proc/pressure'), { recursive: true })
  writeFileSync(join(root, 'proc/pressure/cpu'), 'some avg10=0.00 avg60=0.00 avg300=0.00 total=3000000\n')
  t.strictSame(openCgroup(root).readPressure(), {
    of: 'machine',
    cpu: { some: 3, full: 0 },
    memory: undefined,
    io: undefined,
  })
})

t.test('R6.1 block I/O of cgroup v1', async (t) => {
  const blkio = (files: Record<string, string>) =>
    tree(t, {
      'proc/self/cgroup': '7:blkio:/\n',
      'proc/self/mountinfo': '40 31 0:30 / /sys/fs/cgroup/blkio ro - cgroup cgroup rw,blkio\n',
      ...under('sys/fs/cgroup/blkio', files),
    })
  const lines = '8:0 Read 4096\n8:0 Write 1024\n8:0 Sync 1024\n8:0 Total 5120\n8:16 Read 1\nTotal 5121\n'
  const name = 'blkio.throttle.io_service_bytes'
  const read = (files: Record<string, string>) => openCgroup(blkio(files)).readBlockIo()
  t.strictSame(read({ [name]: 'Total 0\n' }), { readBytes: 0, writtenBytes: 0 })
  t.strictSame(read({ [name]: 'Total 0\n', [`${name}_recursive`]: lines }), {
    readBytes: 4097,
    writtenBytes: 1024,
  })
  t.strictSame(read({ other: '' }), { readBytes: undefined, writtenBytes: undefined })
})
