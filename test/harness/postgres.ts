// A real PostgreSQL for tests and for the demo, with no Docker and no installation. The data lies in a temporary
// directory. A small shell outlives this process by a moment: when its standard input closes, however this process
// ended, it stops the server and removes the directory, so that nothing is left behind even after SIGKILL.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import pg from 'pg'
import { type Authority, createAuthority } from './certificates.ts'
import { type Identity, postgresBinaries, postgresIdentity } from './postgres-binaries.ts'
import { makeDirectory, releaseSharedMemory, startGuard, unrefStream } from './postgres-directory.ts'

export interface PostgresOptions {
  /** A free one is chosen when absent. */
  readonly port?: number
  /** Address to listen on. */
  readonly host?: string
  readonly user?: string
  readonly password?: string
  /** Replaces pg_hba.conf. Default: every TCP connection with its password (scram-sha-256). */
  readonly hbaLines?: readonly string[]
  /** Lines of postgresql.conf. */
  readonly settings?: Readonly<Record<string, string>>
  /** Serve TLS with a certificate for localhost and 127.0.0.1, from this authority or one of its own; see `caFile`. */
  readonly tls?: boolean | Authority
  /** Really write to the disk. Off, a crash of the machine (not of the server) loses data, and all is faster. */
  readonly durable?: boolean
}

export type ShutdownMode = 'smart' | 'fast' | 'immediate'

export interface PostgresServer {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string
  readonly dataDirectory: string
  /** PEM of the certificate authority, with `tls`. */
  readonly caFile: string | undefined
  readonly running: boolean
  url(database?: string, parameters?: Readonly<Record<string, string>>): string
  /** Resolves when the server accepts connections, or when its log first matches `until`. */
  start(options?: { readonly until?: RegExp }): Promise<void>
  /** Stops the server and removes its data. */
  stop(mode?: ShutdownMode): Promise<void>
  /** Stops the server and keeps its data; `start()` brings it back on the same port. */
  halt(mode?: ShutdownMode): Promise<void>
  /** SIGKILL to the postmaster; its sessions die with it. `start()` recovers. */
  kill(): Promise<void>
  restart(mode?: ShutdownMode): Promise<void>
  /** Stops the postmaster in its tracks: the kernel still accepts connections, nobody answers. */
  freeze(): void
  thaw(): void
  createDatabase(name: string): Promise<void>
  /** Runs one statement in a session of its own. */
  query(sql: string, parameters?: unknown[], database?: string): Promise<pg.QueryResult>
  /** The end of the server's log. */
  log(): string
}

const logCharsKept = 65_536
const startTimeoutMs = 60_000
const startAttempts = 50
const readyLine = /database system is ready to accept connections/

/** initdb and a running server. */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const server = await createPostgres(options)
  try {
    await server.start()
  } catch (error) {
    await server.stop()
    throw error
  }
  return server
}

/** initdb only; the server is started later with `start()`. */
export async function createPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const identity = postgresIdentity()
  const directory = makeDirectory(identity)
  const guard = startGuard(directory)
  try {
    const bin = postgresBinaries(identity, directory)
    return await initialise({ options, identity, directory, bin, guard })
  } catch (error) {
    guard.stdin?.end()
    throw error
  }
}

interface Site {
  readonly options: PostgresOptions
  readonly identity: Identity | undefined
  readonly directory: string
  readonly bin: string
  readonly guard: ChildProcess
}

