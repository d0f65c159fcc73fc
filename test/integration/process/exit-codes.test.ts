// The last record says how it ended, and exit codes of ours what they are for. The flow's own: test/conformance.

import { chmodSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { shortDirectory } from '../../harness/short-directory.ts'
import { noNamespace, startSupervised } from '../../harness/supervised.ts'

const skip = noNamespace

t.test('§4 exit codes: the last record says what ended the flow', { skip }, async (t) => {
  for (const [script, expected] of [
    ['exit 42', { reason: 'flow_exited', code: 42, signal: null }],
    ['kill -KILL $$', { reason: 'flow_signaled', code: 137, signal: 'SIGKILL' }],
    ['kill -37 $$', { reason: 'flow_signaled', code: 165, signal: 'SIGRTMIN+3' }],
  ] as const) {
    const flow = await startSupervised(t, { command: ['sh', '-c', script] })
    t.match((await flow.exited).exit, { event: 'exit', ...expected })
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
