// The kinds of files in a cgroup. What is not there, or says something else, is undefined.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { CgroupDirectory } from './cgroup-paths.ts'

/** Undefined also for `max`. */
export function readNumber(directory: CgroupDirectory | undefined, file: string): number | undefined {
  const text = readText(directory, file)
  return text !== undefined && /^-?\d+$/.test(text) ? Number(text) : undefined
}

/** Files of lines like `oom_kill 3`. */
export function readTable(directory: CgroupDirectory | undefined, file: string): Map<string, number> {
  const table = new Map<string, number>()
  for (const line of readText(directory, file)?.split('\n') ?? []) {
    const match = /^(\S+) (\d+)$/.exec(line)
    if (match) table.set(match[1] as string, Number(match[2]))
  }
  return table
}

export function readText(directory: CgroupDirectory | undefined, file: string): string | undefined {
  if (!directory) return undefined
  try {
    return readFileSync(join(directory.path, file), 'utf8').trim()
  } catch {
    return undefined
  }
}
