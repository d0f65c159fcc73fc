import { existsSync, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'

/**
 * Makes the directory and those above it that are missing, each 0700, and names what it made, the topmost first.
 * Not by `recursive: true`: where a parent exists and yet nothing can be made in it (`/proc`), Node.js 26 tries again
 * for ever.
 */
export function makeDirectories(directory: string): string[] {
  const missing: string[] = []
  for (let each = directory; !existsSync(each); each = dirname(each)) missing.unshift(each)
  for (const each of missing) mkdirSync(each, { mode: 0o700 })
  return missing
}
