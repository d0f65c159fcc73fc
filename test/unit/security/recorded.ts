// A container as it was seen once: /proc, /sys and files in memory, and a closed one to start from.

import { type Cgroups, type Configured, Container } from '../../../supervisor/security/container.ts'
import { type FileFacts, type FileKind, Unreadable, type View } from '../../../supervisor/security/view.ts'
import { createTestClock } from '../../harness/test-clock.ts'

export interface RecordedFile extends Partial<FileFacts> {
  readonly text?: string
  readonly link?: string
  /** What every look at it, and into it, ends with. */
  readonly error?: string
  /** The process may write to it. */
  readonly writable?: true
  /** A directory that may be entered, though it cannot be listed. */
  readonly enterable?: true
}

/** Text, more than that, or undefined for what is not there. Directories above are implied. */
export type Tree = Readonly<Record<string, string | RecordedFile | undefined>>

export function recordedView(tree: Tree): View {
  const files = new Map<string, RecordedFile>()
  for (const [path, file] of Object.entries(tree)) {
    if (file !== undefined) files.set(path, typeof file === 'string' ? { text: file } : file)
  }
  for (const path of [...files.keys()]) {
    for (let above = parent(path); !files.has(above); above = parent(above)) files.set(above, {})
  }
  const isDirectory = (path: string) =>
    [...files.keys()].some((other) => other !== path && parent(other) === path)

  function factsOf(path: string): FileFacts | undefined {
    const file = files.get(path)
    if (!file) return undefined
    const kind = kindOf(path, file)
    const mode = kind === 'directory' ? 0o755 : 0o644
    const { text, link, error, writable, enterable, ...facts } = file
    return { kind, mode, uid: 0, gid: 0, device: 1, major: 0, minor: 0, ...facts }
  }

  function kindOf(path: string, { text, link, error }: RecordedFile): FileKind {
    if (link !== undefined) return 'symlink'
    return text === undefined && (error !== undefined || isDirectory(path)) ? 'directory' : 'file'
  }

  function demand(path: string): RecordedFile {
    for (let above = path; ; above = parent(above)) {
      const error = files.get(above)?.error
      if (error !== undefined) throw new Unreadable(path, error)
      if (above === '/') break
    }
    const file = files.get(path)
    if (!file) throw new Unreadable(path, 'ENOENT')
    return file
  }

  function orNothing<T>(look: () => T): T | undefined {
    try {
      return look()
    } catch (error) {
      if (error instanceof Unreadable && error.code === 'ENOENT') return undefined
      throw error
    }
  }

  const namesIn = (directory: string) =>
    [...files.keys()]
      .filter((path) => path !== '/' && parent(path) === directory)
      .map((path) => path.slice(path.lastIndexOf('/') + 1))

  function stat(path: string, follow: boolean): FileFacts | undefined {
    return orNothing(() => {
      const { link } = demand(path)
      return follow && link !== undefined ? stat(link, true) : factsOf(path)
    })
  }

  return {
    text(path) {
      const { text } = demand(path)
      if (text === undefined) throw new Unreadable(path, 'EISDIR')
      return text
    },
    link(path) {
      const { link } = demand(path)
      if (link === undefined) throw new Unreadable(path, 'EINVAL')
      return link
    },
    names(directory) {
      if (orNothing(() => demand(directory)) === undefined) return []
      return namesIn(directory).sort()
    },
    lstat: (path) => stat(path, false),
    stat: (path) => stat(path, true),
    async entries(directory, most) {
      demand(directory)
      const names = namesIn(directory)
      return {
        entries: names.slice(0, most).map((name) => ({
          name,
          facts: factsOf(directory === '/' ? `/${name}` : `${directory}/${name}`) as FileFacts,
        })),
        all: names.length <= most,
      }
    },
    mayEnter: async (path) => files.get(path)?.enterable ?? files.get(path)?.error === undefined,
    mayWrite: async (path) => files.get(path)?.writable ?? false,
  }
}

function parent(path: string): string {
  return path.slice(0, path.lastIndexOf('/')) || '/'
}

const status = `Name:\tnode
Uid:\t10001\t10001\t10001\t10001
Gid:\t10001\t10001\t10001\t10001
Groups:\t10001 
CapInh:\t0000000000000000
CapPrm:\t0000000000000000
CapEff:\t0000000000000000
CapBnd:\t0000000000000000
CapAmb:\t0000000000000000
NoNewPrivs:\t1
Seccomp:\t2
Seccomp_filters:\t1
`

/** `status` with one field changed, or without it. */
export function statusWith(field: string, value: string | undefined): string {
  const line = new RegExp(`^${field}:.*\\n`, 'm')
  return status.replace(line, value === undefined ? '' : `${field}:\t${value}\n`)
}

