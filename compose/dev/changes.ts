// Which saved files ask for what: code that containers see by a mount asks for the flow to be started again, anything
// else that is in an image asks for a build. Pure.

export interface CodeMount {
  readonly service: string
  /** Absolute, on the host. */
  readonly source: string
}

export interface Plan {
  /** Services whose flow is started again, with the files that ask for it. */
  readonly restart: ReadonlyMap<string, readonly string[]>
  /** Files that are in an image and under no mount. */
  readonly build: readonly string[]
  /** Compose files. */
  readonly configuration: readonly string[]
}

/**
 * @param changed absolute paths
 * @param isInput whether a path is part of an image that is built
 */
export function planFor(
  changed: readonly string[],
  mounts: readonly CodeMount[],
  composeFiles: readonly string[],
  isInput: (path: string) => boolean,
): Plan {
  const restart = new Map<string, string[]>()
  const build: string[] = []
  for (const path of changed) {
    const under = mounts.filter(({ source }) => path === source || path.startsWith(`${source}/`))
    for (const { service } of under) restart.set(service, [...(restart.get(service) ?? []), path])
    if (under.length === 0 && !composeFiles.includes(path) && isInput(path)) build.push(path)
  }
  return { restart, build, configuration: changed.filter((path) => composeFiles.includes(path)) }
}

/** What editors and interpreters write beside the files a person saves. */
export function isScratch(path: string): boolean {
  const name = path.slice(path.lastIndexOf('/') + 1)
  return (
    /(?:~|\.sw[a-z]|\.tmp|\.bak|\.pyc|\.orig|\.rej)$/.test(name) ||
    /^(?:4913|\.#.*|#.*#|\.goutputstream-.*|.*___jb_(?:tmp|old)___)$/.test(name) ||
    /(?:^|\/)(?:__pycache__|node_modules|\.git|dist)(?:\/|$)/.test(path)
  )
}
