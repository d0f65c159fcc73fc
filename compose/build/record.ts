// What is known of the builds that were made from this checkout: for each tag its inputs and its image. A file in the
// cache directory. Without it the next build decides anew, and BuildKit's own cache makes that cheap.

import { join } from 'node:path'
import { readJson, writeWhole } from '../host/cache-directory.ts'
import type { Made } from './decide.ts'

/** Of another format or version: ignored. */
const format = 1
/** Tags kept; those built longest ago go first. A version tag for each release adds up. */
const tagsMax = 200

export function readRecord(directory: string): Map<string, Made> {
  const content = readJson(fileOf(directory)) as { format?: unknown; made?: Record<string, Made> } | undefined
  return content?.format === format ? new Map(Object.entries(content.made ?? {})) : new Map()
}

export function writeRecord(directory: string, made: ReadonlyMap<string, Made>): void {
  const kept = [...made].sort(([, a], [, b]) => b.at.localeCompare(a.at)).slice(0, tagsMax)
  writeWhole(fileOf(directory), JSON.stringify({ format, made: Object.fromEntries(kept) }))
}

/** Images that later builds took the place of, and that a container may still use. */
export function readReplaced(directory: string): string[] {
  const ids = readJson(join(directory, 'replaced.json'))
  return Array.isArray(ids) ? ids.filter((id) => typeof id === 'string') : []
}

export function writeReplaced(directory: string, ids: readonly string[]): void {
  writeWhole(join(directory, 'replaced.json'), JSON.stringify(ids.slice(-tagsMax)))
}

function fileOf(directory: string): string {
  return join(directory, 'builds.json')
}
