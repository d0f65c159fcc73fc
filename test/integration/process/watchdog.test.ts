// A supervisor whose main thread hangs ends itself, and one that was only held up does not. The thread that watches it
// turns ten times a second here instead of every five seconds; how many of its turns count stays as it is.

import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { nodeFlags } from '../../../images/node-flags.ts'
import { createControlClient } from '../../../supervisor/cli/control-client.ts'
import { limits } from '../../../supervisor/core/limits.ts'
import { execute } from '../../harness/docker.ts'
import { shortDirectory } from '../../harness/short-directory.ts'
import { freePort, noNamespace, startSupervised } from '../../harness/supervised.ts'
import { until } from '../../harness/until.ts'

const program = new URL('../../../dist/flowkeep.cjs', import.meta.url).pathname
const preload = new URL('../../fixtures/programs/hanging-supervisor.cjs', import.meta.url).pathname
const NODE_OPTIONS = `--require ${preload}`
const limitMs = limits.watchdogTurns * 100
const soon = { betweenMs: 5, deadlineMs: 60_000 }

t.jobs = 4

t.test('R2.4 a hung supervisor says why, ends itself, and is told of', { skip: noNamespace }, async (t) => {
  const directory = shortDirectory(t)
  const receiver = await receive(t)
  const kept = {
    CONTAINER_STATE_DIRECTORY: join(directory, 'state'),
    CONTAINER_ALERT_WEBHOOK_URL: receiver.url,
  }
  const hanging = { NODE_OPTIONS, HANG: 'block', HANG_ONCE: join(directory, 'hung') }
  const first = await startSupervised(t, { command: ['sleep', '600'], environment: { ...kept, ...hanging } })
  const { code, signal, exit } = await first.exited
  t.equal(code, 70, 'as its PID 1, which no signal from within ends')
  t.equal(signal, null)
  const message = /event loop of the supervisor has not turned for 60 s/
  t.match(exit, {
    reason: 'internal',
    code: 70,
    signal: null,
    lastLogLines: [],
    unsentOperations: 0,
    message,
  })
  t.match(first.records.at(-2), {
    event: 'supervisor.hung',
    code: 'supervisor_hung',
    level: 'error',
    message,
  })
  t.equal(first.records.at(-1), exit, 'nothing comes after it')
  t.same(first.garbled, [])

  const second = await startSupervised(t, { command: ['sleep', '600'], environment: kept })
  t.match(await second.record('supervisor.hung_before'), { code: 'supervisor_hung', message })
  const told = await receiver.told
  const { body } = await createControlClient(second.socketPath)({ path: '/v1/status' })
  t.match(body, { alerts: [{ name: 'FlowkeepContainerFailed', severity: 'critical', target: 'internal' }] })
  t.match(told, { alerts: [{ labels: { alertname: 'FlowkeepContainerFailed', reason: 'internal' } }] })
  t.notOk(existsSync(join(directory, 'state', 'slot-1', 'hung.json')), 'it is told once')
})

t.test('R2.4 where it is not PID 1 the flow goes with it, also when it spins', async (t) => {
  const directory = shortDirectory(t)
  const { exited, record } = await startSupervised(t, {
    command: ['sh', '-c', 'sleep 600 & wait'],
    asPid1: false,
    environment: { NODE_OPTIONS, HANG: 'spin', HANG_ONCE: join(directory, 'hung') },
  })
  const { pid } = await record('flow.started')
  t.equal((await exited).code, 70)
  const group = async () => (await execute('ps', ['-o', 'stat=', '-g', String(pid)])).stdout
  await until('the flow is gone', group, (left) => !/^[^Z\s]/m.test(left))
})

t.test('R2.4 a stdout that nobody reads holds the end up for no longer than it may', async (t) => {
  const directory = shortDirectory(t)
  const talker = `const line = ('x'.repeat(99) + '\\n').repeat(600); for (;;) require('node:fs').writeSync(1, line)`
  const child = spawn(
    process.execPath,
    [...nodeFlags, program, 'run', '--', process.execPath, '-e', talker],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: {
        PATH: process.env['PATH'],
        NODE_OPTIONS,
        HANG: 'block',
        HANG_ONCE: join(directory, 'hung'),
        CONTAINER_FLOW_NAME: 'test',
        CONTAINER_HTTP_HOST: '127.0.0.1',
        CONTAINER_HTTP_PORT: String(await freePort()),
        CONTAINER_CONTROL_SOCKET: join(directory, 'control.sock'),
        CONTAINER_STATE_DIRECTORY: join(directory, 'state'),
      },
    },
  )
  const gone = new Promise((resolve) => child.once('close', resolve))
  t.teardown(() => {
    child.kill('SIGKILL')
    child.stdout.destroy()
    return gone
  })
  const code = await new Promise((resolve) => child.once('exit', resolve))
  t.equal(code, 70)
  const note = JSON.parse(readFileSync(join(directory, 'state', 'slot-1', 'hung.json'), 'utf8'))
  t.match(note, { message: /has not turned/ })
})

t.test(
  'R2.4 a pause that is longer than the limit ends nothing, also one of a busy supervisor',
  { skip: noNamespace },
  async (t) => {
    const directory = shortDirectory(t)
    const watched = join(directory, 'watched')
    const flow = await startSupervised(t, {
      command: ['sleep', '600'],
      environment: { NODE_OPTIONS, WATCHED: watched },
    })
    const turns = async () => (existsSync(watched) ? Number(readFileSync(watched, 'utf8')) : 0)
    const before = await until('it is busy', turns, (turns) => turns > 0, soon)
    flow.signal('SIGSTOP')
    await sleep(3 * limitMs)
    flow.signal('SIGCONT')
    await until('it is busy again', turns, (turns) => turns > before)
    flow.signal('SIGTERM')
    t.match((await flow.exited).exit, { reason: 'stopped' })
  },
)

t.test('R2.4 whoever debugs it has time', async (t) => {
  const { record } = await startSupervised(t, {
    command: ['sleep', '600'],
    asPid1: false,
    environment: { NODE_OPTIONS: '--inspect=127.0.0.1:0' },
  })
  t.match(await record('watchdog.absent'), { level: 'warn', message: /under a debugger/ })
})

/** A webhook, and what it is told first. */
async function receive(t: Test): Promise<{ url: string; told: Promise<unknown> }> {
  const server = createServer()
  const told = new Promise<unknown>((resolve) => {
    server.on('request', (request, response) => {
      let body = ''
      request.on('data', (chunk) => {
        body += chunk
      })
      request.on('end', () => {
        response.end()
        resolve(JSON.parse(body))
      })
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  return { url: `http://127.0.0.1:${(server.address() as { port: number }).port}/`, told }
}
