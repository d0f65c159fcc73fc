// Our own rules for an image: what `flowkeep security` would find in every container made of it, and what only the image
// shows, such as a secret that a later layer hides. Pure.

import type { SarifRule } from '../../supervisor/core/sarif.ts'
import {
  canBeSecret,
  hasCredentialsInUrl,
  looksRandom,
  secretLookingName,
} from '../../supervisor/core/secret-names.ts'
import { some } from './finding.ts'
import { type ImageFile, type ImageView, type Layer, visibleFiles } from './image-view.ts'

export interface ImageRule extends SarifRule {
  /** What is wrong, if anything is. */
  look(view: ImageView, visible: Layer): string | undefined
}

export const imageRules: readonly ImageRule[] = [
  {
    id: 'I01',
    title: 'The image runs as a numeric user that is not root',
    severity: 'high',
    expected: 'USER with a number above 0',
    fix: 'end the Dockerfile with USER 10001:10001 or another number; Kubernetes cannot tell that a name is not root',
    look({ config: { User = '' } }) {
      const user = User.split(':')[0] ?? ''
      if (user === '' || user === 'root' || Number(user) === 0)
        return `it runs as ${User === '' ? 'root' : User}`
      return /^\d+$/.test(user) ? undefined : `its user ${user} is a name`
    },
  },
  {
    id: 'I02',
    title: 'The environment of the image holds no secret',
    severity: 'critical',
    expected: 'no ENV whose name or value looks like a secret',
    fix: 'give it to the container as a file: CONTAINER_…_FILE and a mounted secret; then change it, for it is known',
    look({ config: { Env = [] } }) {
      const names = Env.flatMap((pair) => {
        const [name = '', ...value] = pair.split('=')
        return isSecret(name, value.join('=')) ? [name] : []
      })
      return names.length > 0 ? `it sets ${some(names)}` : undefined
    },
  },
  {
    id: 'I03',
    title: 'The history of the image holds no secret',
    severity: 'critical',
    expected: 'no build argument or command whose text looks like a secret',
    fix: 'mount it for the one step: RUN --mount=type=secret; then change it, for everyone who has the image can read it',
    look({ history }) {
      const found = history.flatMap((line) =>
        [...line.matchAll(/(?:^|[\s"'|])([A-Za-z_]\w*)=("[^"]*"|'[^']*'|[^\s"']+)/g)].flatMap(
          ([, name = '', value = '']) => (isTold(name, value.replace(/^["']|["']$/g, '')) ? [name] : []),
        ),
      )
      const urls = history.some((line) => line.split(/\s+/).some(hasCredentialsInUrl))
      const all = [...new Set([...found, ...(urls ? ['a URL with a password'] : [])])]
      return all.length > 0 ? `it shows ${some(all)}` : undefined
    },
  },
  {
    id: 'I04',
    title: 'No layer holds a key or credentials',
    severity: 'critical',
    expected: 'no private key and no file with credentials, also none that a later layer removes',
    fix: 'mount it for the one step that needs it (RUN --mount=type=secret), and change it, for it is known',
    look({ layers }) {
      const found = layers.flatMap((layer) => [...layer.values()].filter(isKey).map(({ path }) => `/${path}`))
      return found.length > 0 ? some([...new Set(found)]) : undefined
    },
  },
  {
    id: 'I05',
    title: 'The image has a health check',
    severity: 'medium',
    expected: 'HEALTHCHECK, as the base image has it',
    fix: 'start from flowkeep-base, or add HEALTHCHECK CMD ["flowkeep", "health"]',
    look({ config: { Healthcheck } }) {
      const test = Healthcheck?.Test ?? []
      return test.length === 0 || test[0] === 'NONE' ? 'it has none' : undefined
    },
  },
  {
    id: 'I06',
    title: 'No program makes its caller another user',
    severity: 'high',
    expected: 'no setuid and no setgid program',
    fix: 'chmod a-s it in the Dockerfile; the base image does so for its own',
    look: (_view, visible) => paths(visible, ({ kind, mode }) => kind === 'file' && (mode & 0o6000) !== 0),
  },
  {
    id: 'I07',
    title: 'Only volumes can be written by everyone',
    severity: 'medium',
    expected:
      'no file or folder with write permission for others, outside of volumes and folders with the sticky bit',
    fix: 'chmod o-w it in the Dockerfile',
    look({ config: { Volumes = {} } }, visible) {
      const volumes = Object.keys(Volumes).map((path) => path.replace(/^\//, ''))
      return paths(visible, ({ kind, mode, path }) => {
        const isOpen = (kind === 'file' || kind === 'folder') && (mode & 0o002) !== 0
        const isSticky = kind === 'folder' && (mode & 0o1000) !== 0
        return (
          isOpen && !isSticky && !volumes.some((volume) => path === volume || path.startsWith(`${volume}/`))
        )
      })
    },
  },
  {
    id: 'I08',
    title: 'Labels say what the image is',
    severity: 'low',
    expected: 'org.opencontainers.image.title, description, version, licenses and base.name',
    fix: 'add the missing ones with LABEL',
    look({ config: { Labels = {} } }) {
      const wanted = ['title', 'description', 'version', 'licenses', 'base.name']
      const missing = wanted.filter((name) => !Labels[`org.opencontainers.image.${name}`])
      return missing.length > 0 ? `it lacks ${missing.join(', ')}` : undefined
    },
  },
  {
    id: 'I09',
    title: 'No cache of a package manager takes up room',
    severity: 'low',
    expected: 'nothing in apt, pip, npm and apk caches, in any layer',
    fix: 'remove it in the same RUN that fills it, or put it on a cache mount',
    look({ layers }) {
      const cache =
        /^(?:var\/lib\/apt\/lists\/.*_(?:Packages|Sources)(?:\.\w+)?|var\/cache\/apt\/.*\.(?:deb|bin)|root\/\.(?:cache|npm)\/.+|var\/cache\/apk\/.+)$/
      const files = layers.flatMap((layer) =>
        [...layer.values()].filter(({ kind, size, path }) => kind === 'file' && size > 0 && cache.test(path)),
      )
      const bytes = files.reduce((total, { size }) => total + size, 0)
      if (files.length === 0) return undefined
      return `${(bytes / 1024 / 1024).toFixed(1)} MiB in ${some(
        files.map(({ path }) => `/${path}`),
        3,
      )}`
    },
  },
  {
    id: 'I10',
    title: 'No port below 1024 is exposed',
    severity: 'low',
    expected: 'ports that a user without privileges may listen on',
    fix: 'listen on a port from 1024 on and publish it as another one',
    look({ config: { ExposedPorts = {} } }) {
      const low = Object.keys(ExposedPorts).filter((port) => Number.parseInt(port, 10) < 1024)
      return low.length > 0 ? `it exposes ${low.join(', ')}` : undefined
    },
  },
  {
    id: 'I11',
    title: 'The supervisor is the first process',
    severity: 'medium',
    expected: 'ENTRYPOINT ["flowkeep", "run", "--"]',
    fix: 'leave the entry point of the base image as it is and give the flow as CMD',
    look({ config: { Entrypoint = [] } }, visible) {
      if (!visible.has('opt/flowkeep/flowkeep.cjs')) return undefined
      const [program = '', command] = Entrypoint
      const isOurs = /(?:^|\/)flowkeep(?:\.cjs)?$/.test(program) && command === 'run'
      return isOurs ? undefined : `its entry point is ${Entrypoint.join(' ') || 'empty'}`
    },
  },
  {
    id: 'I12',
    title: 'It has no program that only an attacker misses',
    severity: 'medium',
    expected: 'no SSH server, sudo, compiler, debugger or packet sniffer',
    fix: 'do not install it, or leave it behind in an earlier stage',
    look: (_view, visible) => paths(visible, ({ kind, path }) => kind === 'file' && unneeded.test(path)),
  },
]

const unneeded =
  /^(?:usr\/)?(?:local\/)?s?bin\/(?:sshd|dropbear|telnetd|xinetd|sudo|doas|cc|gcc|g\+\+|clang|make|gdb|gdbserver|strace|tcpdump|nmap|(?:\w+-)+(?:gcc|g\+\+)(?:-\d+)?|(?:gcc|g\+\+|clang)-\d+)$/

/** @returns every rule with what it found */
export function judge(view: ImageView): { rule: ImageRule; found: string | undefined }[] {
  const visible = visibleFiles(view)
  return imageRules.map((rule) => ({ rule, found: rule.look(view, visible) }))
}

function paths(layer: Layer, isWrong: (file: ImageFile) => boolean): string | undefined {
  // What the last layers brought comes first: that is what the Dockerfile at hand can mend.
  const found = [...layer.values()]
    .filter(isWrong)
    .reverse()
    .map(({ path }) => `/${path}`)
  return found.length > 0 ? some(found) : undefined
}

/** By its name, or by what its value looks like. */
export function isSecret(name: string, value: string): boolean {
  if (hasCredentialsInUrl(value)) return true
  return canBeSecret(value) && (secretLookingName(name) || looksRandom(name, value))
}

/** By its name alone: a command is full of checksums and other text without structure. */
function isTold(name: string, value: string): boolean {
  return canBeSecret(value) && !value.startsWith('$') && secretLookingName(name)
}

const alwaysSecret =
  /(?:^|\/)(?:id_(?:rsa|dsa|ecdsa|ed25519)|\.pgpass|\.git-credentials|\.netrc)$|\.(?:p12|pfx|jks)$/
const withToken = /_authToken\s*=|_password\s*=|^\s*password\s*[:=]|"auth"\s*:|aws_secret_access_key/im

function isKey({ path, kind, size, head }: ImageFile): boolean {
  if (kind !== 'file' || size === 0) return false
  if (alwaysSecret.test(path)) return true
  const text = head?.toString('latin1') ?? ''
  if (/-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----/.test(text)) return true
  if (/\.(?:pem|key)$/.test(path)) return false
  return withToken.test(text) || hasCredentialsInUrl(text.split(/\s+/).find(hasCredentialsInUrl) ?? '')
}
