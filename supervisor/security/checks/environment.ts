// What the process was started with, and what it could start: S32, S34, S36–S38.

import { canBeSecret, hasCredentialsInUrl, looksRandom, secretLookingName } from '../../core/secret-names.ts'
import { type Check, fail, pass, some, unknown, warn } from '../check.ts'
import { serviceAccountDirectory } from '../places.ts'
import { isLoopback } from '../sockets.ts'

const standardPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
const doors = ['sshd', 'sudo', 'doas']
const tools = [
  ...['sh', 'bash', 'dash', 'ash', 'zsh', 'ksh', 'busybox'],
  ...['apt', 'apt-get', 'dpkg', 'apk', 'yum', 'dnf', 'microdnf', 'rpm'],
  ...['gcc', 'cc', 'g++', 'clang', 'tcc', 'make', 'ld'],
]

/** Variables that turn the verification of certificates off, each with the values that do. */
const unsafeTls: readonly (readonly [name: string, unsafe: RegExp])[] = [
  ['NODE_TLS_REJECT_UNAUTHORIZED', /^0$/],
  ['PYTHONHTTPSVERIFY', /^0$/],
  ['GIT_SSL_NO_VERIFY', /^(?:1|true|yes|on)$/i],
  ['PREFECT_API_TLS_INSECURE_SKIP_VERIFY', /^(?:1|true|yes|on)$/i],
  ['NPM_CONFIG_STRICT_SSL', /^false$/i],
  ['SSLKEYLOGFILE', /./],
]

export const environmentChecks: readonly Check[] = [
  {
    id: 'S32',
    title: 'Secrets in the environment',
    severity: 'high',
    reads: '/proc/self/environ',
    expected: 'secrets in files',
    fix: 'give NAME_FILE, the path of a file with the secret, in place of NAME',
    look(container) {
      const known = new Set(container.configured.secretVariables)
      const found = [...container.environment()]
        .filter(
          ([name, value]) =>
            (known.has(name) && value !== '') ||
            (secretLookingName(name) && canBeSecret(value)) ||
            hasCredentialsInUrl(value) ||
            looksRandom(name, value),
        )
        .map(([name]) => name)
      return found.length > 0 ? warn(some(found)) : pass('none')
    },
  },
  {
    id: 'S34',
    title: 'Encryption to databases',
    severity: 'high',
    reads: '/proc/self/environ',
    expected: 'sslmode=verify-full for every database that is not on loopback',
    fix: 'sslmode=verify-full (and sslrootcert=FILE for an authority of your own) in the URL of the database',
    look({ configured: { databases } }) {
      if (databases === undefined) return unknown('the configuration cannot be read: flowkeep check says why')
      const remote = databases.filter(({ host }) => !host.startsWith('/') && !isLocal(host))
      const withModes = (modes: readonly string[]) =>
        remote
          .filter(({ sslMode }) => modes.includes(sslMode))
          .map(({ name, sslMode }) => `${name}: ${sslMode}`)
      const open = withModes(['disable', 'allow', 'prefer'])
      if (open.length > 0) return fail(some(open))
      const unverified = withModes(['require'])
      if (unverified.length > 0) return warn(some(unverified))
      return pass(remote.length > 0 ? `${remote.length} verified` : 'none is reached over a network')
    },
  },
  {
    id: 'S36',
    title: 'Debugger and TLS verification',
    severity: 'critical',
    reads: '/proc/self/environ',
    expected: 'no --inspect in NODE_OPTIONS, and no variable that turns verification off',
    fix: 'unset the variable',
    look(container) {
      const environment = container.environment()
      const command = container.view.text(`${container.process}/cmdline`).split('\0')
      const found = [
        ...(/--inspect(?:\b|-)/.test(environment.get('NODE_OPTIONS') ?? '')
          ? ['NODE_OPTIONS has --inspect']
          : []),
        ...(command.slice(1).some((argument) => /^--inspect\b/.test(argument) && isNode(command[0]))
          ? ['the command line has --inspect']
          : []),
        ...unsafeTls
          .filter(([name, unsafe]) => unsafe.test(environment.get(name) ?? ''))
          .map(([name]) => `${name} is set`),
      ]
      return found.length > 0 ? fail(found.join(', ')) : pass('none')
    },
  },
  {
    id: 'S37',
    title: 'Tools for an intruder',
    severity: 'medium',
    reads: '/usr/bin',
    expected: 'no SSH server and no sudo; better also no shell, package manager or compiler',
    fix: 'a slim image; what only its build needs is removed in the end',
    look(container) {
      const path = `${container.environment().get('PATH') ?? ''}:${standardPath}`
      const directories = [...new Set(path.split(':').filter((directory) => directory.startsWith('/')))]
      const present = (names: readonly string[]) =>
        names.filter((name) =>
          directories.some((directory) => {
            const facts = container.view.stat(`${directory}/${name}`)
            return facts?.kind === 'file' && (facts.mode & 0o111) !== 0
          }),
        )
      const open = present(doors)
      if (open.length > 0) return fail(open.join(', '))
      const found = present(tools)
      return found.length > 0 ? warn(some(found, 8)) : pass('none')
    },
  },
  {
    id: 'S38',
    title: 'Service account token',
    severity: 'medium',
    reads: `${serviceAccountDirectory}/serviceaccount/token`,
    expected: 'no token of a service account',
    fix: 'Kubernetes: automountServiceAccountToken: false',
    look({ view }) {
      const places = [serviceAccountDirectory, `/var${serviceAccountDirectory}`]
      const found = places
        .map((directory) => `${directory}/serviceaccount/token`)
        .filter((path) => view.stat(path) !== undefined)
      return found.length > 0 ? warn(`${found[0]} is there`) : pass('none')
    },
  },
]

function isLocal(host: string): boolean {
  return host === 'localhost' || isLoopback(host)
}

function isNode(program: string | undefined): boolean {
  return /(?:^|\/)node$/.test(program ?? '')
}
