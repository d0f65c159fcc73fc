// The programs that Flowkeep is measured against. One that is not installed is left out and said so.

import { spawnSync } from 'node:child_process'

export interface Peer {
  readonly name: string
  readonly program: string
  /** What to install to have it. */
  readonly install: string
  readonly version: string | undefined
}

const known = {
  tini: debian('tini', 'tini'),
  'dumb-init': debian('dumb-init', 'dumb-init'),
  's6-svscan': debian('s6-svscan', 's6'),
  's6-log': debian('s6-log', 's6'),
  cat: debian('cat', 'coreutils'),
  perl: debian('perl', 'perl'),
  unshare: debian('unshare', 'util-linux'),
  wrk: debian('wrk', 'wrk'),
} satisfies Record<string, Omit<Peer, 'version'>>

export type PeerName = keyof typeof known

/** Which of them are here, and which are not. */
export function findPeers(names: readonly PeerName[]): { present: Peer[]; absent: Peer[] } {
  const peers = names.map((name) => ({ ...known[name], version: versionOf(name) }))
  return {
    present: peers.filter(({ name }) => isHere(name)),
    absent: peers.filter(({ name }) => !isHere(name)),
  }
}

export function isHere(program: string): boolean {
  return spawnSync('sh', ['-c', 'command -v "$1"', 'sh', program], { stdio: 'ignore' }).status === 0
}

function debian(program: string, debianPackage: string): Omit<Peer, 'version'> {
  return { name: program, program, install: `the Debian package ${debianPackage}` }
}

/** What it says itself; s6 says nothing, so the package is asked. */
function versionOf(name: PeerName): string | undefined {
  const said = spawnSync(name, ['--version'], {
    encoding: 'utf8',
    timeout: 2_000,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const version = /\d+(\.\d+)+/.exec(`${said.stdout} ${said.stderr}`)?.[0]
  if (version !== undefined && said.status === 0) return version
  const debianPackage = known[name].install.split(' ').at(-1) as string
  const asked = spawnSync('dpkg-query', ['--status', debianPackage], { encoding: 'utf8' })
  return /^Version: (.*)$/m.exec(asked.stdout)?.[1] ?? version
}
