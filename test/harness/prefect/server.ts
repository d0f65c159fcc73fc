// A real Prefect server, as a process of its own: on SQLite in a directory of its own, or on a PostgreSQL. It can be
// killed and started again on its database, which stays.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { unusedPort } from '../servers.ts'

export interface PrefectOptions {
  readonly python: string
  /** `postgresql://…`; SQLite where absent. */
  readonly databaseUrl?: string
  /** `user:password` that the server wants. */
  readonly auth?: string
  /** Goes before the environment's own packages: another version of Prefect. */
  readonly packages?: string
}

export interface PrefectServer {
  readonly port: number
  /** With its `/api`. */
  readonly url: string
  /** SIGKILL, as a host that goes away. */
  kill(): Promise<void>
  /** Ready when it resolves. On the same port and database as before. */
  start(): Promise<void>
  stop(): Promise<void>
  log(): string
}

const logCharsKept = 65_536
const betweenMs = 100

export async function startPrefect(options: PrefectOptions): Promise<PrefectServer> {
  const home = mkdtempSync(join(tmpdir(), 'fk-prefect-'))
  const port = await unusedPort()
  const url = `http://127.0.0.1:${port}/api`
  let child: ChildProcess | undefined
  let log = ''

  async function start(): Promise<void> {
    const uvicorn = ['-m', 'uvicorn', '--factory', 'prefect.server.api.server:create_app']
    const started = spawn(options.python, [...uvicorn, '--host', '127.0.0.1', '--port', String(port)], {
      cwd: home,
      env: environmentOf(options, home),
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    child = started
    const keep = (chunk: Buffer) => {
      log = (log + chunk).slice(-logCharsKept)
    }
    started.stdout.on('data', keep)
    started.stderr.on('data', keep)
    // It announces nothing; how long its imports and its migrations take depends on who else works here.
    for (;;) {
      if (started.exitCode !== null || started.signalCode !== null)
        throw new Error(`the Prefect server ended: ${log}`)
      const ready = await fetch(`${url}/ready`)
        .then(({ ok }) => ok)
        .catch(() => false)
      if (ready) return
      await new Promise((resolve) => setTimeout(resolve, betweenMs))
    }
  }

  async function kill(): Promise<void> {
    const running = child
    child = undefined
    if (!running || running.exitCode !== null || running.signalCode !== null) return
    const exited = once(running, 'exit')
    running.kill('SIGKILL')
    await exited
  }

  async function stop(): Promise<void> {
    await kill()
    rmSync(home, { recursive: true, force: true })
  }

  const server = { port, url, kill, start, stop, log: () => log }
  try {
    await start()
  } catch (error) {
    await stop()
    throw error
  }
  return server
}

function environmentOf({ databaseUrl, auth, packages }: PrefectOptions, home: string): NodeJS.ProcessEnv {
  return {
    PATH: process.env['PATH'],
    HOME: home,
    PREFECT_HOME: home,
    PREFECT_SERVER_ANALYTICS_ENABLED: 'false',
    DO_NOT_TRACK: '1',
    PREFECT_SERVER_UI_ENABLED: 'false',
    PREFECT_SERVER_LOGGING_LEVEL: 'WARNING',
    ...(databaseUrl && {
      PREFECT_SERVER_DATABASE_CONNECTION_URL: databaseUrl.replace(/^postgresql:/, 'postgresql+asyncpg:'),
    }),
    ...(auth && { PREFECT_SERVER_API_AUTH_STRING: auth }),
    ...(packages && { PYTHONPATH: packages }),
  }
}
