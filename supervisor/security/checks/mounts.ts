// What is mounted into the container, and how: S14, S19–S21, S27.

import { type Check, fail, pass, some, unknown, warn } from '../check.ts'
import type { Container } from '../container.ts'
import { isReadOnly, isWithin, type Mount, mountOf } from '../mounts.ts'

/** Sockets by which whoever can write to them commands a container engine, and with it the host. */
const runtimeSockets = [
  'docker.sock',
  'containerd/containerd.sock',
  'crio/crio.sock',
  'podman/podman.sock',
  'cri-dockerd.sock',
  'buildkit/buildkitd.sock',
  'docker/containerd/containerd.sock',
  'k3s/containerd/containerd.sock',
]

const runtimeVariables = ['DOCKER_HOST', 'CONTAINER_HOST', 'CONTAINERD_ADDRESS', 'BUILDKIT_HOST']

/** Directories of the host that hold the system itself, or everything that its containers have. */
const systemDirectories = [
  '/etc',
  '/boot',
  '/dev',
  '/proc',
  '/sys',
  '/usr',
  '/bin',
  '/sbin',
  '/lib',
  '/lib64',
]
const parentsOfMuch = ['/', '/home', '/var', '/var/lib', '/var/run', '/run', '/var/log']
/** With all that lies below. */
const secretDirectories = ['/root']
/** These, and what lies right in them; deeper are the files that engines mount into each container. */
const engineDirectories = [
  '/var/lib/docker',
  '/var/lib/containerd',
  '/var/lib/containers',
  '/var/lib/kubelet',
  '/var/lib/rancher',
]

export const mountChecks: readonly Check[] = [
  {
    id: 'S14',
    title: 'Root file system',
    severity: 'medium',
    reads: '/proc/self/mountinfo',
    expected: '/ mounted read-only',
    fix: '--read-only (Compose: read_only: true; Kubernetes: readOnlyRootFilesystem: true)',
    look(container) {
      const root = mountOf('/', container.mounts())
      if (!root) return unknown('nothing says what / is mounted from')
      return isReadOnly(root) ? pass('/ is read-only') : fail('/ is writable')
    },
  },
  {
    id: 'S19',
    title: 'Socket of the container engine',
    severity: 'critical',
    reads: '/proc/self/mountinfo',
    expected: 'no socket of a container engine, and no DOCKER_HOST',
    fix: 'remove the mount of the socket, and the variable',
    look(container) {
      const mounts = container.mounts()
      const isSocketName = (path: string) => runtimeSockets.some((socket) => path.endsWith(`/${socket}`))
      const mounted = mounts
        .filter(({ root, mountPoint }) => isSocketName(root) || isSocketName(mountPoint))
        .map(({ mountPoint }) => mountPoint)
      const bases = [
        '',
        ...mounts.filter((mount) => isSystemMount(container, mount)).map(({ mountPoint }) => mountPoint),
      ]
      const present = bases
        .flatMap((base) => ['/run', '/var/run'].map((run) => `${base}${run}`))
        .flatMap((run) => runtimeSockets.map((socket) => `${run}/${socket}`))
        .filter((path) => container.view.stat(path)?.kind === 'socket')
      const environment = container.environment()
      const variables = runtimeVariables.filter((name) => environment.get(name))
      const found = [...new Set([...mounted, ...present, ...variables])]
      return found.length > 0 ? fail(some(found)) : pass('none')
    },
  },
  {
    id: 'S20',
    title: 'Directories of the host',
    severity: 'critical',
    reads: '/proc/self/mountinfo',
    expected: "volumes of its own, and nothing of /, /etc, /root or the engine's directories",
    fix: 'a named volume, or a directory that holds nothing but what the flow needs',
    look(container) {
      const found = container
        .mounts()
        .filter((mount) => isSystemMount(container, mount))
        .map(
          (mount) =>
            `${mount.mountPoint} is the host's ${isOnKernel(mount.type) ? mount.type : rootOnHost(mount)}`,
        )
      return found.length > 0 ? fail(some(found, 3)) : pass('none')
    },
  },
  {
    id: 'S21',
    title: 'Mount propagation',
    severity: 'medium',
    reads: '/proc/self/mountinfo',
    expected: 'no mount with shared propagation',
    fix: 'bind-propagation=rprivate, which is the default (Kubernetes: mountPropagation: None)',
    look(container) {
      const shared = container.mounts().filter(({ tags }) => tags.some((tag) => tag.startsWith('shared:')))
      return shared.length > 0 ? fail(some(shared.map(({ mountPoint }) => mountPoint))) : pass('none')
    },
  },
  {
    id: 'S27',
    title: 'Temporary directories',
    severity: 'low',
    reads: '/tmp',
    expected: '/tmp and /dev/shm mounted with nosuid, nodev and noexec',
    fix: '--tmpfs /tmp, which Docker mounts with all three',
    look(container) {
      const mounts = container.mounts()
      const lacks = ['/tmp', '/dev/shm'].flatMap((path) => lacking(path, mounts))
      return lacks.length > 0 ? warn(lacks.join('; ')) : pass('/tmp and /dev/shm have all three')
    },
  },
]

