// Clients of the control socket: each sends its next operation when the last one is answered.

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Site } from './benchmark.ts'
import { type Running, start } from './processes.ts'

const program = fileURLToPath(new URL('../programs/submissions.ts', import.meta.url))
const slowCommits = new URL('../programs/slow-commits.mjs', import.meta.url).href

/** In a worker as we do, in the main thread, or nowhere. */
export type Kept = 'worker' | 'main' | 'none'

export interface SubmissionServer {
  readonly socket: string
  /** Of `/health`. */
  readonly port: number
  readonly running: Running
  close(): Promise<void>
}

/** @param commitDelayMs how much longer each commit takes than this disk needs */
export async function startSubmissions(site: Site, kept: Kept, commitDelayMs = 0): Promise<SubmissionServer> {
  const directory = mkdtempSync(join(site.directory, 'submit-'))
  const [socket, slot] = [join(directory, 'run', 'control.sock'), join(directory, 'slot')]
  mkdirSync(slot)
  const preload = commitDelayMs > 0 ? ['--import', `${slowCommits}?${commitDelayMs}`] : []
  const running = start({
    command: [site.node, '--no-warnings', ...preload, program, socket, slot, kept],
    stdout: 'pipe',
  })
  const lines = createInterface({ input: running.child.stdout as NodeJS.ReadableStream })
  const port = await Promise.race([
    new Promise<number>((resolve) => lines.once('line', (line) => resolve(Number(line)))),
    running.ended.then(() => undefined),
  ])
  if (port === undefined) throw new Error('the server of submissions ended before it served')
  return {
    ...{ socket, port, running },
    async close() {
      await running.kill()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** Each connection until `endsAtMs` (of `performance.now()`); returns how long each answer took, in ms. */
export async function submitUntil(
  socket: string,
  endsAtMs: number,
  { connections, perRequest }: { readonly connections: number; readonly perRequest: number },
): Promise<number[]> {
  const tookMs: number[] = []
  const clients = Array.from({ length: connections }, (_, lane) =>
    client(socket, () => request(lane, perRequest), tookMs, endsAtMs),
  )
  await Promise.all(clients)
  return tookMs
}

function client(socket: string, next: () => string, tookMs: number[], endsAtMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const connection = connect(socket)
    let sentAtMs = 0
    let answer = ''
    const send = () => {
      sentAtMs = performance.now()
      answer = ''
      connection.write(next())
    }
    connection.on('connect', send)
    connection.on('error', reject)
    connection.on('close', () => reject(new Error('the server hung up')))
    connection.on('data', (chunk) => {
      answer += chunk.toString('latin1')
      const head = answer.indexOf('\r\n\r\n')
      const length = /content-length: (\d+)/i.exec(answer)?.[1]
      if (head < 0 || answer.length < head + 4 + Number(length)) return
      if (!answer.startsWith('HTTP/1.1 202')) reject(new Error(answer))
      tookMs.push(performance.now() - sentAtMs)
      if (performance.now() < endsAtMs) send()
      else {
        resolve()
        connection.destroy()
      }
    })
  })
}

/** Of about 500 bytes for each operation. The supervisor makes the ids. */
function request(lane: number, count: number): string {
  const operation = {
    ...{ target: 'rpa_db', key: `key-${lane % 8}`, mode: 'queue' },
    sql: 'insert into effects (id, n, at, body) values ($1, $2, $3, $4)',
    params: ['5d3a0a7c-4d5c-4bd0-9b0a-6d9d0a2f6f3e', lane, '2030-01-02T03:04:05Z', { note: 'x'.repeat(250) }],
  }
  const body = JSON.stringify(count === 1 ? operation : Array.from({ length: count }, () => operation))
  return `POST /v1/operations HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`
}
