// What the supervisor needs to stop a flow is there although something else has used up everything.

import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import t from 'tap'
import { noNamespace, type Supervised, startSupervised } from '../../harness/supervised.ts'
import { until } from '../../harness/until.ts'

const skip = noNamespace

t.test('§4 a stop reaches the flow when no file descriptor is left', { skip }, async (t) => {
  const flow = await startSupervised(t, {
    command: ['sh', '-c', 'trap "echo bye; exit 3" TERM; echo up; while :; do sleep 0.05; done'],
  })
  await flow.record(({ to }) => to === 'running')
  t.equal((await flow.get('/livez')).status, 200)
  const limit = 40
  spawnSync('prlimit', ['--pid', String(flow.pid), `--nofile=${limit}:${limit}`])
  const clients = Array.from({ length: 2 * limit }, () => hold(flow))
  t.teardown(() => {
    for (const client of clients) client.destroy()
  })
  await until(
    'the descriptors are used up',
    async () => readdirSync(`/proc/${flow.pid}/fd`).length,
    (count) => count >= limit,
  )
  flow.signal('SIGTERM')
  await flow.line('bye')
  t.match(await flow.exited, { code: 3, exit: { reason: 'stopped' } })
})

t.test('§4 every thread is there before the flow can use up the process limit', { skip }, async (t) => {
  // In the shell's own first moments: a process more, and the threads would be there anyway.
  const names = 'for file in /proc/1/task/*/comm; do read -r name < $file; echo $name; done'
  const flow = await startSupervised(t, { command: ['sh', '-c', names] })
  await flow.exited
  const atStart = flow.records.filter(({ component }) => component === 'flow').map(({ message }) => message)
  t.equal(atStart.filter((name) => name === 'libuv-worker').length, 4, atStart.join(' '))
})

function hold({ port }: Supervised): Socket {
  return connect({ host: '127.0.0.1', port }).on('error', () => undefined)
}
