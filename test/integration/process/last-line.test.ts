// The line that says why the container ends is the last one, whatever is still going on.

import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { nodeFlags } from '../../../images/node-flags.ts'
import { readRecords } from '../../harness/log-records.ts'
import { until } from '../../harness/until.ts'

const program = new URL('../../../dist/flowkeep.cjs', import.meta.url).pathname
/** More than the pipe and the supervisor's buffer hold, so that some of it is unread when the container ends. */
const talker = `const fs = require('node:fs'); for (;;) fs.writeSync(1, ('x'.repeat(99) + '\\n').repeat(600))`

t.test('§4 the exit line comes last when stops cut the flush of a blocked stdout short', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'fk-'))
  const port = await freePort()
  const child = spawn(
    process.execPath,
    [...nodeFlags, program, 'run', '--', process.execPath, '-e', talker],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: {
        PATH: process.env['PATH'],
        CONTAINER_FLOW_NAME: 'test',
        CONTAINER_HTTP_HOST: '127.0.0.1',
        CONTAINER_HTTP_PORT: String(port),
        CONTAINER_CONTROL_SOCKET: join(directory, 'run', 'control.sock'),
        CONTAINER_STATE_DIRECTORY: join(directory, 'state'),
        CONTAINER_FLOW_READY_AFTER: '10ms',
        CONTAINER_STOP_GRACE: '10m',
      },
    },
  )
  const closed = new Promise<number | null>((resolve) => child.once('close', resolve))
  t.teardown(async () => {
    child.kill('SIGKILL')
    await closed
    rmSync(directory, { recursive: true, force: true })
  })

  // Nobody reads stdout yet.
  const stateIs = (wanted: string) =>
    until(
      `the state is ${wanted}`,
      () => stateAt(port),
      (state) => state === wanted,
    )
  await stateIs('running')
  let before = 0
  await until(
    'nothing of the flow is taken any more',
    async () => {
      const lines = await linesAt(port)
      const stands = lines > 0 && lines === before
      before = lines
      return stands
    },
    (stands) => stands,
  )
  child.kill('SIGTERM')
  await stateIs('flushing')
  child.kill('SIGTERM')
  await stateIs('exited')
  child.kill('SIGTERM')
  child.kill('SIGINT')
  t.equal(await stateAt(port), 'exited')
  const { all, garbled, closed: read } = readRecords(child.stdout)
  await read
  t.equal(await closed, 143)
  t.same(garbled, [])
  t.match(all.at(-1), { event: 'exit', reason: 'stopped', code: 143 })
})

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** Undefined until somebody answers. */
async function stateAt(port: number): Promise<string | undefined> {
  const body = await bodyOf(port, '/health')
  return body === undefined ? undefined : JSON.parse(body).state
}

async function linesAt(port: number): Promise<number> {
  const metrics = (await bodyOf(port, '/metrics')) ?? ''
  return Number(/^flowkeep_log_lines_total\{stream="stdout"\} (\d+)/m.exec(metrics)?.[1] ?? 0)
}

function bodyOf(port: number, path: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const call = request({ host: '127.0.0.1', port, path, agent: false }, (response) => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        body += chunk
      })
      response.on('end', () => resolve(body))
    })
    call.once('error', () => resolve(undefined))
    call.end()
  })
}
