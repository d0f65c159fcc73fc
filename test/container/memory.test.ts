// The kernel kills the flow for its memory. The supervisor lives on to say so.

import { chmodSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { flawsOf, startContainer } from '../harness/container.ts'
import { baseImage, buildImages } from '../harness/images.ts'

await buildImages()

t.test('R8.5 a flow that the OOM killer ended is reported as such', async (t) => {
  const terminationLog = join(t.testdir({ 'termination-log': '' }), 'termination-log')
  chmodSync(terminationLog, 0o666)
  const hog = 'print("hungry")\nheld = []\nwhile True: held.append(bytearray(4 * 1024 * 1024))'
  const flow = await startContainer(t, {
    image: baseImage,
    command: ['python', '-c', hog],
    environment: { CONTAINER_FLOW_NAME: 'hog', CONTAINER_RESTART_POLICY: 'never' },
    mounts: [{ source: terminationLog, target: '/dev/termination-log', writable: true }],
    memory: '256m',
  })
  const { code, last } = await flow.exited
  t.equal(code, 137)
  t.match(last, { event: 'exit', reason: 'flow_oom_killed', code: 137, signal: 'SIGKILL' })
  t.match(await flow.log.next('flow.exited'), { reason: 'flow_oom_killed', signal: 'SIGKILL' })
  t.equal(await flow.inspect('{{.State.OOMKilled}}'), 'true', 'the engine saw it, too')
  t.match(JSON.parse(readFileSync(terminationLog, 'utf8')), {
    reason: 'flow_oom_killed',
    code: 137,
    signal: 'SIGKILL',
    lastLogLines: ['hungry'],
    unsentOperations: 0,
  })
  t.same(flawsOf(flow), [])
})

t.test('a flow that someone else killed is not', async (t) => {
  const flow = await startContainer(t, {
    image: baseImage,
    command: ['sh', '-c', 'kill -KILL $$'],
    environment: { CONTAINER_FLOW_NAME: 'killed', CONTAINER_RESTART_POLICY: 'never' },
    memory: '256m',
  })
  const { code, last } = await flow.exited
  t.equal(code, 137)
  t.match(last, { event: 'exit', reason: 'flow_signaled', code: 137, signal: 'SIGKILL' })
})
