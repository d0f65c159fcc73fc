// The flow's own exit status reaches the engine unchanged, and ours say what they are for.

import { chmodSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { shortDirectory } from '../../harness/short-directory.ts'
import { noNamespace, startSupervised } from '../../harness/supervised.ts'

const skip = noNamespace

t.test('§4 exit codes: the flow’s own, as it is', { skip }, async (t) => {
  for (const code of [0, 1, 2, 42, 126, 127, 128, 143, 255]) {
    const flow = await startSupervised(t, { command: ['sh', '-c', `exit ${code}`] })
    const { code: got, exit } = await flow.exited
    t.equal(got, code)
    t.match(exit, { event: 'exit', reason: 'flow_exited', code })
  }
})

t.test('§4 exit codes: 128+n for a signal, real-time signals too', { skip }, async (t) => {
  for (const [signal, status] of [
    ['TERM', 143],
    ['HUP', 129],
    ['QUIT', 131],
    ['KILL', 137],
    ['SEGV', 139],
    ['37', 165],
  ] as const) {
    const flow = await startSupervised(t, { command: ['sh', '-c', `kill -${signal} $$`] })
    const { code, exit } = await flow.exited
    t.equal(code, status, signal)
    t.match(exit, {
      reason: 'flow_signaled',
      code: status,
      signal: signal === '37' ? 'SIGRTMIN+3' : `SIG${signal}`,
    })
  }
})

t.test(
  '§4 exit codes: 127 for a command that is not there, 126 for one that cannot be run',
  { skip },
  async (t) => {
    const directory = t.testdir({ plain: 'text', script: '#!/no/such/interpreter\n' })
    chmodSync(join(directory, 'script'), 0o755)
    const cases = [
      ['no-such-command', 127],
      [join(directory, 'plain'), 126],
      [join(directory, 'script'), 127],
      [directory, 126],
    ] as const
    for (const [command, expected] of cases) {
      const flow = await startSupervised(t, { command: [command] })
      const { code, exit } = await flow.exited
      t.equal(code, expected, command)
      t.match(exit, { reason: 'command_unusable', code: expected })
      t.match(
        await flow.record('flow.unusable').catch(() => undefined),
        { hint: String },
        'the record says what to do',
      )
    }
  },
)

t.test('R1.4 a refused configuration is 78 and every problem has its record', { skip }, async (t) => {
  const flow = await startSupervised(t, {
    command: ['true'],
    environment: {
      CONTAINER_FLOW_NAME: 'Bad Name',
      CONTAINER_STOP_GRACE: 'soon',
      CONTAINER_LOG_LEVLE: 'info',
    },
  })
  const { code, exit } = await flow.exited
  t.equal(code, 78)
  t.match(exit, { reason: 'config_invalid' })
  const problems = flow.records
    .filter(({ event }) => event === 'config.invalid')
    .map(({ variable }) => variable)
  t.same(problems.sort(), ['CONTAINER_FLOW_NAME', 'CONTAINER_LOG_LEVLE', 'CONTAINER_STOP_GRACE'])
})

t.test(
  '§4 73 for a port in use, a socket path that exists, a state directory that cannot be',
  { skip },
  async (t) => {
    const taken = createServer()
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
    t.teardown(() => taken.close())
    const { port } = taken.address() as { port: number }
    const file = join(shortDirectory(t), 'file')
    writeFileSync(file, 'neither a socket nor a directory')
    const cases = [
      [{ CONTAINER_HTTP_PORT: String(port) }, 'port_unavailable'],
      [{ CONTAINER_CONTROL_SOCKET: file }, 'control_socket_unavailable'],
      [{ CONTAINER_STATE_DIRECTORY: file }, 'state_directory_unavailable'],
    ] as const
    for (const [environment, expected] of cases) {
      const flow = await startSupervised(t, { command: ['true'], environment })
      const { code, exit } = await flow.exited
      t.equal(code, 73, expected)
      t.match(exit, { reason: 'resource_unavailable' })
      t.match(
        flow.records.find(({ event }) => event === 'resource.unavailable'),
        { code: expected, hint: String },
      )
      t.notOk(
        flow.records.some(({ event }) => event === 'flow.started'),
        'the flow was never started',
      )
    }
  },
)

t.test('R8.2 crash loop: after the cap the flow’s last code', { skip }, async (t) => {
  const counter = join(t.testdir({}), 'count')
  writeFileSync(counter, '')
  const flow = await startSupervised(t, {
    command: ['sh', '-c', `echo x >> ${counter}; exit $((10 + $(wc -l < ${counter})))`],
    environment: {
      CONTAINER_RESTART_POLICY: 'on-failure',
      CONTAINER_RESTART_MAX: '2',
      CONTAINER_RESTART_BACKOFF_MIN: '1ms',
      CONTAINER_RESTART_BACKOFF_MAX: '2ms',
    },
  })
  const { code, exit } = await flow.exited
  t.equal(code, 13, 'the third and last one')
  t.match(exit, { reason: 'crash_loop' })
  t.equal(flow.records.filter(({ event }) => event === 'flow.started').length, 3)
})

t.test('§4 75 when it was stopped before the flow ever ran', { skip }, async (t) => {
  const flow = await startSupervised(t, {
    command: ['true'],
    environment: { CONTAINER_DATABASE_MAIN_URL: 'postgres://u:p@127.0.0.1:1/db' },
  })
  await flow.record('gate.waiting')
  flow.signal('SIGTERM')
  const { code, exit } = await flow.exited
  t.equal(code, 75)
  t.match(exit, { reason: 'stopped' })
  t.notOk(flow.records.some(({ event }) => event === 'flow.started'))
})

t.test('§4 69 when a required dependency was not ready in time, and why', { skip }, async (t) => {
  const flow = await startSupervised(t, {
    command: ['true'],
    environment: {
      CONTAINER_DATABASE_MAIN_URL: 'postgres://u:p@127.0.0.1:1/db',
      CONTAINER_GATE_TIMEOUT: '1s',
    },
  })
  const { code, exit } = await flow.exited
  t.equal(code, 69)
  t.match(exit, { reason: 'dependency_unavailable', message: /database:main refused/ })
})
