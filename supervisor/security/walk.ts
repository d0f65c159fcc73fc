// A walk over one file system that is bounded in time and in entries, follows no link, and says when it was cut.
// In a running supervisor it rests between batches, so that whoever shares the CPU with it hardly notices.

import { type Clock, sleep } from '../core/clock.ts'
import { limits } from '../core/limits.ts'
import { type FileFacts, Unreadable, type View } from './view.ts'

export interface WalkParts {
  readonly view: View
  readonly clock: Clock
  readonly restMs: number
}

export interface WalkEnd {
  readonly entries: number
  /** Why not everything was seen; undefined when everything was. */
  readonly cut: string | undefined
  /** Directories that this user may neither list nor enter: what is in them is out of its reach. */
  readonly closed: number
}

/**
 * @param elsewhere where other file systems are mounted; devices alone don't tell a bind mount
 * @param visit is called for everything found, the root itself included, and awaited where it has to be
 */
export async function walk(
  { view, clock, restMs }: WalkParts,
  root: string,
  elsewhere: ReadonlySet<string>,
  visit: (path: string, facts: FileFacts) => void | Promise<void>,
  entriesMax: number = limits.securityWalkEntries,
): Promise<WalkEnd> {
  const untilMs = clock.monotonicMs() + limits.securityWalkMs
  const top = view.lstat(root)
  if (top === undefined) return { entries: 0, cut: undefined, closed: 0 }
  const waiting: string[] = top.kind === 'directory' ? [root] : []
  let seen = 1
  let rested = seen
  let closed = 0
  let cut: string | undefined
  await visit(root, top)

  for (let directory = waiting.pop(); directory !== undefined; directory = waiting.pop()) {
    if (clock.monotonicMs() > untilMs) return end(`after ${limits.securityWalkMs / 1000} s`)
    const most = entriesMax - seen
    const listing = await list(directory, most)
    if (listing === undefined) continue
    for (const { name, facts } of listing.entries) {
      const path = directory === '/' ? `/${name}` : `${directory}/${name}`
      seen += 1
      if (facts.kind === 'directory') {
        if (facts.device !== top.device || elsewhere.has(path)) continue
        waiting.push(path)
      }
      // Most visits have nothing to wait for, and there are many.
      const visited = visit(path, facts)
      if (visited) await visited
    }
    if (!listing.all) return end(`after ${entriesMax} entries`)
    if (restMs > 0 && seen - rested >= limits.securityWalkBatch) {
      rested = seen
      await sleep(clock, restMs)
    }
  }
  return end(cut)

  function end(why: string | undefined): WalkEnd {
    return { entries: seen, cut: why, closed }
  }

  async function list(directory: string, most: number) {
    try {
      return await view.entries(directory, most)
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error
      if (error.code === 'ENOENT') return undefined
      if (error.code === 'EACCES' && !(await view.mayEnter(directory))) closed += 1
      else cut ??= `${directory} cannot be listed (${error.code})`
      return undefined
    }
  }
}
