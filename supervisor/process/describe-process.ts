// What the kernel says of one process, for a log line about it. Whatever cannot be read is left out.

import { readFileSync } from 'node:fs'

/** `processState` (`S (sleeping)`), `waitsIn` (a function of the kernel, as `futex_do_wait`), `threads`. */
export function describeProcess(pid: number | undefined): Readonly<Record<string, unknown>> {
  if (pid === undefined) return {}
  const status = read(`/proc/${pid}/status`)
  const field = (name: string) => new RegExp(`^${name}:\\s*(.+)$`, 'm').exec(status)?.[1]
  const waitsIn = read(`/proc/${pid}/wchan`)
  const threads = field('Threads')
  return {
    ...(status && { pid, processState: field('State') }),
    ...(threads && { threads: Number(threads) }),
    ...(waitsIn && waitsIn !== '0' && { waitsIn }),
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
