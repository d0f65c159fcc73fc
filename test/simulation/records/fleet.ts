// The supervisors of a schedule: each instance has one life at a time as far as anyone knows, and there may be others of
// the same name that nobody knows of: one that stood still and was replaced, and copies.

import { type Life, type LifeParts, openLife } from './life.ts'
import type { Copied } from './store.ts'

export interface Fleet {
  readonly instances: readonly string[]
  /** Every life there ever was. */
  readonly all: readonly Life[]
  /** Of the instances, those that run. */
  readonly living: readonly Life[]
  current(instance: string): Life | undefined
  /** Does nothing where it runs. */
  start(instance: string): Promise<void>
  /** From now on nobody knows of it. */
  disown(instance: string): Life | undefined
  /** One more, with what the other knew. */
  startCopy(original: Life): Promise<Life>
}

export function createFleet(count: number, parts: LifeParts): Fleet {
  const instances = Array.from({ length: count }, (_, index) => `supervisor-${index}`)
  const current = new Map<string, Life>()
  const all: Life[] = []
  const nameOf = (instance: string) => `${instance}#${all.length}`

  async function open(instance: string, copied?: Copied): Promise<Life> {
    const life = await openLife(nameOf(instance), instance, parts, copied)
    all.push(life)
    return life
  }

  return {
    instances,
    all,
    get living() {
      return [...current.values()].filter(({ process }) => process.alive)
    },
    current(instance) {
      const life = current.get(instance)
      return life?.process.alive ? life : undefined
    },
    async start(instance) {
      if (current.get(instance)?.process.alive) return
      current.set(instance, await open(instance))
    },
    disown(instance) {
      const life = current.get(instance)
      current.delete(instance)
      return life
    },
    startCopy: (original) => open(original.instance, original.copy()),
  }
}
