// Nothing of the flow outlives its generation: neither what is in its group nor what has left it.

import { join } from 'node:path'
import t from 'tap'
import { noNamespace, startSupervised } from '../../harness/supervised.ts'

const skip = noNamespace

t.test(
  '§4 groups: the leader exits, a member ignores TERM: it is gone before we are',
  { skip },
  async (t) => {
    const flow = await startSupervised(t, {
      command: [
        'sh',
        '-c',
        'sh -c "trap \'echo told\' TERM; echo up; while :; do sleep 0.05; done" & sleep 0.2; exit 4',
      ],
      environment: { CONTAINER_STOP_GRACE: '1s' },
    })
    await flow.line('up')
    const { code, exit } = await flow.exited
    t.equal(code, 4)
    t.match(exit, { reason: 'flow_exited' })
    t.ok(
      flow.records.some(({ message }) => message === 'told'),
      'it was asked before it was killed',
    )
  },
)

t.test('§4 groups: a grandchild in a session of its own gets TERM', { skip }, async (t) => {
  const flow = await startSupervised(t, {
    command: [
      'sh',
      '-c',
      'setsid sh -c "trap \'echo bye; exit\' TERM; echo up; while :; do sleep 0.05; done" & wait',
    ],
  })
  await flow.line('up')
  flow.signal('SIGTERM')
  await flow.line('bye')
  t.match((await flow.exited).exit, { reason: 'stopped', code: 143 })
})

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

t.test('§4 groups: a grandchild that holds stdout does not hide the exit', { skip }, async (t) => {
  const flow = await startSupervised(t, {
    command: ['sh', '-c', '(trap "" TERM; sleep 60) & echo up; exit 6'],
    environment: { CONTAINER_STOP_GRACE: '1s' },
  })
  t.match(await flow.record('flow.exited'), { code: 6 })
  t.equal((await flow.exited).code, 6)
})

t.test('§9 /dev/stdout can be opened in the flow', { skip }, async (t) => {
  const flow = await startSupervised(t, {
    command: ['sh', '-c', 'echo by path > /dev/stdout; echo err by path > /dev/stderr'],
  })
  t.match(await flow.line('by path'), { stream: 'stdout' })
  t.match(await flow.line('err by path'), { stream: 'stderr' })
  t.equal((await flow.exited).code, 0)
})
