// No exit status of our own children is lost to reaping. What the flow sees of it is in test/conformance.

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import t from 'tap'
import { startSupervised } from '../../harness/supervised.ts'

t.test('R8.2 reaping: of 500 own children among 1,000 orphans no exit status is lost', async (t) => {
  const fixture = new URL('../../fixtures/own-children-among-orphans.ts', import.meta.url).pathname
  const args = ['--disable-warning=ExperimentalWarning', fixture, '500', '20']
  const { stdout } = await promisify(execFile)(process.execPath, args)
  t.same(JSON.parse(stdout), { wrong: 0, reaped: 1000 })
})

t.test('R8.2 reaping: not as PID 1 it adopts orphans all the same, and says so', async (t) => {
  const flow = await startSupervised(t, {
    asPid1: false,
    command: ['sh', '-c', '(sleep 0.01 &); echo up; sleep 60'],
  })
  t.match(await flow.record('supervisor.not_pid_1'), { subreaper: true })
  await flow.line('up')
  for (;;) {
    const { body } = await flow.get('/metrics')
    if (/^flowkeep_orphans_reaped_total [1-9]/m.test(body)) break
  }
  flow.signal('SIGTERM')
  t.match(await flow.exited, { exit: { reason: 'stopped', code: 143 } })
})
