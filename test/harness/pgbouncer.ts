// A real pgbouncer in transaction mode in front of a PostgreSQL: each transaction may land in another session.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import type { PostgresServer } from './postgres.ts'
import { postgresIdentity } from './postgres-binaries.ts'
import { makeDirectory } from './postgres-directory.ts'

export interface Pgbouncer {
  readonly port: number
  url(database?: string): string
  stop(): Promise<void>
}

const readyLine = /process up/

/** @param sessions sessions with the server that all clients share */
export async function startPgbouncer(
  server: Pick<PostgresServer, 'host' | 'port' | 'user' | 'password'>,
  sessions = 2,
  settings: Readonly<Record<string, string>> = {},
): Promise<Pgbouncer> {
  const identity = postgresIdentity()
  const directory = makeDirectory(identity)
  const { user, password } = server
  const port = await freePort()
  const write = (name: string, text: string) => {
    const path = join(directory, name)
    writeFileSync(path, text, { mode: 0o600 })
    if (identity) chownSync(path, identity.uid, identity.gid)
    return path
  }
  const users = write('users.txt', `"${user}" "${password}"\n`)
  const configuration = write(
    'pgbouncer.ini',
    `[databases]
* = host=${server.host} port=${server.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = ${users}
pool_mode = transaction
default_pool_size = ${sessions}
server_round_robin = 1
server_login_retry = 1
${Object.entries(settings)
  .map(([name, value]) => `${name} = ${value}\n`)
  .join('')}max_client_conn = 100
`,
  )
  const child = spawn('pgbouncer', [configuration], { ...identity, stdio: ['ignore', 'ignore', 'pipe'] })
  await isReady(child)
  return {
    port,
    url(database = 'postgres') {
      return `postgresql://${user}:${encodeURIComponent(password)}@127.0.0.1:${port}/${database}?sslmode=disable`
    },
    async stop() {
      if (child.exitCode === null && child.signalCode === null) {
        const closed = once(child, 'exit')
        child.kill('SIGINT')
        await closed
      }
      await rm(directory, { recursive: true, force: true })
    },
  }
}

function isReady(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let seen = ''
    child.once('error', reject)
    child.once('exit', () => reject(new Error(`pgbouncer ended while starting: ${seen}`)))
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      seen = (seen + text).slice(-4_096)
      if (readyLine.test(seen)) resolve()
    })
  })
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no TCP port')
  return address.port
}
