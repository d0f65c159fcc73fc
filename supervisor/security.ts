// The security checks, put together for the running supervisor and for `flowkeep security`: what the configuration
// says of the container, and which process is looked at. What they are made of is loaded when it is needed.

import { lookup } from 'node:dns/promises'
import { realpathSync } from 'node:fs'
import { hostname } from 'node:os'
import { dirname, isAbsolute, resolve } from 'node:path'
import type { Loaded } from './config/load.ts'
import type { Settings } from './config/settings.ts'
import { type Clock, sleep, systemClock } from './core/clock.ts'
import { parseConnectionUrl } from './core/connection-url.ts'
import { messageOf } from './core/errors.ts'
import { limits } from './core/limits.ts'
import type { Logger } from './core/logger.ts'
import { createRedactor, type Redact } from './core/secret.ts'
import { version } from './core/version.ts'
import { findCgroups } from './resources/cgroup-paths.ts'
import type { Result } from './security/check.ts'
import type { Configured, Container, DatabaseLink } from './security/container.ts'
import type { Need, NetworkReport } from './security/network-policy.ts'
import type { View } from './security/view.ts'

type Accepted = Extract<Loaded, { ok: true }>

export interface SecurityAtStart {
  /** Throws `security_refused`. */
  admit(): Promise<void>
  /** Never rejects: what only reports must not end a container. */
  look(): Promise<void>
}

export interface AtStartNeeds {
  readonly clock: Clock
  readonly configuration: Accepted
  readonly command: readonly string[]
  readonly logger: Logger
  readonly redact: Redact
  counted(failed: Readonly<Record<string, number>>): void
}

export function createSecurityAtStart(needs: AtStartNeeds): SecurityAtStart {
  const { configuration, counted, logger, redact } = needs
  const { enforce, accepted } = configuration.settings.security
  const load = async () => {
    const [{ SecurityChecksAtStart }, { SecurityValidator }] = await Promise.all([
      import('./security/at-start.ts'),
      import('./security/validator.ts'),
    ])
    const validator = async (restMs: number) =>
      new SecurityValidator(await lookAt({ ...needs, process: '/proc/self', restMs }), accepted)
    const urgent = await validator(0)
    const unhurried = await validator(limits.securityWalkRestMs)
    return new SecurityChecksAtStart({ enforce, urgent, unhurried, logger, redact, counted })
  }
  let checks: ReturnType<typeof load> | undefined
  const loaded = () => {
    checks ??= load()
    return checks
  }
  return {
    async admit() {
      if (enforce === 'high' || enforce === 'critical') await (await loaded()).admit()
    },
    async look() {
      if (enforce === 'off') return
      try {
        await (await loaded()).look()
      } catch (error) {
        logger.error({ event: 'security.failed' }, `the security checks failed: ${redact(messageOf(error))}`)
      }
    },
  }
}

export interface LookedAt {
  readonly clock: Clock
  readonly configuration: Loaded
  /** `/proc/self` */
  readonly process: string
  /** The flow's command. */
  readonly command: readonly string[]
  readonly restMs: number
}

export async function lookAt({ configuration, command, ...parts }: LookedAt): Promise<Container> {
  const { Container } = await import('./security/container.ts')
  const { systemView } = await import('./security/system-view.ts')
  return new Container({
    ...parts,
    view: systemView,
    uid: process.geteuid?.() ?? -1,
    cgroups: findCgroups('/'),
    configured: configuredBy(configuration, command),
  })
}

export interface Examination {
  /** The worst first. */
  readonly checks: readonly Result[]
  /** Undefined where it cannot be seen. */
  readonly network: NetworkReport | undefined
  sarif(): object
}

/** All checks at once, for somebody who waits. */
export async function examine(configuration: Loaded): Promise<Examination> {
  const [{ SecurityValidator, worstFirst }, { systemView }, { toSarif }] = await Promise.all([
    import('./security/validator.ts'),
    import('./security/system-view.ts'),
    import('./security/sarif.ts'),
  ])
  const settings = configuration.ok ? configuration.settings : undefined
  const looked = supervisedProcess(systemView)
  const container = await lookAt({ ...looked, configuration, clock: systemClock, restMs: 0 })
  const results = await new SecurityValidator(container, settings?.security.accepted ?? []).run()
  const redact = createRedactor(configuration.ok ? configuration.secrets : [])
  const checks = worstFirst(results.map((result) => ({ ...result, found: redact(result.found) })))
  return {
    checks,
    network: await networkOf(container, settings),
    sarif: () =>
      toSarif(
        [...checks].sort((a, b) => a.id.localeCompare(b.id)),
        { version, instance: settings?.instanceId ?? hostname(), time: new Date().toISOString() },
      ),
  }
}

async function networkOf(
  container: Container,
  settings: Settings | undefined,
): Promise<NetworkReport | undefined> {
  const { networkReport } = await import('./security/network-policy.ts')
  const needs = settings ? await needsOf(settings) : []
  try {
    return networkReport(container, needs)
  } catch {
    return undefined
  }
}

async function needsOf({ databases, services, alerts }: Settings): Promise<Need[]> {
  const endpoints = [
    ...Object.entries(databases).flatMap(([name, { url }]) => {
      const parsed = parseConnectionUrl(url.reveal())
      if (!parsed.ok || parsed.target.host.startsWith('/')) return []
      return [{ name: `database:${name}`, host: parsed.target.host, port: parsed.target.port, open: false }]
    }),
    ...Object.entries(services).map(([name, { url }]) => webNeed(`service:${name}`, url.reveal())),
    ...(alerts.alertmanagerUrl ? [webNeed('alerts:alertmanager', alerts.alertmanagerUrl.reveal())] : []),
    ...(alerts.webhookUrl ? [webNeed('alerts:webhook', alerts.webhookUrl.reveal())] : []),
    ...(alerts.pagerDutyKey ? [webNeed('alerts:pagerduty', alerts.pagerDutyUrl)] : []),
  ]
  return Promise.all(
    endpoints.map(async (endpoint) => ({ ...endpoint, addresses: await addressesOf(endpoint.host) })),
  )
}

