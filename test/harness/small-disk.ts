// A tmpfs that only the supervisor started in it sees: in a mount namespace that a small shell keeps open until its
// standard input closes, however this process ends. Nothing is mounted on the machine itself.

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'

export interface SmallDisk {
  /** Goes before a command that is to see it. */
  readonly launcher: readonly string[]
  /** Where it is to be seen from outside. */
  readonly path: string
  /** Takes all the room there is. */
  fill(): void
  empty(): void
  close(): void
}

const asRoot = process.getuid?.() === 0
const unshare = [...(asRoot ? [] : ['--user', '--map-root-user']), '--mount']

export const noSmallDisk: string | false =
  spawnSync('unshare', [...unshare, 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']).status === 0
    ? false
    : 'unshare(1) cannot mount a tmpfs here'

export async function createSmallDisk(directory: string, mebibytes: number): Promise<SmallDisk> {
  mkdirSync(directory, { recursive: true })
  const script = `mount -t tmpfs -o mode=0700,size=${mebibytes}m tmpfs "$1" && echo mounted && exec cat`
  const shell = spawn('unshare', [...unshare, 'sh', '-c', script, 'sh', directory], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const [said] = await Promise.race([once(shell.stdout, 'data'), once(shell, 'exit')])
  if (!String(said).startsWith('mounted')) throw new Error(`cannot mount a tmpfs on ${directory}`)
  const path = join(`/proc/${shell.pid}/root`, directory)
  const filler = join(path, 'filler')
  const enter = asRoot ? [] : ['--user', '--preserve-credentials']
  return {
    launcher: ['nsenter', '--target', String(shell.pid), ...enter, '--mount', '--'],
    path,
    fill() {
      const fd = openSync(filler, 'w')
      for (const size of [1 << 20, 1 << 12]) fillWith(fd, Buffer.alloc(size, 1))
      closeSync(fd)
    },
    empty: () => rmSync(filler, { force: true }),
    close: () => shell.stdin.end(),
  }
}

function fillWith(fd: number, block: Buffer): void {
  try {
    for (;;) writeSync(fd, block)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
  }
}
