// Which test files a change can reach: by the files that they name, in an import or anywhere else. Pure.

import { posix } from 'node:path'

export interface Source {
  /** From the root of the checkout. */
  readonly path: string
  readonly text: string
}

export interface Affected {
  readonly file: string
  /** Steps from the changed file: 0 for a test that was itself changed. */
  readonly distance: number
}

/** Something between quotes, or at the end of a template, that looks like the path of a file: imports are such. */
const named = /["'`}/]((?:[\w.@-]+\/)+[\w.@-]+|[\w.-]+\.\w+)(?=["'`\s])/g

/**
 * @param sources every file that can import or name another
 * @param changed paths from the root of the checkout
 * @returns the test files, the nearest first
 */
export function affectedTests(sources: readonly Source[], changed: readonly string[]): Affected[] {
  const present = new Set(sources.map(({ path }) => path))
  const paths = new Set([...present, ...changed])
  const users = new Map<string, string[]>()
  for (const source of sources) {
    for (const used of usesOf(source, paths)) users.set(used, [...(users.get(used) ?? []), source.path])
  }
  const distances = new Map(changed.map((path) => [path, 0]))
  for (const [path, distance] of distances) {
    // A map grows while it is gone through, and what is added comes later: nearest first.
    for (const user of users.get(path) ?? []) if (!distances.has(user)) distances.set(user, distance + 1)
  }
  return [...distances]
    .filter(([path]) => /^test\/.*\.test\.ts$/.test(path) && present.has(path))
    .map(([file, distance]) => ({ file, distance }))
    .sort((a, b) => a.distance - b.distance || a.file.localeCompare(b.file))
}

function usesOf({ path, text }: Source, paths: ReadonlySet<string>): Set<string> {
  const folder = posix.dirname(path)
  const mentioned = [...text.matchAll(named)].flatMap(([, name = '']) => [
    posix.normalize(name),
    posix.join(folder, name),
  ])
  return new Set(mentioned.filter((used) => used !== path && paths.has(used)))
}
