// Locks of real processes: they go with them, however they end.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { loadNative } from '../../../../supervisor/process/native.ts'
import { claimSlot } from '../../../../supervisor/queue/journal/slots.ts'
import { checkout } from '../../../harness/checkout.ts'
import { memoryDirectory } from '../../../harness/journal.ts'

const { tryLock } = loadNative()

async function holder(t: Test, root: string) {
  const program = join(checkout, 'test/fixtures/queue-slot-holder.ts')
  const child = spawn(process.execPath, [program, root], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  const [name] = await once(child.stdout, 'data')
  const killed = async () => {
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  return { name: String(name).trim(), killed }
}

t.test('R5.4 several supervisors on one volume have a slot each; SIGKILL frees one', async (t) => {
  const root = memoryDirectory(t)
  const holders = await Promise.all([1, 2, 3, 4].map(() => holder(t, root)))
  t.same(holders.map(({ name }) => name).sort(), ['slot-1', 'slot-2', 'slot-3', 'slot-4'])
  t.equal(claimSlot({ root, tryLock }).name, 'slot-5')
  const third = holders.find(({ name }) => name === 'slot-3')
  await third?.killed()
  t.equal(claimSlot({ root, tryLock }).name, 'slot-3')
})
