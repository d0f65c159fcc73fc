// Saved files, in batches: an editor writes several times for one save, and a checkout of another branch writes many.

import { type FSWatcher, readdirSync, readFileSync, statSync, watch } from 'node:fs'
import { join } from 'node:path'
import { digestOf } from '../build/context-files.ts'
import { isScratch } from './changes.ts'

/** Quiet time after which a batch is complete, and the longest one is held together. */
const quietMs = 100
const batchMs = 1_000

export interface FileWatch {
  close(): void
}

/**
 * @param folders absolute; all that is below them
 * @param root absolute; only the files right in it
 * @param saved gets absolute paths of files whose content is another than before
 */
export function watchFiles(
  folders: readonly string[],
  root: string,
  saved: (paths: readonly string[]) => void,
): FileWatch {
  // Read now, so that the first save, too, is only one if it changes something, and that a file which an editor makes
  // and removes on its way is none.
  const known = [...folders.flatMap((folder) => filesIn(folder, true)), ...filesIn(root, false)]
  const digests = new Map(known.map((path) => [path, contentOf(path)]))
  const pending = new Set<string>()
  let timer: NodeJS.Timeout | undefined
  let firstMs = 0
  const watchers: FSWatcher[] = []

  const touched = (path: string) => {
    if (isScratch(path)) return
    if (pending.size === 0) firstMs = performance.now()
    pending.add(path)
    clearTimeout(timer)
    timer = setTimeout(flush, Math.max(0, Math.min(quietMs, firstMs + batchMs - performance.now())))
  }
  const flush = () => {
    const changed = [...pending].filter(isOther)
    pending.clear()
    if (changed.length > 0) saved(changed.sort())
  }
  /** Saved without a change, or only looked at: nothing to do. */
  const isOther = (path: string): boolean => {
    const digest = contentOf(path)
    if (digest === 'folder' || (digests.get(path) ?? gone) === digest) return false
    digests.set(path, digest)
    return true
  }
  for (const folder of folders) {
    watchers.push(watch(folder, { recursive: true }, (_event, name) => name && touched(join(folder, name))))
  }
  watchers.push(watch(root, (_event, name) => name && touched(join(root, name))))
  return {
    close() {
      clearTimeout(timer)
      for (const watcher of watchers) watcher.close()
    },
  }
}

const gone = 'gone'

function filesIn(folder: string, recursive: boolean): string[] {
  return readdirSync(folder, { recursive, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !isScratch(path))
}

function contentOf(path: string): string {
  try {
    return statSync(path).isDirectory() ? 'folder' : digestOf(readFileSync(path))
  } catch {
    return gone
  }
}
