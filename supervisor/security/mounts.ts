// /proc/PID/mountinfo: `35 31 0:32 /root /mount/point rw,relatime shared:1 - cgroup cgroup rw,memory`

export interface Mount {
  /** The directory of the file system that is mounted. */
  readonly root: string
  readonly mountPoint: string
  readonly options: readonly string[]
  /** `shared:1`, `master:2` */
  readonly tags: readonly string[]
  readonly type: string
  readonly source: string
  readonly superOptions: readonly string[]
}

export function parseMounts(text: string): Mount[] {
  return text.split('\n').flatMap((line) => {
    const [before = '', after = ''] = line.split(' - ', 2)
    const [, , , root, mountPoint, options, ...tags] = before.split(' ')
    const [type, source, superOptions] = after.split(' ')
    if (root === undefined || mountPoint === undefined || options === undefined || !type) return []
    return [
      {
        root: unescapePath(root),
        mountPoint: unescapePath(mountPoint),
        options: options.split(','),
        tags: tags.filter((tag) => tag !== ''),
        type,
        source: unescapePath(source ?? ''),
        superOptions: superOptions?.split(',') ?? [],
      },
    ]
  })
}

/** The kernel writes a space in a path as `\040`. */
function unescapePath(path: string): string {
  return path.replace(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
}

/** The mount that a path lies on: the nearest above it, and of several at one place the last, which hides the others. */
export function mountOf(path: string, mounts: readonly Mount[]): Mount | undefined {
  let nearest: Mount | undefined
  for (const mount of mounts) {
    if (!isWithin(path, mount.mountPoint)) continue
    if (mount.mountPoint.length >= (nearest?.mountPoint.length ?? 0)) nearest = mount
  }
  return nearest
}

/** Whether `path` is `directory` or lies below it. */
export function isWithin(path: string, directory: string): boolean {
  return directory === '/' || path === directory || path.startsWith(`${directory}/`)
}

export function isReadOnly({ options }: Pick<Mount, 'options'>): boolean {
  return options.includes('ro')
}
