// The demo's temporary directory, which is also the working directory of everything it starts. A small shell outlives
// this process by a moment: when its standard input closes, however the demo ended, it kills what is left running in the
// directory and removes it, so that nothing stays behind even after SIGKILL.

import { spawn } from 'node:child_process'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  renameSync,
  writeFileSync,
} from 'node:fs'
import { rm } from 'node:fs/promises'
import { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DataFile } from './data-file.ts'

export interface WorkDirectory {
  readonly path: string
  readonly inbox: string
  readonly supervisorLog: string
  /** Puts a whole file into the inbox at once. */
  deliver(file: DataFile): void
  /** Pids of processes that work in the directory; zombies have none. */
  processes(): number[]
  /** Removes it, or leaves it for a look. */
  close(isKept: boolean): Promise<void>
}

/** The control socket is in there, and the kernel takes paths of at most 107 bytes. */
const baseBytesMax = 60

export function createWorkDirectory(prefix = 'flowkeep-demo-'): WorkDirectory {
  const base = Buffer.byteLength(tmpdir()) > baseBytesMax ? '/tmp' : tmpdir()
  // The real path, since working directories are compared with it.
  const path = realpathSync(mkdtempSync(join(base, prefix)))
  const guard = startGuard(path)
  const inbox = join(path, 'inbox')
  mkdirSync(inbox)
  return {
    path,
    inbox,
    supervisorLog: join(path, 'supervisor.log'),
    deliver(file) {
      const unfinished = join(path, file.name)
      writeFileSync(unfinished, file.bytes)
      renameSync(unfinished, join(inbox, file.name))
    },
    processes: () => processesIn(path),
    async close(isKept) {
      if (!isKept) await rm(path, { recursive: true, force: true, maxRetries: 50, retryDelay: 20 })
      guard.end(isKept ? 'keep\n' : '')
    },
  }
}

function processesIn(path: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => {
      try {
        return readlinkSync(`/proc/${pid}/cwd`) === path
      } catch {
        return false // gone, or somebody else's
      }
    })
    .map(Number)
}

const guardScript = `
trap '' INT TERM HUP QUIT
what=$(cat)
for process in /proc/[0-9]*; do
  if [ "$(readlink "$process/cwd")" = "$1" ]; then kill -KILL "\${process#/proc/}"; fi
done 2>/dev/null
[ "$what" = keep ] && exit
tries=0
until rm -rf "$1" 2>/dev/null || [ $tries -ge 50 ]; do
  tries=$((tries + 1))
  sleep 0.1
done
`

function startGuard(path: string): Socket {
  const guard = spawn('/bin/sh', ['-c', guardScript, 'sh', path], {
    ...{ cwd: '/', detached: true, stdio: ['pipe', 'ignore', 'ignore'] },
  })
  guard.unref()
  const { stdin } = guard
  if (!(stdin instanceof Socket)) throw new Error('a pipe of a child is a socket')
  stdin.unref()
  return stdin
}
