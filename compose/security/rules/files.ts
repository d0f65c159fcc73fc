// What of the host's files and devices a container has.

import { some } from '../../scan/finding.ts'
import { fail, known, pass, type Rule, warn } from '../verdict.ts'
import type { Mount, Workload } from '../workload.ts'

/** Whoever has these has the host; so has who has the folder they are in. */
const systemFolders = [
  ...['/bin', '/boot', '/dev', '/etc', '/lib', '/lib64', '/proc', '/sbin', '/sys', '/usr', '/root', '/home'],
  ...['/run', '/var/run', '/var/lib/docker', '/var/lib/containerd', '/var/lib/kubelet'],
]
/** Folders of people: what is below them is theirs to give. */
const ofPeople: ReadonlySet<string> = new Set(['/root', '/home'])
/** Told to everyone. */
const harmless: ReadonlySet<string> = new Set(['/etc/localtime', '/etc/timezone'])
const socket = /(?:^|\/)(?:docker|containerd|crio|podman|dockershim)\.sock$/

export const fileRules: readonly Rule<Workload>[] = [
  {
    id: 'CIS-5.6',
    from: ['CIS 5.6', 'PSS HostPath Volumes'],
    title: "No folder of the host's system is mounted",
    severity: 'critical',
    expected: 'nothing of /, /etc, /usr, /proc, /dev and the like',
    fix: 'mount a folder that has only what the service needs, read-only; or a named volume, configs, secrets',
    look({ mounts }) {
      const ofHost = known(mounts, 'what is mounted').filter(isFromHost)
      const bad = ofHost.filter((mount) => isSystem(mount.source) && !isHarmless(mount))
      const written = bad.filter(({ source, isReadOnly }) => !isReadOnly || isWhole(source))
      if (written.length > 0) return fail(describe(written))
      return bad.length > 0 ? warn(`${describe(bad)} read-only`) : pass('none')
    },
  },
  {
    id: 'CIS-5.13',
    from: ['CIS 5.13'],
    title: 'Its root file system is read-only',
    severity: 'medium',
    expected: 'read_only: true',
    fix: 'read_only: true, with volumes or tmpfs where it has to write',
    look: ({ isRootReadOnly }) =>
      known(isRootReadOnly, 'read_only') ? pass('read-only') : fail('everything can be written'),
  },
  {
    id: 'CIS-5.18',
    from: ['CIS 5.18'],
    title: 'No device of the host is its own',
    severity: 'high',
    expected: 'no devices',
    fix: 'remove devices; or accept the one it cannot do without',
    look({ devices }) {
      const all = known(devices, 'devices')
      return all.length > 0 ? fail(some(all)) : pass('none')
    },
  },
  {
    id: 'CIS-5.20',
    from: ['CIS 5.20'],
    title: 'What it mounts does not appear on the host',
    severity: 'medium',
    expected: 'propagation private or slave',
    fix: 'bind: { propagation: rprivate }, or leave it out',
    look({ mounts }) {
      const shared = known(mounts, 'what is mounted').filter(({ propagation }) =>
        /^r?shared$/.test(propagation),
      )
      return shared.length > 0 ? fail(`${describe(shared)} shared`) : pass('none is shared')
    },
  },
  {
    id: 'CIS-5.32',
    from: ['CIS 5.32'],
    title: "The engine's socket is not mounted",
    severity: 'critical',
    expected: 'no socket of an engine',
    fix: 'remove the mount: who can talk to the engine is root on the host',
    look({ mounts }) {
      const sockets = known(mounts, 'what is mounted').filter(({ source, target }) =>
        [source, target].some((path) => socket.test(path)),
      )
      if (sockets.length > 0) return fail(describe(sockets))
      const around = known(mounts, 'what is mounted').filter(
        ({ source }) => isFromHostPath(source) && ['/', '/run', '/var', '/var/run'].includes(clean(source)),
      )
      return around.length > 0 ? fail(`${describe(around)} has it within`) : pass('none')
    },
  },
  {
    id: 'PSS-volumes',
    from: ['PSS Volume Types', 'PSS HostPath Volumes'],
    title: 'It mounts volumes, settings and secrets, and no paths of the host',
    severity: 'medium',
    expected: 'named volumes, tmpfs, configs, secrets',
    fix: 'a named volume, configs or secrets; or accept it with the reason why the host has these files',
    look({ mounts }) {
      const bad = known(mounts, 'what is mounted').filter(({ type }) => type === 'bind' || type === 'other')
      return bad.length > 0 ? fail(`${describe(bad)} of the host`) : pass('none')
    },
  },
]

function isFromHost({ source, type }: Mount): boolean {
  return type !== 'volume' && type !== 'tmpfs' && isFromHostPath(source)
}

function isFromHostPath(source: string): boolean {
  return source.startsWith('/')
}

function clean(path: string): string {
  return path.replace(/\/+$/, '') || '/'
}

/** One of the folders, a file in one, or a folder that has one within. */
function isSystem(source: string): boolean {
  const path = clean(source)
  if (isWhole(path)) return true
  return systemFolders.some((folder) => !ofPeople.has(folder) && path.startsWith(`${folder}/`))
}

function isWhole(source: string): boolean {
  const path = clean(source)
  return path === '/' || systemFolders.some((folder) => folder === path || folder.startsWith(`${path}/`))
}

function isHarmless({ source, isReadOnly }: Mount): boolean {
  return isReadOnly && harmless.has(clean(source))
}

function describe(mounts: readonly Mount[]): string {
  return some(mounts.map(({ source, target }) => (source === '' ? target : source)))
}
