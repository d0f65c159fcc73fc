// `docker stop`: the flow is told, ends by itself within the grace, and the last line says so.

import t from 'tap'
import { type Container, flawsOf, startContainer, type TestContext } from '../harness/container.ts'
import { baseImage, buildImages } from '../harness/images.ts'

await buildImages()

async function startShell(
  t: TestContext,
  script: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<Container> {
  const container = await startContainer(t, {
    image: baseImage,
    command: ['sh', '-c', script],
    environment: { CONTAINER_FLOW_NAME: 'stop', ...environment },
  })
  await container.log.next(({ message }) => message === 'working')
  return container
}

t.test('R5.5 docker stop ends the flow gracefully, with its own exit code and the reason last', async (t) => {
  const flow = await startShell(
    t,
    'trap "echo cleaning up; exit 7" TERM; echo working; while :; do sleep 0.1; done',
  )
  const { code, last } = await flow.stop()
  t.equal(code, 7)
  t.match(last, { event: 'exit', reason: 'stopped', code: 7, signal: null })
  t.ok(flow.log.all.some(({ message }) => message === 'cleaning up'))
  t.same(flawsOf(flow), [])
})

t.test('R5.5 a flow that ignores the stop, and its children, are killed within the grace', async (t) => {
  const script = 'trap "" TERM; setsid sleep 1000 & echo working; while :; do sleep 0.1; done'
  const flow = await startShell(t, script, { CONTAINER_STOP_GRACE: '2s' })
  const { code, last } = await flow.stop()
  t.equal(code, 137)
  // Docker's own kill would have left no last line.
  t.match(last, { event: 'exit', reason: 'stopped', code: 137, signal: 'SIGKILL' })
  t.same(flawsOf(flow), [])
})

t.test('§4 a second stop signal does not wait for the grace', async (t) => {
  const script = 'trap "echo heard" TERM; echo working; while :; do sleep 0.1; done'
  const flow = await startShell(t, script, { CONTAINER_STOP_GRACE: '10m' })
  await flow.signal('TERM')
  await flow.log.next(({ message }) => message === 'heard')
  await flow.signal('TERM')
  const { code, last } = await flow.exited
  t.equal(code, 137)
  t.match(last, { event: 'exit', reason: 'stopped' })
})

t.test('§4 other signals reach the flow, and only the flow', async (t) => {
  const script =
    'trap "echo got HUP" HUP; trap "echo got USR1" USR1; echo working; while :; do sleep 0.1; done'
  const flow = await startShell(t, script)
  for (const name of ['HUP', 'USR1']) {
    await flow.signal(name)
    await flow.log.next(({ message }) => message === `got ${name}`)
  }
  t.equal((await flow.exec('flowkeep', 'health', '--live')).code, 0)
  const { last } = await flow.stop()
  t.match(last, { event: 'exit', reason: 'stopped', signal: 'SIGTERM' })
})
