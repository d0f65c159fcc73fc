// `flowkeep cleanup`: what goes, or would go, from the directories that were named for it.

import { limits } from '../core/limits.ts'
import { type Look, renderTable } from '../core/text-table.ts'
import { formatDuration } from '../core/units.ts'
import { printable } from './printable.ts'

export interface RemovedFile {
  readonly path: string
  readonly bytes: number
  readonly ageMs: number
  readonly why: 'age' | 'rotated'
}

export interface CleanedPath {
  readonly path: string
  readonly files: number
  readonly bytes: number
  /** Old enough, and open. */
  readonly open: number
  readonly problems: readonly string[]
  /** There was more than one run looks at. */
  readonly cut: boolean
}

export interface CleanupCommandParts {
  readonly dryRun: boolean
  readonly json: boolean
  readonly look: Look
  /** Those of the configuration. */
  readonly paths: readonly string[]
  clean(removed: (file: RemovedFile) => void): Promise<readonly CleanedPath[]>
  write(text: string): void
}

const columns = [
  { title: 'file' },
  { title: 'bytes', whole: true },
  { title: 'unused for', whole: true },
  { title: 'why', whole: true },
] as const

/** @returns the exit code: 1 when something could not be done, else 0 */
export async function runCleanupCommand(parts: CleanupCommandParts): Promise<0 | 1> {
  const { dryRun, json, look, paths, clean, write } = parts
  const shown: RemovedFile[] = []
  const cleaned = await clean((file) => {
    if (shown.length < limits.cleanupShown) shown.push(file)
  })
  const code = cleaned.some(({ problems }) => problems.length > 0) ? 1 : 0
  if (json) {
    write(`${JSON.stringify({ ok: code === 0, dryRun, paths: cleaned, files: shown })}\n`)
    return code
  }
  if (paths.length === 0) write('CONTAINER_CLEANUP_PATHS names no directory: there is nothing to clean up.\n')
  if (shown.length > 0) write(`${renderTable(columns, shown.map(rowOf), look)}\n\n`)
  const more = cleaned.reduce((sum, { files }) => sum + files, 0) - shown.length
  if (more > 0) write(`… and ${more} more files.\n\n`)
  for (const path of cleaned) write(`${linesOf(path, dryRun).map(printable).join('\n')}\n`)
  return code
}

function rowOf({ path, bytes, ageMs, why }: RemovedFile): string[] {
  const reason = why === 'age' ? 'old enough' : 'a rotated log, and the disk is low'
  return [printable(path), String(bytes), formatDuration(wholeUnit(ageMs)), reason]
}

/** In the largest unit of which there are two or more. */
function wholeUnit(ms: number): number {
  const unit = [86_400_000, 3_600_000, 60_000, 1_000].find((unit) => ms >= 2 * unit) ?? 1_000
  return Math.floor(ms / unit) * unit
}

function linesOf({ path, files, bytes, open, problems, cut }: CleanedPath, dryRun: boolean): string[] {
  const freed = dryRun ? 'would be freed' : 'freed'
  return [
    `${path}: ${bytes} bytes in ${files} ${files === 1 ? 'file' : 'files'} ${freed}`,
    ...(open > 0 ? [`  ${open} old enough, but open: left`] : []),
    ...(cut ? ['  there is more than one run looks at: run it again'] : []),
    ...problems.map((problem) => `  not done: ${problem}`),
  ]
}
