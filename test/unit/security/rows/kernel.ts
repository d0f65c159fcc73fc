import { mountinfo, mountLine } from '../recorded.ts'
import type { Row } from './row.ts'

const namespace = (name: string, link: string) => ({ tree: { [`/proc/self/ns/${name}`]: { link } } })
const hidden = (path: string) => ({ tree: { [path]: { error: 'EACCES' } } })
const mounts = (text: string) => ({ tree: { '/proc/self/mountinfo': text } })
const device = (path: string, major: number, minor: number, kind: 'block' | 'character') => ({
  tree: { [path]: { kind, major, minor, mode: 0o600 } },
})
const noMounts = hidden('/proc/self/mountinfo')
const without = (mountPoint: string) =>
  mounts(mountinfo.replace(new RegExp(`^.* ${mountPoint} .*\\n`, 'm'), ''))

export const kernelRows: readonly Row[] = [
  ['S10', "the host's", 'fail', /host/, namespace('pid', 'pid:[4026531836]')],
  ['S10', 'not to be read', 'unknown', /EACCES/, hidden('/proc/self/ns/pid')],
  ['S10', 'another kernel', 'unknown', /no namespace/, namespace('pid', 'somewhere')],
  ['S11', "the host's IPC", 'fail', /host's ipc/, namespace('ipc', 'ipc:[4026531839]')],
  ['S11', "the host's UTS", 'fail', /host's uts/, namespace('uts', 'uts:[4026531838]')],
  ['S11', 'not to be read', 'unknown', /EACCES/, hidden('/proc/self/ns/uts')],
  ['S12', 'docker0', 'fail', /docker0/, { tree: { '/sys/class/net/docker0': { link: 'x' } } }],
  ['S12', 'cni0', 'fail', /cni0/, { tree: { '/sys/class/net/cni0': { link: 'x' } } }],
  ['S12', 'the number of a new kernel', 'fail', /host's network/, namespace('net', 'net:[4026531833]')],
  [
    'S12',
    'an interface with a name like it',
    'pass',
    /docker-less/,
    { tree: { '/sys/class/net/docker-less': { link: 'x' } } },
  ],
  ['S12', 'not to be read', 'unknown', /EACCES/, hidden('/sys/class/net')],
  ['S13', "the host's", 'warn', /host/, namespace('cgroup', 'cgroup:[4026531835]')],
  ['S13', 'not to be read', 'unknown', /EACCES/, hidden('/proc/self/ns/cgroup')],
  [
    'S15',
    'writable by itself',
    'fail',
    /\/proc\/sys is writable/,
    mounts(mountinfo.replace('/proc/sys ro,', '/proc/sys rw,')),
  ],
  ['S15', 'part of a writable /proc', 'fail', /as part of \/proc, is writable/, without('/proc/sys')],
  [
    'S15',
    'hidden by a later mount',
    'fail',
    /writable/,
    mounts(mountinfo + mountLine('/', '/proc/sys', 'rw - proc proc rw')),
  ],
  ['S15', 'not to be read', 'unknown', /EACCES/, noMounts],
  ['S15', 'no mount at all', 'unknown', /nothing says/, mounts('\n')],
  ['S16', 'writable', 'fail', /\/sys is writable/, mounts(mountinfo.replace('/sys ro,', '/sys rw,'))],
  [
    'S16',
    'writable, though its superblock is read-only',
    'fail',
    /writable/,
    mounts(mountinfo.replace('/sys ro,', '/sys rw,')),
  ],
  ['S16', 'not to be read', 'unknown', /EACCES/, noMounts],
  [
    'S17',
    'v2, writable',
    'fail',
    /\/sys\/fs\/cgroup/,
    mounts(mountinfo.replace('/sys/fs/cgroup ro,', '/sys/fs/cgroup rw,')),
  ],
  [
    'S17',
    'v1, one controller writable',
    'fail',
    /^writable: \/sys\/fs\/cgroup\/memory$/,
    mounts(
      mountinfo + mountLine('/docker/2e', '/sys/fs/cgroup/memory', 'rw,nosuid - cgroup cgroup rw,memory'),
    ),
  ],
  [
    'S17',
    'v1, read-only on a writable hierarchy',
    'pass',
    /2 mounted/,
    mounts(
      mountinfo + mountLine('/docker/2e', '/sys/fs/cgroup/memory', 'ro,nosuid - cgroup cgroup rw,memory'),
    ),
  ],
  ['S17', 'none mounted', 'pass', /none/, without('/sys/fs/cgroup')],
  ['S17', 'not to be read', 'unknown', /EACCES/, noMounts],
  ['S18', 'kcore open', 'fail', /^open: \/proc\/kcore$/, { tree: { '/proc/kcore': { mode: 0o400 } } }],
  ['S18', 'keys open', 'fail', /\/proc\/keys/, { tree: { '/proc/keys': { mode: 0o444, kind: 'file' } } }],
  ['S18', 'timer_list open', 'fail', /timer_list/, { tree: { '/proc/timer_list': '' } }],
  ['S18', 'firmware open', 'fail', /firmware/, without('/sys/firmware')],
  [
    'S18',
    'firmware under a writable tmpfs',
    'fail',
    /firmware/,
    mounts(mountinfo.replace('/sys/firmware ro,', '/sys/firmware rw,')),
  ],
  ['S18', 'not to be seen', 'unknown', /EACCES/, hidden('/proc/kcore')],
  ['S22', 'a disk', 'fail', /^\/dev\/sda$/, device('/dev/sda', 8, 0, 'block')],
  ['S22', 'a disk further down', 'fail', /\/dev\/disk\/a/, device('/dev/disk/a', 8, 1, 'block')],
  ['S22', 'mem', 'fail', /\/dev\/mem/, device('/dev/mem', 1, 1, 'character')],
  ['S22', 'kmsg under another name', 'fail', /\/dev\/log/, device('/dev/log', 1, 11, 'character')],
  ['S22', 'a device that is harmless', 'pass', /none/, device('/dev/fuse', 10, 229, 'character')],
  ['S22', 'not to be seen', 'unknown', /EACCES/, hidden('/dev')],
  [
    'S22',
    'too many to see them all',
    'unknown',
    /more than/,
    { tree: Object.fromEntries(Array.from({ length: 2_001 }, (_, n) => [`/dev/many/${n}`, ''])) },
  ],
]