async function initialise(site: Site): Promise<PostgresServer> {
  const { options, directory } = site
  const host = options.host ?? '127.0.0.1'
  const user = options.user ?? 'flowkeep'
  const password = options.password ?? 'only-for-tests'
  const dataDirectory = join(directory, 'data')
  write(site, 'password', `${password}\n`)
  await run(site, 'initdb', [
    ...['--pgdata', dataDirectory, '--username', user, '--pwfile', join(directory, 'password')],
    ...['--auth', 'scram-sha-256', '--encoding', 'UTF8', '--no-locale', '--no-instructions'],
    ...(options.durable ? [] : ['--no-sync']),
  ])
  if (options.hbaLines) write(site, 'data/pg_hba.conf', `${options.hbaLines.join('\n')}\n`)
  const caFile = options.tls ? writeCertificates(site) : undefined
  const port = options.port ?? (await freePort(host))
  write(site, 'data/postgresql.auto.conf', configuration(site, host, port))

  let postmaster: ChildProcess | undefined
  let log = ''

  async function launch(until: RegExp): Promise<void> {
    // Not our process group: a Ctrl-C in the terminal is for us to handle first.
    const child = spawn(join(site.bin, 'postgres'), ['-D', dataDirectory], {
      ...site.identity,
      ...{ cwd: directory, detached: true, stdio: ['ignore', 'ignore', 'pipe'], env: environment },
    })
    postmaster = child
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      log = (log + text).slice(-logCharsKept)
    })
    try {
      await logMatches(child, until)
    } finally {
      // A server nobody stopped does not keep this process alive; the guard stops it then.
      child.unref()
      unrefStream(child.stderr)
    }
  }

  async function start({ until = readyLine }: { until?: RegExp } = {}): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await launch(until)
      } catch (error) {
        // Sessions of a killed server may still be leaving, or a passing connection holds our port number.
        // Nothing announces the end of either.
        if (
          attempt === startAttempts ||
          !/still in use|already exists|could not create any TCP/.test(String(error))
        )
          throw error
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
    }
  }

  async function signal(name: NodeJS.Signals): Promise<void> {
    const child = postmaster
    postmaster = undefined
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    child.ref()
    const closed = once(child, 'exit')
    child.kill('SIGCONT')
    child.kill(name)
    await closed
  }

  const signals = { smart: 'SIGTERM', fast: 'SIGINT', immediate: 'SIGQUIT' } as const
  const halt = (mode: ShutdownMode = 'fast') => signal(signals[mode])

  const url = (database = 'postgres', parameters: Readonly<Record<string, string>> = {}) => {
    const query = new URLSearchParams(parameters).toString()
    const authority = `${encodeURIComponent(user)}:${encodeURIComponent(password)}@${host}:${port}`
    return `postgresql://${authority}/${encodeURIComponent(database)}${query && `?${query}`}`
  }

  async function query(sql: string, parameters: unknown[] = [], database = 'postgres') {
    const client = new pg.Client({ host, port, user, password, database, ssl: false })
    client.on('error', () => {})
    try {
      await client.connect()
      return await client.query(sql, parameters)
    } finally {
      await client.end()
    }
  }

  return {
    ...{ host, port, user, password, dataDirectory, caFile, url, start, halt, query },
    get running() {
      return postmaster !== undefined && postmaster.exitCode === null && postmaster.signalCode === null
    },
    async stop(mode = 'fast') {
      await halt(mode)
      releaseSharedMemory(dataDirectory)
      await rm(directory, { recursive: true, force: true, maxRetries: 50, retryDelay: 20 })
      site.guard.stdin?.end()
    },
    kill: () => signal('SIGKILL'),
    async restart(mode = 'fast') {
      await halt(mode)
      await start()
    },
    freeze: () => void postmaster?.kill('SIGSTOP'),
    thaw: () => void postmaster?.kill('SIGCONT'),
    async createDatabase(name) {
      await query(`create database ${pg.escapeIdentifier(name)}`)
    },
    log: () => log.slice(-logCharsKept),
  }
}

const environment = { LC_ALL: 'C', TZ: 'UTC', PATH: process.env['PATH'] ?? '/usr/bin:/bin' }

function configuration({ options, directory }: Site, host: string, port: number): string {
  const settings: Record<string, string> = {
    listen_addresses: host,
    port: String(port),
    unix_socket_directories: directory,
    shared_buffers: '16MB',
    // In the data directory, so that a killed server leaves nothing in /dev/shm.
    dynamic_shared_memory_type: 'mmap',
    ...(options.tls
      ? { ssl: 'on', ssl_cert_file: 'server.crt', ssl_key_file: 'server.key', ssl_ca_file: 'ca.crt' }
      : {}),
    ...(options.durable ? {} : { fsync: 'off', full_page_writes: 'off', synchronous_commit: 'off' }),
    ...options.settings,
  }
  return Object.entries(settings)
    .map(([name, value]) => `${name} = '${value.replaceAll("'", "''")}'\n`)
    .join('')
}

function writeCertificates(site: Site): string {
  const authority = typeof site.options.tls === 'object' ? site.options.tls : createAuthority()
  const server = authority.issue(['localhost', '127.0.0.1', '::1'])
  write(site, 'data/server.crt', server.certificate)
  write(site, 'data/server.key', server.key)
  write(site, 'data/ca.crt', authority.certificate)
  return join(site.directory, 'data', 'ca.crt')
}

/** A file that the server's user owns and nobody else reads. */
function write({ directory, identity }: Site, name: string, text: string): void {
  const path = join(directory, name)
  writeFileSync(path, text, { mode: 0o600 })
  if (identity) chownSync(path, identity.uid, identity.gid)
}

/** Resolves when what `child` writes from now on matches; rejects with what it wrote when it ends before that. */
function logMatches(child: ChildProcess, until: RegExp): Promise<void> {
  return new Promise((resolve, reject) => {
    let seen = ''
    const failed = (why: string) => reject(new Error(`PostgreSQL ${why}: ${seen.trim()}`))
    const timer = setTimeout(() => failed('did not start in time'), startTimeoutMs)
    const look = (text: string) => {
      seen += text
      if (!until.test(seen)) return
      child.stderr?.off('data', look)
      clearTimeout(timer)
      resolve()
    }
    child.stderr?.on('data', look)
    child.once('error', reject)
    child.once('close', () => {
      clearTimeout(timer)
      failed('ended while starting')
    })
  })
}

async function run(site: Site, program: string, args: string[]): Promise<void> {
  const child = spawn(join(site.bin, program), args, {
    ...site.identity,
    ...{ cwd: site.directory, stdio: ['ignore', 'pipe', 'pipe'], env: environment },
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  }
  const [status] = await once(child, 'close')
  if (status !== 0) throw new Error(`${program} failed (${status}): ${output.trim()}`)
}

async function freePort(host: string): Promise<number> {
  const server = createServer().listen(0, host)
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no TCP port')
  return address.port
}
