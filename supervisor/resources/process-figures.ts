// What one process holds of what it may hold.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ProcessFigures } from '../core/performance.ts'

/** @param process `self` or a pid; what belongs to another user is undefined */
export function readProcess(process: string | number, root = '/'): ProcessFigures {
  const directory = join(root, 'proc', String(process))
  const status = read(join(directory, 'status'))
  const limits = read(join(directory, 'limits'))
  const residentKb = number(/^VmRSS:\s+(\d+) kB$/m.exec(status))
  return {
    residentBytes: residentKb === undefined ? undefined : residentKb * 1024,
    threads: number(/^Threads:\s+(\d+)$/m.exec(status)),
    openFiles: count(join(directory, 'fd')),
    openFilesLimit: number(/^Max open files\s+(\d+)/m.exec(limits)),
  }
}

function number(match: RegExpExecArray | null): number | undefined {
  return match ? Number(match[1]) : undefined
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function count(directory: string): number | undefined {
  try {
    return readdirSync(directory).length
  } catch {
    return undefined
  }
}
