// Files that would let somebody become, change or read what is not theirs: S28–S31, S33.

import { limits } from '../../core/limits.ts'
import { secretLookingName } from '../../core/secret-names.ts'
import { type Check, fail, pass, some, unknown, type Verdict } from '../check.ts'
import type { Container } from '../container.ts'
import { isReadOnly, isWithin, mountOf } from '../mounts.ts'
import { serviceAccountDirectory } from '../places.ts'
import { type WalkEnd, walk } from '../walk.ts'

const mountedSecrets = '/run/secrets'

export const fileChecks: readonly Check[] = [
  {
    id: 'S28',
    title: 'Setuid programs',
    severity: 'medium',
    reads: '/',
    expected: 'no setuid or setgid program but those in CONTAINER_SECURITY_ALLOWED_SETUID',
    fix: 'RUN find / -xdev -perm /6000 -type f -exec chmod a-s {} + in the image',
    walks: true,
    async look(container) {
      const findings = await container.rootWalk()
      const allowed = new Set(container.configured.allowedSetuid)
      return ofWalk(
        findings.setuid.filter((path) => !allowed.has(path)),
        findings,
      )
    },
  },
  {
    id: 'S29',
    title: 'World-writable files',
    severity: 'medium',
    reads: '/',
    expected: 'no world-writable file, and no world-writable directory without the sticky bit',
    fix: 'chmod o-w in the image, or chmod +t for a directory that has to be open',
    walks: true,
    async look(container) {
      const findings = await container.rootWalk()
      return ofWalk(findings.worldWritable, findings)
    },
  },
  {
    id: 'S30',
    title: 'Writable code',
    severity: 'high',
    reads: '/opt/flowkeep',
    expected: 'code that belongs to root and that the user of the process cannot write to',
    fix: 'COPY code as root in the image, without --chown; --read-only closes the rest',
    walks: true,
    look: writableCode,
  },
  {
    id: 'S31',
    title: 'State directory',
    severity: 'high',
    reads: '/var/lib/flowkeep',
    expected: 'a directory 0700 of this user (or one 1777 with slots 0700), and no symbolic link on the way',
    fix: 'chown it to the user of the container and chmod 0700, or put a named volume there',
    look: stateDirectory,
  },
  {
    id: 'S33',
    title: 'Secret files',
    severity: 'high',
    reads: mountedSecrets,
    expected: 'mode 0400',
    fix: 'chmod 0400 (Compose and Swarm: mode: 0400 and uid of the secret; Kubernetes: defaultMode: 0400)',
    look(container) {
      const files = secretFiles(container)
      const open = files.filter((path) => ((container.view.stat(path)?.mode ?? 0) & 0o044) !== 0)
      if (open.length > 0) return fail(`readable by others: ${some(open)}`)
      return pass(files.length > 0 ? `${files.length} for their owner alone` : 'there are none')
    },
  },
]

function ofWalk(found: readonly string[], { cut, closed, entries }: WalkEnd): Verdict {
  if (found.length > 0) return fail(`${found.length}: ${some(found)}`)
  if (cut !== undefined) return unknown(`nothing found, but the search was cut: ${cut}`)
  const beyond = closed > 0 ? `, ${closed} directories out of its reach` : ''
  return pass(`none among ${entries} files${beyond}`)
}

async function writableCode(container: Container): Promise<Verdict> {
  const { view, walking, uid } = container
  const ownUid = container.status('Uid').split(/\s+/)[0]
  if (ownUid !== String(uid)) return unknown(`this command runs as uid ${uid}, the process as ${ownUid}`)
  const mounts = container.mounts()
  const elsewhere = new Set(mounts.map(({ mountPoint }) => mountPoint))
  const found: string[] = []
  let cut: string | undefined
  let entries = 0
  for (const directory of outermost(container.configured.codeDirectories)) {
    const mount = mountOf(directory, mounts)
    if (mount && isReadOnly(mount)) continue
    const end = await walk(walking, directory, elsewhere, async (path, { kind }) => {
      // A link itself can be replaced by who may write to its directory, which is looked at as well.
      if (kind !== 'symlink' && (await view.mayWrite(path))) found.push(path)
    })
    cut ??= end.cut
    entries += end.entries
  }
  if (found.length > 0) return fail(`${found.length} writable: ${some(found)}`)
  if (cut !== undefined) return unknown(`nothing found, but the search was cut: ${cut}`)
  return pass(entries > 0 ? `none of ${entries} files is writable` : 'all of it lies on a read-only mount')
}

/** Without those that lie in another one. */
function outermost(directories: readonly string[]): string[] {
  const all = [...new Set(directories)].sort()
  return all.filter((one) => !all.some((other) => other !== one && isWithin(one, other)))
}

function stateDirectory(container: Container): Verdict {
  const { view } = container
  const path = container.configured.stateDirectory
  const owner = Number(container.status('Uid').split(/\s+/)[1])
  const link = linkOnTheWay(container, path)
  if (link !== undefined) return fail(`${link} is a symbolic link`)
  const facts = view.lstat(path)
  if (!facts) return unknown(`${path} does not exist yet`)
  const said = `${path} is ${octal(facts.mode)} of uid ${facts.uid}`
  if (facts.mode === 0o700 && facts.uid === owner) return pass(said)
  if (facts.mode !== 0o1777 || (facts.uid !== 0 && facts.uid !== owner)) return fail(said)
  const slots = view.names(path).filter((name) => /^slot-\d+$/.test(name))
  const open = slots.filter((name) => {
    const slot = view.lstat(`${path}/${name}`)
    return slot?.kind === 'symlink' || (slot?.uid === owner && slot.mode !== 0o700)
  })
  return open.length > 0 ? fail(`${some(open)} in ${path} are not 0700`) : pass(`${said}, slots are closed`)
}

function linkOnTheWay({ view }: Container, path: string): string | undefined {
  const parts = path.split('/').filter(Boolean)
  const ways = parts.map((_, index) => `/${parts.slice(0, index + 1).join('/')}`)
  return ways.find((way) => view.lstat(way)?.kind === 'symlink')
}

/** Files that settings came from, that variables with telling names point to, and that the engine mounts. */
function secretFiles(container: Container): string[] {
  const named = [...container.environment()]
    .filter(
      ([name, path]) =>
        name.endsWith('_FILE') && path.startsWith('/') && secretLookingName(name.slice(0, -5)),
    )
    .map(([, path]) => path)
  const all = [...container.configured.secretFiles, ...named, ...filesBelow(container, mountedSecrets)]
  return [...new Set(all)].filter((path) => container.view.stat(path)?.kind === 'file')
}

/** Kubernetes' projections have links and directories of their own; two levels hold all that anybody mounts. */
function filesBelow({ view }: Container, top: string): string[] {
  const below = (directory: string) => view.names(directory).map((name) => `${directory}/${name}`)
  const first = below(top).filter((path) => !isWithin(path, serviceAccountDirectory))
  const second = first.filter((path) => view.stat(path)?.kind === 'directory').flatMap(below)
  return [...first, ...second].slice(0, limits.securityListEntries)
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0')
}
