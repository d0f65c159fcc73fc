// Where damaged files are put aside, for an operator to look at. Bounded by number and bytes: the oldest ones go.

import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { limits } from '../../core/limits.ts'

const folder = 'quarantine'

/** Moves those of the files that exist. Returns the directory they are in now. */
export function putAside(directory: string, names: readonly string[]): string {
  const quarantine = join(directory, folder)
  mkdirSync(quarantine, { recursive: true, mode: 0o700 })
  const number = Math.max(0, ...sets(quarantine)) + 1
  const set = join(quarantine, String(number))
  mkdirSync(set, { mode: 0o700 })
  for (const name of names) {
    if (existsSync(join(directory, name))) renameSync(join(directory, name), join(set, name))
  }
  forgetOldest(quarantine)
  return set
}

/** From the slot's directory on. */
export function quarantinedFiles(directory: string): string[] {
  const quarantine = join(directory, folder)
  return sets(quarantine).flatMap((set) =>
    readdirSync(join(quarantine, String(set))).map((name) => join(folder, String(set), name)),
  )
}

function forgetOldest(quarantine: string): void {
  let bytes = 0
  for (const [index, set] of sets(quarantine).toReversed().entries()) {
    const path = join(quarantine, String(set))
    for (const name of readdirSync(path)) bytes += statSync(join(path, name)).size
    // The newest one stays in any case.
    const tooMany = index >= limits.queueQuarantined || bytes > limits.queueQuarantineBytes
    if (index > 0 && tooMany) rmSync(path, { recursive: true, force: true })
  }
}

function sets(quarantine: string): number[] {
  if (!existsSync(quarantine)) return []
  return readdirSync(quarantine)
    .filter((name) => /^\d{1,9}$/.test(name))
    .map(Number)
    .sort((a, b) => a - b)
}
