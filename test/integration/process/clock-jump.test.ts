// Somebody sets the clock while the container runs. Every duration is computed from the monotonic clock, so nothing
// comes sooner or later for it.

import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import type { LogRecord } from '../../harness/log-records.ts'
import { noNamespace, startSupervised } from '../../harness/supervised.ts'

const skip = noNamespace
const preload = fileURLToPath(new URL('../../fixtures/programs/shifted-clock.cjs', import.meta.url))
const yearMs = 365 * 24 * 3_600_000

function shiftFile(t: Test) {
  const file = join(t.testdir({ shift: '0' }), 'shift')
  return {
    environment: { NODE_OPTIONS: `--require ${preload}`, SHIFT_FILE: file },
    file,
    set: (ms: number) => writeFileSync(file, String(ms)),
  }
}

function yearOf({ time }: LogRecord): number {
  return new Date(String(time)).getFullYear()
}

for (const [direction, jumpMs] of [
  ['forward', yearMs],
  ['back', -yearMs],
] as const) {
  t.test(
    `§4 the clock jumps a year ${direction}: readiness, health and the stop are as ever`,
    { skip },
    async (t) => {
      const clock = shiftFile(t)
      const flow = await startSupervised(t, {
        command: ['sh', '-c', 'trap "" TERM; echo up; while :; do sleep 0.1; done'],
        environment: {
          ...clock.environment,
          CONTAINER_FLOW_READY: 'notify',
          CONTAINER_FLOW_READY_TIMEOUT: '1h',
          CONTAINER_HEALTH_INTERVAL: '100ms',
          CONTAINER_STOP_GRACE: '1s',
        },
      })
      const started = await flow.record('flow.started')
      await flow.line('up')
      clock.set(jumpMs)
      t.equal((await flow.post('/v1/ready')).status, 200)
      const running = await flow.record(({ to }) => to === 'running')
      t.equal(yearOf(running) - yearOf(started), Math.sign(jumpMs), 'it has jumped')
      t.match(JSON.parse((await flow.get('/health')).body), { status: 'healthy' })
      t.equal((await flow.get('/readyz')).status, 200)

      flow.signal('SIGTERM')
      await flow.record(({ to }) => to === 'terminating')
      clock.set(0)
      t.match(await flow.exited, { code: 137, exit: { reason: 'stopped' } }, 'killed when the grace was over')
    },
  )
}

t.test('§4 the clock jumps a year forward: the gate asks on', { skip }, async (t) => {
  const clock = shiftFile(t)
  let asked = () => {}
  const server = createServer((socket) => {
    socket.destroy()
    asked()
  }).listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const flow = await startSupervised(t, {
    command: ['true'],
    environment: {
      ...clock.environment,
      CONTAINER_DATABASE_MAIN_URL: `postgres://u:p@127.0.0.1:${port}/db`,
      CONTAINER_GATE_TIMEOUT: '1h',
      CONTAINER_GATE_BACKOFF_MIN: '10ms',
      CONTAINER_GATE_BACKOFF_MAX: '10ms',
    },
  })
  await flow.record('gate.waiting')
  clock.set(yearMs)
  for (let more = 0; more < 5; more++) {
    await new Promise<void>((resolve) => {
      asked = resolve
    })
  }
  flow.signal('SIGTERM')
  t.match(await flow.exited, { code: 75, exit: { reason: 'stopped' } })
})

t.test('§4 the clock jumps a year back: the gate gives up when its time is over', { skip }, async (t) => {
  const clock = shiftFile(t)
  const flow = await startSupervised(t, {
    command: ['true'],
    environment: {
      ...clock.environment,
      CONTAINER_DATABASE_MAIN_URL: 'postgres://u:p@127.0.0.1:1/db',
      CONTAINER_GATE_TIMEOUT: '2s',
    },
  })
  await flow.record('gate.waiting')
  clock.set(-yearMs)
  t.match(await flow.exited, { code: 69, exit: { reason: 'dependency_unavailable' } })
})

t.test('§4 a clock that jumps at every crash forgets none of them', { skip }, async (t) => {
  const clock = shiftFile(t)
  const jump = `[ "$(cat "$0")" = 0 ] && shift=${yearMs} || shift=0; echo $shift >"$0.new"; mv "$0.new" "$0"; exit 3`
  const flow = await startSupervised(t, {
    command: ['sh', '-c', jump, clock.file],
    environment: {
      ...clock.environment,
      CONTAINER_RESTART_POLICY: 'on-failure',
      CONTAINER_RESTART_MAX: '3',
      CONTAINER_RESTART_BACKOFF_MAX: '10ms',
      CONTAINER_RESTART_BACKOFF_MIN: '10ms',
    },
  })
  t.match(await flow.exited, { code: 3, exit: { reason: 'crash_loop' } })
  const starts = flow.records.filter(({ event }) => event === 'flow.started')
  t.equal(starts.length, 4)
  t.ok(new Set(flow.records.map(yearOf)).size > 1, 'it has jumped')
})
