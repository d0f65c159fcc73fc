// Files that change at an awkward moment.

import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { limits } from '../../../supervisor/core/limits.ts'
import { noNamespace, startSupervised } from '../../harness/supervised.ts'
import { until } from '../../harness/until.ts'

const skip = noNamespace
const worker = ['sh', '-c', 'trap "exit 0" TERM; echo up; while :; do sleep 0.05; done']

t.test('R1.5 files put back as they were end the warning of a refused reload', { skip }, async (t) => {
  const file = join(t.testdir({ settings: 'CONTAINER_STOP_GRACE=2s\n' }), 'settings')
  const flow = await startSupervised(t, { command: worker, environment: { CONTAINER_CONFIG_FILE: file } })
  await flow.record(({ to }) => to === 'running')
  writeFileSync(file, 'CONTAINER_STOP_GRACE=wrong\n')
  await flow.record('config.reload_refused')
  const checks = async () => JSON.parse((await flow.get('/health')).body).checks
  t.match((await checks()).configuration, { status: 'degraded' })
  writeFileSync(file, 'CONTAINER_STOP_GRACE=2s\n')
  await until('the warning is gone', checks, ({ configuration }) => configuration === undefined)
  t.equal(flow.records.filter(({ event }) => event === 'flow.started').length, 1, 'nothing was restarted')
})

t.test('R1.5 a change that comes while a reload is under way is not lost', { skip }, async (t) => {
  const service = createServer((_request, response) => {
    // Long enough for the change to be noticed meanwhile.
    setTimeout(() => response.end(), busy ? limits.configWatchMs * 4 : 0)
  })
  let busy = false
  await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve))
  t.teardown(() => service.close())
  const { port } = service.address() as AddressInfo

  const file = join(t.testdir({ settings: 'CONTAINER_STOP_GRACE=2s\n' }), 'settings')
  const flow = await startSupervised(t, {
    command: worker,
    environment: {
      CONTAINER_CONFIG_FILE: file,
      CONTAINER_SERVICE_SLOW_URL: `http://127.0.0.1:${port}`,
      CONTAINER_SERVICE_SLOW_TIMEOUT: '30s',
    },
  })
  await flow.record(({ to }) => to === 'running')
  busy = true
  const asked = flow.post('/v1/reload')
  t.equal((await flow.post('/v1/reload')).status, 409, 'the first one has read the file')
  writeFileSync(file, 'CONTAINER_STOP_GRACE=3s\n')
  t.equal((await asked).status, 200)
  const taken = await flow.record(({ event, by }) => event === 'config.reloaded' && by === 'files')
  t.match(taken, { changed: ['stop.grace'] })
  const last = () => flow.records.findLast(({ event }) => event === 'flow.started')
  await until(
    'the flow runs with it',
    async () => last(),
    (started) => String(started?.['time'] ?? '') > String(taken['time']),
  )
})

t.test(
  'R1.5 a stop that comes while a reload is under way: the new settings are not taken',
  { skip },
  async (t) => {
    let answer = () => {}
    const service = createServer((_request, response) => {
      if (!held) return void response.end()
      answer = () => response.end()
      held()
    })
    let held: (() => void) | undefined
    await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve))
    t.teardown(() => service.close())
    const { port } = service.address() as AddressInfo
    const flow = await startSupervised(t, {
      command: ['sh', '-c', 'trap "" TERM; echo up; while :; do sleep 0.05; done'],
      environment: {
        CONTAINER_SERVICE_SLOW_URL: `http://127.0.0.1:${port}`,
        CONTAINER_SERVICE_SLOW_TIMEOUT: '30s',
        CONTAINER_STOP_GRACE: '5s',
        CONTAINER_HEALTH_INTERVAL: '1h',
      },
    })
    await flow.record(({ to }) => to === 'running')
    await flow.line('up')
    const isAsked = new Promise<void>((resolve) => {
      held = resolve
    })
    const reload = flow.post('/v1/reload')
    await isAsked
    flow.signal('SIGTERM')
    await flow.record(({ to }) => to === 'terminating')
    answer()
    t.equal((await reload).status, 409)
    t.match(await flow.exited, { code: 137, exit: { reason: 'stopped' } })
    t.notOk(flow.records.some(({ event }) => event === 'config.reloaded'))
  },
)