function webNeed(name: string, url: string) {
  const { protocol, hostname, port } = new URL(url)
  const host = hostname.replace(/^\[(.*)\]$/, '$1')
  const open = protocol === 'http:'
  return { name, host, port: Number(port) || (open ? 80 : 443), open }
}

/** None where the name is not known, or nobody says so in time. */
async function addressesOf(host: string): Promise<string[]> {
  const patience = new AbortController()
  const late = sleep(systemClock, limits.securityLookupMs, patience.signal).then(() => [])
  const found = lookup(host, { all: true }).then((all) => all.map(({ address }) => address))
  try {
    return await Promise.race([found, late])
  } catch {
    return []
  } finally {
    late.catch(() => undefined)
    found.catch(() => undefined)
    patience.abort()
  }
}

export interface Supervised {
  readonly process: string
  readonly command: readonly string[]
}

/** The supervisor, where it is the container's first process; else whoever asks, which shares its container. */
export function supervisedProcess(view: Pick<View, 'text'>): Supervised {
  try {
    const first = view.text('/proc/1/cmdline').split('\0').slice(0, -1)
    const run = first.indexOf('run')
    if (run > 0 && /flowkeep[^/]*$/.test(first[run - 1] ?? '')) {
      const command = first.slice(run + 1)
      return { process: '/proc/1', command: command[0] === '--' ? command.slice(1) : command }
    }
  } catch {
    // Not to be seen: a process of somebody else.
  }
  return { process: '/proc/self', command: [] }
}

export function configuredBy(configuration: Loaded, command: readonly string[]): Configured {
  const { env } = process
  if (!configuration.ok) {
    return {
      ports: [Number(env['CONTAINER_HTTP_PORT']) || 8088],
      allowedSetuid: [],
      stateDirectory: env['CONTAINER_STATE_DIRECTORY'] || '/var/lib/flowkeep',
      secretFiles: [],
      secretVariables: [],
      databases: undefined,
      codeDirectories: codeDirectories(command, []),
    }
  }
  const { settings, entries } = configuration
  const { allowedPorts, allowedSetuid } = settings.security
  return {
    ports: [settings.http.port, ...allowedPorts],
    allowedSetuid,
    stateDirectory: settings.state.directory,
    secretFiles: secretFiles(configuration),
    secretVariables: entries
      .filter(({ secret, source }) => secret && source === 'environment')
      .map(({ name }) => name),
    databases: databaseLinks(configuration),
    codeDirectories: codeDirectories(command, [settings.health.directory]),
  }
}

function databaseLinks({ settings }: Accepted): DatabaseLink[] {
  return Object.entries(settings.databases).flatMap(([name, { url }]) => {
    const parsed = parseConnectionUrl(url.reveal())
    return parsed.ok ? [{ name, host: parsed.target.host, sslMode: parsed.target.ssl.mode }] : []
  })
}

/** Files that secret settings were read from, and the keys that database URLs name. */
function secretFiles({ settings, entries, files }: Accepted): string[] {
  const secrets = entries.filter(({ secret }) => secret)
  const value = entries.find(({ path }) => path === 'config.file')?.value
  const configFile = typeof value === 'string' ? value : undefined
  const inConfigFile = secrets.some(({ source }) => source === 'config_file')
  const named = secrets
    .filter(({ source }) => source === 'file')
    .map(({ name }) => process.env[name.endsWith('_FILE') ? name : `${name}_FILE`])
  // Named in the configuration file itself: which of the files it is, is not known any more.
  const all = named.includes(undefined) ? files.filter((path) => path !== configFile) : named
  const keys = Object.values(settings.databases).flatMap(({ url }) => {
    const parsed = parseConnectionUrl(url.reveal())
    return parsed.ok ? [parsed.target.ssl.keyFile] : []
  })
  return [...all, ...keys, inConfigFile ? configFile : undefined]
    .filter((path) => path !== undefined)
    .map((path) => resolve(path))
}

const codeFile = /\.(?:py|pyz|m?js|cjs|ts|sh|pl|rb|jar)$/

/** Where programs come from: the search paths, what the command names, and Flowkeep itself. */
function codeDirectories(command: readonly string[], more: readonly string[]): string[] {
  const { env } = process
  const searched = ['PATH', 'PYTHONPATH', 'NODE_PATH'].flatMap((name) => env[name]?.split(':') ?? [])
  const named = command
    .filter((argument, index) => (index === 0 && argument.includes('/')) || codeFile.test(argument))
    .map((argument) => dirname(resolve(argument)))
  // `python -m module` looks where it is started.
  const here = command.includes('-m') ? [process.cwd()] : []
  const own = process.argv[1] === undefined ? [] : realPath(process.argv[1]).map(dirname)
  const all = [...searched, env['VIRTUAL_ENV'], ...named, ...here, ...own, ...more]
  return [...new Set(all.flatMap(realPath))].filter((path) => path !== '/')
}

function realPath(path: string | undefined): string[] {
  if (path === undefined || !isAbsolute(path)) return []
  try {
    return [realpathSync(path)]
  } catch {
    return []
  }
}
