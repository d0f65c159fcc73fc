// Where flowkeepctl remembers what it did in this checkout: below XDG_CACHE_HOME, never among the files of the
// checkout. Losing it costs time and nothing else.

import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { codeOf } from '../../supervisor/core/errors.ts'

/** @param checkout its root directory, absolute */
export function cacheDirectory(checkout: string, environment: NodeJS.ProcessEnv = process.env): string {
  const home = environment['XDG_CACHE_HOME'] || join(homedir(), '.cache')
  const digest = createHash('sha256').update(checkout).digest('hex').slice(0, 12)
  return join(home, 'flowkeep', `${basename(checkout)}-${digest}`)
}

/** The content of a file that may not be there, or may have been written by another version: then undefined. */
export function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || error instanceof SyntaxError) return undefined
    throw error
  }
}

/** Whole or not at all: a reader never sees half of it. */
export function writeWhole(path: string, content: string): void {
  mkdirSync(dirname(path), { recursive: true })
  const unfinished = `${path}.${process.pid}`
  try {
    writeFileSync(unfinished, content)
    renameSync(unfinished, path)
  } finally {
    rmSync(unfinished, { force: true })
  }
}
