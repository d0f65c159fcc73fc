// Orphans are reaped, and no exit status of our own children is lost to it.

import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import t from 'tap'
import { noNamespace, startSupervised } from '../../harness/supervised.ts'

const skip = noNamespace

/** Zombies among the processes of that PID namespace. */
function zombiesBeside(pid: number): string[] {
  return readdirSync(`/proc/${pid}/root/proc`)
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      try {
        return /^State:\s+Z/m.test(readFileSync(`/proc/${pid}/root/proc/${name}/status`, 'utf8'))
      } catch {
        return false
      }
    })
}

t.test('R8.2 reaping: 1,000 orphans leave no zombie', { skip }, async (t) => {
  const flow = await startSupervised(t, {
    command: [
      'sh',
      '-c',
      'i=0; while [ $i -lt 1000 ]; do (true & ) ; i=$((i+1)); done; echo done; while :; do sleep 1; done',
    ],
  })
  await flow.line('done')
  for (;;) {
    const { body } = await flow.get('/metrics')
    const reaped = Number(/^flowkeep_orphans_reaped_total (\d+)/m.exec(body)?.[1])
    if (reaped >= 1000) break
  }
  t.same(zombiesBeside(flow.pid), [])
  flow.signal('SIGTERM')
  await flow.exited
})

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
