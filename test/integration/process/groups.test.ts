// Generations never overlap, and the flow's streams are its own. What holds for any init is in test/conformance.

import { join } from 'node:path'
import t from 'tap'
import { noNamespace, startSupervised } from '../../harness/supervised.ts'

const skip = noNamespace

t.test('§4 groups: an orphaned daemon is gone before a new generation starts', { skip }, async (t) => {
  const pidFile = join(t.testdir({}), 'pid')
  const daemon = `trap "" TERM; echo $$ > ${pidFile}; echo daemon; while :; do sleep 0.05; done`
  const flow = await startSupervised(t, {
    command: [
      'sh',
      '-c',
      `if [ -e ${pidFile} ]; then kill -0 $(cat ${pidFile}) && echo overlap; exit 0; fi
       (setsid sh -c '${daemon}' &)
       while [ ! -e ${pidFile} ]; do sleep 0.01; done
       exit 1`,
    ],
    environment: {
      CONTAINER_RESTART_POLICY: 'on-failure',
      CONTAINER_RESTART_BACKOFF_MIN: '1ms',
      CONTAINER_STOP_GRACE: '1s',
    },
  })
  t.equal((await flow.exited).code, 0)
  t.ok(flow.records.some(({ message }) => message === 'daemon'))
  t.notOk(flow.records.some(({ message }) => message === 'overlap'))
  t.equal(flow.records.filter(({ event }) => event === 'flow.started').length, 2)
})

t.test('§9 /dev/stdout can be opened in the flow', { skip }, async (t) => {
  const flow = await startSupervised(t, {
    command: ['sh', '-c', 'echo by path > /dev/stdout; echo err by path > /dev/stderr'],
  })
  t.match(await flow.line('by path'), { stream: 'stdout' })
  t.match(await flow.line('err by path'), { stream: 'stderr' })
  t.equal((await flow.exited).code, 0)
})

t.test('R5.5 a flow that is held by SIGSTOP hears the stop all the same', { skip }, async (t) => {
  const flow = await startSupervised(t, {
    command: [
      'sh',
      '-c',
      'trap "echo bye; exit 0" TERM; echo up; kill -STOP $$; while :; do sleep 0.05; done',
    ],
    environment: { CONTAINER_STOP_GRACE: '5m' },
  })
  await flow.line('up')
  flow.signal('SIGTERM')
  await flow.line('bye')
  t.match(await flow.exited, { code: 0, exit: { reason: 'stopped' } })
})