/** As Docker mounts them, without what no check looks at. */
export const mountinfo = `79 55 0:39 / / ro,relatime - overlay overlay rw,lowerdir=/var/lib/docker/overlay2/l/A
80 79 0:42 / /proc rw,nosuid,nodev,noexec,relatime - proc proc rw
81 79 0:43 / /dev rw,nosuid - tmpfs tmpfs rw,size=65536k,mode=755
83 79 0:45 / /sys ro,nosuid,nodev,noexec,relatime - sysfs sysfs ro
85 83 0:29 / /sys/fs/cgroup ro,nosuid,nodev,noexec,relatime - cgroup2 cgroup rw
95 81 0:47 / /dev/shm rw,nosuid,nodev,noexec,relatime - tmpfs shm rw,size=65536k
96 79 0:50 / /tmp rw,nosuid,nodev,noexec,relatime - tmpfs tmpfs rw
98 79 254:0 /var/lib/docker/containers/2e7a/resolv.conf /etc/resolv.conf ro,relatime - ext4 /dev/vda rw
101 79 254:0 /var/lib/docker/volumes/state/_data /var/lib/flowkeep rw,relatime master:1 - ext4 /dev/vda rw
59 80 0:42 /sys /proc/sys ro,nosuid,nodev,noexec,relatime - proc proc rw
61 80 0:43 /null /proc/keys rw,nosuid - tmpfs tmpfs rw,size=65536k,mode=755
63 83 0:49 / /sys/firmware ro,relatime - tmpfs tmpfs ro
`

/** One line of a mount. */
export function mountLine(root: string, mountPoint: string, rest = 'rw,relatime - ext4 /dev/vda rw'): string {
  return `200 79 254:0 ${root} ${mountPoint} ${rest}\n`
}

export const tcpHead =
  '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n'

/** A line of /proc/net/tcp. @param state 0A listening, 01 established */
export function tcpLine(local: string, remote = '00000000:0000', state = '0A'): string {
  return `   0: ${local} ${remote} ${state} 00000000:00000000 00:00000000 00000000 10001        0 7100 1 0 100 0 0 10 0\n`
}

export const closed: Tree = {
  '/proc/self/status': status,
  '/proc/self/attr/current': 'docker-default (enforce)\n',
  '/proc/self/uid_map': '         0     100000      65536\n',
  '/proc/self/ns/pid': { link: 'pid:[4026532183]' },
  '/proc/self/ns/ipc': { link: 'ipc:[4026532182]' },
  '/proc/self/ns/uts': { link: 'uts:[4026532181]' },
  '/proc/self/ns/cgroup': { link: 'cgroup:[4026532253]' },
  '/proc/self/ns/net': { link: 'net:[4026532184]' },
  '/proc/self/mountinfo': mountinfo,
  '/proc/self/limits':
    'Limit                     Soft Limit           Hard Limit           Units     \nMax core file size        0                    unlimited            bytes     \n',
  '/proc/self/environ':
    'PATH=/opt/flowkeep/bin\0HOME=/tmp\0CONTAINER_DATABASE_A_URL_FILE=/run/secrets/a_url\0',
  '/proc/self/cmdline': '/opt/flowkeep/bin/node\0/usr/local/bin/flowkeep\0run\0--\0python\0',
  '/proc/self/net/tcp': tcpHead + tcpLine('00000000:1F98') + tcpLine('0B00007F:9A3C'),
  '/proc/self/net/tcp6': tcpHead,
  '/proc/self/net/route':
    'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\neth0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n',
  '/proc/keys': { kind: 'character', major: 1, minor: 3, mode: 0o666 },
  '/sys/firmware': { kind: 'directory', mode: 0o1777 },
  '/sys/class/net/eth0': { link: '../../devices/virtual/net/eth0' },
  '/sys/class/net/lo': { link: '../../devices/virtual/net/lo' },
  '/sys/fs/cgroup/memory.max': '268435456\n',
  '/sys/fs/cgroup/pids.max': '200\n',
  '/sys/fs/cgroup/cpu.max': '100000 100000\n',
  '/dev/null': { kind: 'character', major: 1, minor: 3, mode: 0o666 },
  '/dev/pts/0': { kind: 'character', major: 136, minor: 0, mode: 0o620 },
  '/usr/bin/env': { mode: 0o755 },
  '/opt/flowkeep/flowkeep.cjs': { mode: 0o755 },
  '/opt/flowkeep/bin/node': { mode: 0o755 },
  '/root': { mode: 0o700, error: 'EACCES' },
  '/tmp': { kind: 'directory', mode: 0o1777, device: 2 },
  '/var/lib/flowkeep': { kind: 'directory', mode: 0o700, uid: 10001, device: 3 },
  '/run/secrets/a_url': { mode: 0o400, uid: 10001 },
}

const configured: Configured = {
  ports: [8088],
  allowedSetuid: [],
  stateDirectory: '/var/lib/flowkeep',
  secretFiles: ['/run/secrets/a_url'],
  secretVariables: [],
  databases: [{ name: 'a', host: 'db.example', sslMode: 'verify-full' }],
  codeDirectories: ['/opt/flowkeep', '/opt/flowkeep/bin'],
}

const v2 = { version: 2, path: '/sys/fs/cgroup', mount: '/sys/fs/cgroup' } as const

export interface Changes {
  readonly tree?: Tree
  readonly configured?: Partial<Configured>
  readonly cgroups?: Cgroups
  readonly uid?: number
}

/** The closed container with these changes. */
export function recordedContainer(changes: Changes = {}): Container {
  return new Container({
    clock: createTestClock(),
    view: recordedView({ ...closed, ...changes.tree }),
    process: '/proc/self',
    uid: changes.uid ?? 10001,
    cgroups: changes.cgroups ?? { memory: v2, pids: v2, cpu: v2 },
    configured: { ...configured, ...changes.configured },
    restMs: 0,
  })
}
