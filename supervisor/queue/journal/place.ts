// Where a journal lies. Files that are removed under a process stay with it and take everything it writes, and nobody
// finds any of it again; so before and after something is acknowledged, they are looked for by their names.

import { statSync } from 'node:fs'
import { join } from 'node:path'

interface Identity {
  readonly dev: number
  readonly ino: number
}

export class Place {
  readonly #directory: string
  readonly #itself: Identity | undefined
  #files = new Map<string, Identity>()

  /** @param directory which is there, and ours */
  constructor(directory: string) {
    this.#directory = directory
    this.#itself = identityOf(directory)
  }

  /** The files that are open from now on. */
  holds(names: readonly string[]): void {
    this.#files = new Map(
      names.flatMap((name) => {
        const identity = identityOf(join(this.#directory, name))
        return identity ? [[name, identity] as const] : []
      }),
    )
  }

  /** It was another's to make it anew: nothing is opened there without its lock. */
  get isReplaced(): boolean {
    return !isSame(this.#itself, identityOf(this.#directory))
  }

  /** What has become of it; undefined when all is where it was. */
  problem(): string | undefined {
    for (const [name, identity] of this.#files) {
      if (!isSame(identity, identityOf(join(this.#directory, name)))) return `${name} was removed or replaced`
    }
    return undefined
  }
}

function identityOf(path: string): Identity | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false })
  } catch {
    return undefined
  }
}

function isSame(one: Identity | undefined, other: Identity | undefined): boolean {
  return one?.ino === other?.ino && one?.dev === other?.dev
}