function lacking(path: string, mounts: readonly Mount[]): string[] {
  const mount = mountOf(path, mounts)
  if (!mount) return [`nothing says what ${path} is mounted from`]
  const missing = ['nosuid', 'nodev', 'noexec'].filter((option) => !mount.options.includes(option))
  return missing.length > 0 ? [`${path} lacks ${missing.join(', ')}`] : []
}

function isSystemMount(container: Container, mount: Mount): boolean {
  const { mountPoint, type } = mount
  if (mountPoint === '/') return false
  // A second one: the host's own, since the container's are where they belong.
  if (type === 'proc') return mount.root === '/' && !isWithin(mountPoint, '/proc')
  if (type === 'sysfs') return mount.root === '/' && !isWithin(mountPoint, '/sys')
  if (type === 'devtmpfs') return true
  if (!isOnDisk(type)) return false
  const root = rootOnHost(mount)
  if (root === '/') return looksLikeSystem(container, mountPoint)
  const isEngines = engineDirectories.some(
    (directory) => root === directory || isRightIn(root, directory) || isWithin(directory, root),
  )
  return (
    isEngines ||
    systemDirectories.includes(root) ||
    parentsOfMuch.includes(root) ||
    secretDirectories.some((directory) => isWithin(root, directory))
  )
}

/** Made by the kernel: what is mounted is told by its type. */
function isOnKernel(type: string): boolean {
  return ['proc', 'sysfs', 'devtmpfs'].includes(type)
}

/** A path of a tmpfs, an overlay or a network share says nothing about the host's own tree. */
function isOnDisk(type: string): boolean {
  return !/^(?:tmpfs|ramfs|overlay|aufs|fuse.*|nfs\d*|cifs|smb\d*|ceph|9p|virtiofs|cgroup2?|mqueue|devpts|hugetlbfs|securityfs|debugfs|tracefs|bpf|pstore|configfs|binfmt_misc|autofs|nsfs|rpc_pipefs|squashfs|efivarfs)$/.test(
    type,
  )
}

/** The path on the host as far as it can be told: btrfs names a directory from its top, subvolume included. */
function rootOnHost({ root, type, superOptions }: Mount): string {
  if (type !== 'btrfs') return root
  const subvolume = superOptions.find((option) => option.startsWith('subvol='))?.slice('subvol='.length)
  if (subvolume === undefined || subvolume === '/' || !isWithin(root, subvolume)) return root
  return root.slice(subvolume.length) || '/'
}

/** A whole file system may be a disk of its own that holds data, or the one the host runs from. */
function looksLikeSystem({ view }: Container, mountPoint: string): boolean {
  const isDirectory = (name: string) => view.stat(`${mountPoint}/${name}`)?.kind === 'directory'
  return (isDirectory('etc') && isDirectory('usr')) || (isDirectory('overlay2') && isDirectory('volumes'))
}

function isRightIn(path: string, directory: string): boolean {
  return isWithin(path, directory) && !path.slice(directory.length + 1).includes('/')
}
