import { mountinfo, mountLine, type Tree } from '../recorded.ts'
import type { Row } from './row.ts'

const withMounts = (more: string, tree: Tree = {}) => ({
  tree: { '/proc/self/mountinfo': mountinfo + more, ...tree },
})
const noMounts = { tree: { '/proc/self/mountinfo': { error: 'EACCES' } } }
const environment = (text: string) => ({ tree: { '/proc/self/environ': `${text}\0` } })
const system = { '/data/etc/passwd': '', '/data/usr/bin/env': '' }
const btrfs = (options: string) => `rw - btrfs /dev/sda rw,${options}`

export const mountRows: readonly Row[] = [
  [
    'S14',
    'writable',
    'fail',
    /writable/,
    { tree: { '/proc/self/mountinfo': mountinfo.replace('/ / ro,', '/ / rw,') } },
  ],
  ['S14', 'not to be read', 'unknown', /EACCES/, noMounts],
  ['S14', 'no root', 'unknown', /nothing says/, { tree: { '/proc/self/mountinfo': '' } }],

  [
    'S19',
    'a socket in its usual place',
    'fail',
    /^\/run\/docker.sock$/,
    { tree: { '/run/docker.sock': { kind: 'socket' } } },
  ],
  [
    'S19',
    "containerd's",
    'fail',
    /containerd/,
    { tree: { '/run/containerd/containerd.sock': { kind: 'socket' } } },
  ],
  [
    'S19',
    'a socket mounted elsewhere',
    'fail',
    /^\/x$/,
    withMounts(mountLine('/docker.sock', '/x', 'rw - tmpfs tmpfs rw')),
  ],
  [
    'S19',
    "a socket below the host's root",
    'fail',
    /\/data\/run\/docker.sock/,
    withMounts(mountLine('/', '/data'), { ...system, '/data/run/docker.sock': { kind: 'socket' } }),
  ],
  ['S19', 'DOCKER_HOST', 'fail', /^DOCKER_HOST$/, environment('DOCKER_HOST=tcp://u:geheim@10.0.0.1:2375')],
  ['S19', 'DOCKER_HOST set to nothing', 'pass', /none/, environment('DOCKER_HOST=')],
  ['S19', 'a file of that name', 'pass', /none/, { tree: { '/run/docker.sock': '' } }],
  [
    'S19',
    'no environment to be read',
    'unknown',
    /EACCES/,
    { tree: { '/proc/self/environ': { error: 'EACCES' } } },
  ],
  ['S19', 'not to be seen', 'unknown', /EACCES/, { tree: { '/run': { error: 'EACCES' } } }],

  ['S20', "the host's root", 'fail', /\/data is the host's \//, withMounts(mountLine('/', '/data'), system)],
  [
    'S20',
    'a disk of its own',
    'pass',
    /none/,
    withMounts(mountLine('/', '/data'), { '/data/orders.csv': '' }),
  ],
  ['S20', '/etc', 'fail', /host's \/etc/, withMounts(mountLine('/etc', '/data'))],
  ['S20', 'a file of /etc', 'pass', /none/, withMounts(mountLine('/etc/localtime', '/etc/localtime'))],
  ['S20', '/root', 'fail', /host's \/root/, withMounts(mountLine('/root', '/data'))],
  ['S20', 'below /root', 'fail', /host's \/root\/.ssh/, withMounts(mountLine('/root/.ssh', '/data'))],
  ['S20', '/var', 'fail', /host's \/var/, withMounts(mountLine('/var', '/data'))],
  [
    'S20',
    "the engine's directory",
    'fail',
    /host's \/var\/lib\/docker/,
    withMounts(mountLine('/var/lib/docker', '/data')),
  ],
  [
    'S20',
    'all volumes',
    'fail',
    /docker\/volumes/,
    withMounts(mountLine('/var/lib/docker/volumes', '/data')),
  ],
  [
    'S20',
    "the engine's directory as a disk of its own",
    'fail',
    /host's \//,
    withMounts(mountLine('/', '/data'), { '/data/overlay2/l/A': '', '/data/volumes/db/x': '' }),
  ],
  [
    'S20',
    'a volume of Kubernetes',
    'pass',
    /none/,
    withMounts(mountLine('/var/lib/kubelet/pods/1/volumes/a', '/data')),
  ],
  [
    'S20',
    'a directory with a name like it',
    'pass',
    /none/,
    withMounts(mountLine('/etcetera', '/data') + mountLine('/srv/root', '/other')),
  ],
  [
    'S20',
    "the host's /proc",
    'fail',
    /\/host\/proc is the host's proc/,
    withMounts(mountLine('/', '/host/proc', 'rw - proc proc rw')),
  ],
  ['S20', "the host's /sys", 'fail', /sysfs/, withMounts(mountLine('/', '/host/sys', 'rw - sysfs sysfs rw'))],
  ['S20', "the host's /dev", 'fail', /devtmpfs/, withMounts(mountLine('/', '/dev', 'rw - devtmpfs udev rw'))],
  [
    'S20',
    'btrfs, a subvolume named root',
    'pass',
    /none/,
    withMounts(mountLine('/root/srv/data', '/data', btrfs('subvol=/root'))),
  ],
  [
    'S20',
    'btrfs, /etc in a subvolume',
    'fail',
    /host's \/etc/,
    withMounts(mountLine('/@/etc', '/data', btrfs('subvol=/@'))),
  ],
  ['S20', 'a path with a space', 'pass', /none/, withMounts(mountLine('/srv/my\\040data', '/data'))],
  [
    'S20',
    'a tmpfs and a network share',
    'pass',
    /none/,
    withMounts(mountLine('/', '/a', 'rw - tmpfs tmpfs rw') + mountLine('/', '/b', 'rw - nfs4 server:/ rw'), {
      '/a/etc/x': '',
      '/a/usr/x': '',
      '/b/etc/x': '',
      '/b/usr/x': '',
    }),
  ],
  ['S20', 'not to be read', 'unknown', /EACCES/, noMounts],
  [
    'S20',
    'a disk that cannot be looked into',
    'unknown',
    /EACCES/,
    withMounts(mountLine('/', '/data'), { '/data': { error: 'EACCES' } }),
  ],

  [
    'S21',
    'shared',
    'fail',
    /^\/data$/,
    withMounts(mountLine('/srv', '/data', 'rw,relatime shared:12 - ext4 /dev/vda rw')),
  ],
  [
    'S21',
    'shared and following',
    'fail',
    /^\/data$/,
    withMounts(mountLine('/srv', '/data', 'rw,relatime shared:12 master:3 - ext4 /dev/vda rw')),
  ],
  ['S21', 'not to be read', 'unknown', /EACCES/, noMounts],

  [
    'S27',
    '/tmp on a volume',
    'warn',
    /^\/tmp lacks nosuid, nodev, noexec$/,
    withMounts(mountLine('/srv', '/tmp')),
  ],
  [
    'S27',
    '/dev/shm without noexec',
    'warn',
    /\/dev\/shm lacks noexec/,
    {
      tree: {
        '/proc/self/mountinfo': mountinfo.replace(
          '/dev/shm rw,nosuid,nodev,noexec',
          '/dev/shm rw,nosuid,nodev',
        ),
      },
    },
  ],
  [
    'S27',
    '/tmp on the root',
    'warn',
    /\/tmp lacks/,
    { tree: { '/proc/self/mountinfo': mountinfo.replace(/^.* \/tmp .*\n/m, '') } },
  ],
  ['S27', 'not to be read', 'unknown', /EACCES/, noMounts],
]
