// A supervisor that hangs, in a real container: it ends itself, the engine starts another, and a paused one is left
// alone. Its watchdog turns ten times a second here instead of every five seconds.

import { chmodSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { limits } from '../../supervisor/core/limits.ts'
import { type Container, startContainer } from '../harness/container.ts'
import { docker } from '../harness/docker.ts'
import { baseImage, buildImages } from '../harness/images.ts'
import { until } from '../harness/until.ts'

const preload = new URL('../fixtures/programs/hanging-supervisor.cjs', import.meta.url).pathname
const limitMs = limits.watchdogTurns * 100
const soon = { betweenMs: 5, deadlineMs: 60_000 }

await buildImages()
t.jobs = 2

function start(t: Test, environment: Readonly<Record<string, string>>, terminationLog?: string) {
  return startContainer(t, {
    image: baseImage,
    command: ['sleep', 'infinity'],
    environment: {
      CONTAINER_FLOW_NAME: 'hang',
      CONTAINER_SECURITY_ENFORCE: 'off',
      NODE_OPTIONS: '--require /hang.cjs',
      ...environment,
    },
    mounts: [
      { source: preload, target: '/hang.cjs' },
      ...(terminationLog
        ? [{ source: terminationLog, target: '/dev/termination-log', writable: true as const }]
        : []),
    ],
    options: ['--restart=on-failure'],
  })
}

async function eventsOf({ id }: Container): Promise<Record<string, unknown>[]> {
  const log = await docker(['logs', id])
  return log.split('\n').flatMap((line) => (line.startsWith('{') ? [JSON.parse(line)] : []))
}

t.test('R2.4 the engine replaces a container whose supervisor hung', async (t) => {
  const terminationLog = join(t.testdir({ 'termination-log': '' }), 'termination-log')
  chmodSync(terminationLog, 0o666)
  const flow = await start(t, { HANG: 'spin', HANG_ONCE: '/tmp/hung' }, terminationLog)
  const log = await until(
    'the next supervisor runs its flow',
    () => eventsOf(flow),
    (events) => events.filter(({ event, to }) => event === 'state.changed' && to === 'running').length === 2,
  )
  const events = log.map(({ event }) => event)
  const hung = events.indexOf('supervisor.hung')
  const message = 'the event loop of the supervisor has not turned for 60 s'
  t.match(log[hung + 1], { event: 'exit', reason: 'internal', code: 70 })
  t.match(log.find(({ event }) => event === 'supervisor.hung_before')?.['message'], message)
  t.equal(await flow.inspect('{{.RestartCount}} {{.State.Running}}'), '1 true')
  t.match(JSON.parse(readFileSync(terminationLog, 'utf8')), { reason: 'internal', code: 70, message })
})

t.test(
  'R2.4 a pause that is longer than the limit ends nothing, also one of a busy supervisor',
  async (t) => {
    const flow = await start(t, { WATCHED: '/tmp/watched' })
    const turns = async () => Number((await flow.exec('cat', '/tmp/watched')).stdout)
    const before = await until('it is busy', turns, (turns) => turns > 0, soon)
    await docker(['pause', flow.id])
    await sleep(3 * limitMs)
    await docker(['unpause', flow.id])
    await until('it is busy again', turns, (turns) => turns > before)
    t.equal(await flow.inspect('{{.RestartCount}} {{.State.Running}}'), '0 true')
  },
)
