// The temporary directory of an embedded PostgreSQL, and what makes sure that it goes, with the server in it.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { chmodSync, chownSync, mkdtempSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Identity } from './postgres-binaries.ts'

/** Owned by `identity` and closed to everyone else. */
export function makeDirectory(identity: Identity | undefined): string {
  const base = identity && !traversable(tmpdir()) ? '/tmp' : tmpdir()
  // The real path, since the guard compares it with the postmaster's working directory.
  const directory = realpathSync(mkdtempSync(join(base, 'flowkeep-postgres-')))
  if (identity) {
    chownSync(directory, identity.uid, identity.gid)
    chmodSync(directory, 0o700)
  }
  return directory
}

function traversable(path: string): boolean {
  if ((statSync(path).mode & 0o001) === 0) return false
  return dirname(path) === path || traversable(dirname(path))
}

// The postmaster is told by its working directory: the number in postmaster.pid may belong to someone else by now.
const guardScript = `
trap '' INT TERM HUP QUIT
cat >/dev/null
pid=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null)
if [ -n "$pid" ] && [ "$(readlink "/proc/$pid/cwd")" = "$1/data" ]; then
  kill -CONT "$pid"
  kill -QUIT "$pid"
fi 2>/dev/null
tries=0
until rm -rf "$1" 2>/dev/null || [ $tries -ge 100 ]; do
  tries=$((tries + 1))
  sleep 0.1
done
`

/** Ends by itself once its standard input does, after it has stopped the server and removed the directory. */
export function startGuard(directory: string): ChildProcess {
  const guard = spawn('/bin/sh', ['-c', guardScript, 'sh', directory], {
    ...{ cwd: '/', detached: true, stdio: ['pipe', 'ignore', 'ignore'] },
  })
  guard.unref()
  unrefStream(guard.stdin)
  return guard
}

/** A killed postmaster leaves its System V segment; line 7 of postmaster.pid names it: `key id`. */
export function releaseSharedMemory(dataDirectory: string): void {
  let lines: string[]
  try {
    lines = readFileSync(join(dataDirectory, 'postmaster.pid'), 'utf8').split('\n')
  } catch {
    return
  }
  const id = /^\s*\d+\s+(\d+)\s*$/.exec(lines[6] ?? '')?.[1]
  if (id) spawnSync('ipcrm', ['-m', id], { stdio: 'ignore' })
}

/** Pipes of a child are sockets; their types do not say so. */
export function unrefStream(stream: unknown): void {
  if (stream instanceof Socket) stream.unref()
}
