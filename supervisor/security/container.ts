// The container as the checks see it: a view, the process that is looked at, and what the configuration says of it.

import type { Clock } from '../core/clock.ts'
import { type Mount, parseMounts } from './mounts.ts'
import { type RootFindings, walkRoot } from './root-walk.ts'
import { Unreadable, type View } from './view.ts'
import type { WalkParts } from './walk.ts'

export interface CgroupDirectory {
  readonly version: 1 | 2
  readonly path: string
  /** Where its hierarchy is mounted: the limits of the directories up to here hold, too. */
  readonly mount: string
}

export interface Cgroups {
  readonly memory?: CgroupDirectory
  readonly cpu?: CgroupDirectory
  readonly pids?: CgroupDirectory
}

/** What is known of the configuration; undefined where it cannot be read. */
export interface Configured {
  /** Ports that may be listened on from outside: the health endpoints', and what the operator allows. */
  readonly ports: readonly number[]
  readonly allowedSetuid: readonly string[]
  readonly stateDirectory: string
  /** Files that secrets were read from. */
  readonly secretFiles: readonly string[]
  /** Variables of the environment that hold a secret by their nature, whatever their name. */
  readonly secretVariables: readonly string[]
  readonly databases: readonly DatabaseLink[] | undefined
  /** Directories that programs are run or loaded from. */
  readonly codeDirectories: readonly string[]
}

export interface DatabaseLink {
  readonly name: string
  /** A host name, an address, or the directory of a Unix socket. */
  readonly host: string
  readonly sslMode: string
}

export interface ContainerParts {
  readonly clock: Clock
  readonly view: View
  /** Directory of the process that is looked at: `/proc/self`, `/proc/1`. */
  readonly process: string
  /** The user this process runs as, which is what decides on access to files. */
  readonly uid: number
  readonly cgroups: Cgroups
  readonly configured: Configured
  /** Milliseconds of rest between two batches of a walk; 0 where somebody waits. */
  readonly restMs: number
}

export class Container {
  readonly view: View
  readonly process: string
  readonly uid: number
  readonly cgroups: Cgroups
  readonly configured: Configured
  readonly walking: WalkParts
  #rootWalk: Promise<RootFindings> | undefined

  constructor(parts: ContainerParts) {
    this.view = parts.view
    this.process = parts.process
    this.uid = parts.uid
    this.cgroups = parts.cgroups
    this.configured = parts.configured
    this.walking = { view: parts.view, clock: parts.clock, restMs: parts.restMs }
  }

  /** A field of `status`, such as `CapEff`. */
  status(field: string): string {
    const path = `${this.process}/status`
    const value = new RegExp(`^${field}:[ \\t]*(.*)$`, 'm').exec(this.view.text(path))?.[1]
    if (value === undefined) throw new Unreadable(path, `it has no ${field}`)
    return value.trim()
  }

  /** A set of bits in `status`. */
  mask(field: string): bigint {
    const text = this.status(field)
    if (!/^[0-9a-f]+$/i.test(text)) throw new Unreadable(`${this.process}/status`, `${field} is ${text}`)
    return BigInt(`0x${text}`)
  }

  /** The inode number of a namespace. */
  namespace(name: string): number {
    const path = `${this.process}/ns/${name}`
    const number = /^\w+:\[(\d+)\]$/.exec(this.view.link(path))?.[1]
    if (number === undefined) throw new Unreadable(path, 'it is no namespace')
    return Number(number)
  }

  mounts(): Mount[] {
    return parseMounts(this.view.text(`${this.process}/mountinfo`))
  }

  /** What the process was started with. */
  environment(): ReadonlyMap<string, string> {
    const variables = this.view.text(`${this.process}/environ`).split('\0')
    return new Map(
      variables.flatMap((text) => {
        const at = text.indexOf('=')
        return at > 0 ? [[text.slice(0, at), text.slice(at + 1)] as const] : []
      }),
    )
  }

  /** One walk serves all who ask. */
  rootWalk(): Promise<RootFindings> {
    this.#rootWalk ??= walkRoot(this.walking, this.mounts())
    return this.#rootWalk
  }
}
