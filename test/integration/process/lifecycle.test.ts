// Ready, reload, drain, health: what the lifecycle shows to the outside.

import { renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { noNamespace, startSupervised } from '../../harness/supervised.ts'

const skip = noNamespace
const worker = ['sh', '-c', 'trap "echo bye; exit 0" TERM; echo up; while :; do sleep 0.05; done']

function statusOf(body: string): { status: string; state: string } {
  return JSON.parse(body)
}

t.test('R5.1 health follows the state from start to drain', { skip }, async (t) => {
  const flow = await startSupervised(t, { command: worker, environment: { CONTAINER_STOP_DRAIN: '2s' } })
  await flow.record(({ to }) => to === 'running')
  t.equal((await flow.get('/health')).status, 200)
  t.equal((await flow.get('/readyz')).status, 200)
  t.equal((await flow.get('/startupz')).status, 200)
  t.match(statusOf((await flow.get('/health')).body), { state: 'running' })
  flow.signal('SIGTERM')
  await flow.record(({ to }) => to === 'draining')
  const draining = await flow.get('/readyz')
  t.equal(draining.status, 503)
  t.match(statusOf(draining.body), { state: 'draining' })
  t.equal((await flow.get('/livez')).status, 200)
  t.match(await flow.exited, { code: 0, exit: { reason: 'stopped' } })
})

t.test('R5.1 while the gate waits the container is started, live, and not ready', { skip }, async (t) => {
  const flow = await startSupervised(t, {
    command: worker,
    environment: { CONTAINER_DATABASE_MAIN_URL: 'postgres://u:p@127.0.0.1:1/db' },
  })
  await flow.record('gate.waiting')
  t.equal((await flow.get('/livez')).status, 200)
  for (const path of ['/health', '/readyz', '/startupz']) t.equal((await flow.get(path)).status, 503, path)
  const { body } = await flow.get('/health')
  t.match(JSON.parse(body), { state: 'gating', checks: { 'database:main': { message: /refused/ } } })
})

t.test('§5 notify: the flow says when it is ready; one that never does has failed', { skip }, async (t) => {
  const notify = { CONTAINER_FLOW_READY: 'notify' }
  const flow = await startSupervised(t, { command: worker, environment: notify })
  await flow.line('up')
  t.equal((await flow.get('/readyz')).status, 503)
  t.equal((await flow.post('/v1/ready')).status, 200)
  await flow.record(({ to }) => to === 'running')
  t.equal((await flow.get('/readyz')).status, 200)

  const silent = await startSupervised(t, {
    command: worker,
    environment: { ...notify, CONTAINER_FLOW_READY_TIMEOUT: '300ms' },
  })
  t.match(await silent.exited, { code: 1, exit: { reason: 'not_ready' } })
})

t.test('R1.5 a reload: good settings restart the flow, bad ones change nothing', { skip }, async (t) => {
  const directory = t.testdir({ settings: 'CONTAINER_STOP_GRACE=2s\n' })
  const file = join(directory, 'settings')
  const flow = await startSupervised(t, { command: worker, environment: { CONTAINER_CONFIG_FILE: file } })
  await flow.record(({ to }) => to === 'running')

  writeFileSync(file, 'CONTAINER_STOP_GRACE=never\n')
  const refused = await flow.post('/v1/reload')
  t.equal(refused.status, 422)
  t.match(JSON.parse(refused.body), { error: { code: 'config_invalid', message: /CONTAINER_STOP_GRACE/ } })
  t.match(JSON.parse((await flow.get('/health')).body), {
    status: 'degraded',
    checks: { configuration: { status: 'degraded' } },
  })

  writeFileSync(file, 'CONTAINER_STOP_GRACE=2s\nCONTAINER_DATABASE_MAIN_URL=postgres://u:p@127.0.0.1:1/db\n')
  const unreachable = await flow.post('/v1/reload')
  t.equal(unreachable.status, 503)
  t.match(JSON.parse(unreachable.body), { error: { code: 'dependency_unavailable', message: /refused/ } })
  t.equal(flow.records.filter(({ event }) => event === 'flow.started').length, 1, 'the flow was left alone')

  writeFileSync(file, 'CONTAINER_STOP_GRACE=3s\n')
  t.equal((await flow.post('/v1/reload')).status, 200)
  await flow.record(({ event, generation }) => event === 'flow.started' && generation === 2)
  const both = flow.records.filter(({ event, message }) => event?.startsWith('flow.') || message === 'bye')
  t.same(
    both.map(({ event }) => event ?? 'bye'),
    ['flow.started', 'bye', 'flow.exited', 'flow.started'],
  )
  flow.signal('SIGTERM')
  t.match(await flow.exited, { code: 0, exit: { reason: 'stopped' } })
})

t.test(
  'R1.5 a changed file is noticed, also when a symlink is swapped as Kubernetes does it',
  { skip },
  async (t) => {
    const directory = t.testdir({
      one: { settings: 'CONTAINER_STOP_GRACE=2s\n' },
      two: { settings: 'CONTAINER_STOP_GRACE=3s\n' },
      data: t.fixture('symlink', 'one'),
    })
    const file = join(directory, 'data', 'settings')
    const flow = await startSupervised(t, { command: worker, environment: { CONTAINER_CONFIG_FILE: file } })
    await flow.record(({ to }) => to === 'running')
    symlinkSync('two', join(directory, 'next'))
    renameSync(join(directory, 'next'), join(directory, 'data'))
    await flow.record(({ event, generation }) => event === 'flow.started' && generation === 2)
    writeFileSync(file, 'CONTAINER_STOP_GRACE=wrong\n')
    t.match(await flow.record('config.reload_refused'), {
      code: 'config_invalid',
      message: /CONTAINER_STOP_GRACE/,
    })
    t.match((await flow.get('/metrics')).body, /flowkeep_config_reloads_total\{result="refused"\} 1/)
    t.equal((await flow.get('/health')).status, 200, 'the flow runs on with the old settings')
  },
)

t.test('R5.5 a drain asked for by the control socket is followed by one stop', { skip }, async (t) => {
  const flow = await startSupervised(t, { command: worker, environment: { CONTAINER_STOP_DRAIN: '5s' } })
  await flow.record(({ to }) => to === 'running')
  t.equal((await flow.post('/v1/drain')).status, 200)
  t.equal((await flow.get('/health')).status, 503)
  flow.signal('SIGTERM')
  t.match(await flow.exited, { code: 0, exit: { reason: 'stopped' } })
  t.notOk(flow.records.some(({ to }) => to === 'killing'))
})

t.test('R8.2 a crash is followed by a start that the log and the metrics tell', { skip }, async (t) => {
  const marker = join(t.testdir({}), 'crashed')
  const flow = await startSupervised(t, {
    command: [
      'sh',
      '-c',
      `if [ ! -e ${marker} ]; then : > ${marker}; kill -SEGV $$; fi; echo recovered; sleep 60`,
    ],
    environment: { CONTAINER_RESTART_POLICY: 'on-failure', CONTAINER_RESTART_BACKOFF_MIN: '1ms' },
  })
  await flow.line('recovered')
  t.match(await flow.record('flow.exited'), { reason: 'flow_signaled', signal: 'SIGSEGV', code: null })
  const { body } = await flow.get('/metrics')
  t.match(body, /flowkeep_flow_exits_total\{reason="flow_signaled"\} 1/)
  t.match(body, /flowkeep_flow_starts_total 2/)
})
