// A supervised flow with a service that is away, and the commands, as the real program.

import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import type { RequestListener } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { startHttpServer } from '../../harness/servers.ts'
import { type Supervised, startSupervised } from '../../harness/supervised.ts'

const program = new URL('../../../dist/flowkeep.cjs', import.meta.url).pathname
const flags = ['--disable-sigusr1', '--disable-warning=ExperimentalWarning']

export interface Ran {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

export function flowkeep(environment: NodeJS.ProcessEnv, args: readonly string[], input = ''): Promise<Ran> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [...flags, program, ...args], {
      env: { PATH: process.env['PATH'], ...environment },
    })
    let [out, err] = ['', '']
    child.stdout.on('data', (chunk) => {
      out += chunk
    })
    child.stderr.on('data', (chunk) => {
      err += chunk
    })
    child.once('close', (code) => resolve({ code, out, err }))
    child.stdin.end(input)
  })
}

/** A service that is away, refuses `bad` for good, or takes what comes, and remembers what it has taken. */
async function startService(t: Test) {
  const taken: string[] = []
  const service = { away: true, taken, address: '' }
  const handler: RequestListener = (request, response) => {
    let body = ''
    request.on('data', (chunk) => {
      body += chunk
    })
    request.once('end', () => {
      if (request.method === 'GET') return void response.writeHead(200).end()
      if (body.includes('bad')) return void response.writeHead(422).end()
      if (service.away) return void response.writeHead(503).end()
      taken.push(String(request.headers['idempotency-key']))
      response.writeHead(200).end()
    })
  }
  const server = await startHttpServer(handler)
  t.teardown(() => server.close())
  service.address = `http://${server.address}`
  return service
}

export async function setUp(t: Test, more: Readonly<Record<string, string>> = {}) {
  const state = mkdtempSync(join(tmpdir(), 'fk-state-'))
  t.teardown(() => rmSync(state, { recursive: true, force: true }))
  const service = await startService(t)
  const environment = {
    CONTAINER_STATE_DIRECTORY: state,
    CONTAINER_SERVICE_API_URL: service.address,
    ...more,
  }
  const start = async () => {
    const supervised = await startSupervised(t, { command: ['sleep', '1000'], environment })
    await supervised.record(({ event, ['to']: to }) => event === 'state.changed' && to === 'running')
    return supervised
  }
  /** The environment of a command that asks this supervisor. */
  const asking = ({ socketPath }: Supervised) => ({
    ...environment,
    CONTAINER_CONTROL_SOCKET: socketPath,
    CONTAINER_FLOW_NAME: 'test',
  })
  return { service, environment, start, asking }
}

export const operation = (id: string, body: string, key = id) =>
  JSON.stringify({ id, target: 'api', key, method: 'POST', path: '/x', body, mode: 'queue' })
