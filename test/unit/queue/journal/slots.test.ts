import { chmodSync, chownSync, cpSync, mkdirSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { limits } from '../../../../supervisor/core/limits.ts'
import { loadNative } from '../../../../supervisor/process/native.ts'
import { abandonedSlots, claimSlot } from '../../../../supervisor/queue/journal/slots.ts'
import { memoryDirectory, newEntry, openInProcess } from '../../../harness/journal.ts'
import { createTestClock } from '../../../harness/test-clock.ts'

const { tryLock } = loadNative()

t.test('R5.4 two supervisors never share a slot, and a slot that is let go is free', async (t) => {
  const root = memoryDirectory(t)
  const [first, second] = [claimSlot({ root, tryLock }), claimSlot({ root, tryLock })]
  t.same([first.name, second.name], ['slot-1', 'slot-2'])
  t.equal(statSync(first.directory).mode & 0o777, 0o700)
  first.release()
  t.equal(claimSlot({ root, tryLock }).name, 'slot-1')
})

t.test('R8.2 a slot whose owner is gone is given to whoever drains it, once', async (t) => {
  const [root, clock] = [memoryDirectory(t), createTestClock()]
  const [gone, alive, empty, own] = [1, 2, 3, 4].map(() => claimSlot({ root, tryLock }))
  for (const slot of [gone, alive]) {
    const journal = await openInProcess(slot?.directory ?? '', clock)
    await journal.append([newEntry('a')])
    await journal.close()
  }
  gone?.release()
  empty?.release()
  t.same(names(abandonedSlots({ root, tryLock }, 10)), [gone?.name])
  t.same(names(abandonedSlots({ root, tryLock }, 10)), [], 'it is held by now')
  own?.release()
})

t.test('R8.2 a copy of the whole volume is a volume of its own', async (t) => {
  const [root, copy, clock] = [memoryDirectory(t), memoryDirectory(t), createTestClock()]
  const slot = claimSlot({ root, tryLock })
  const journal = await openInProcess(slot.directory, clock)
  await journal.append([newEntry('a')])
  cpSync(root, copy, { recursive: true })
  const adopted = abandonedSlots({ root: copy, tryLock }, 1)
  t.same(names(adopted), ['slot-1'])
  const copied = await openInProcess(adopted[0]?.directory ?? '', clock)
  t.match(copied.figures, { operations: 1, corruptEntries: 0, quarantinedFiles: [] })
})

t.test('R7.4 symbolic links, files and slots of other users are refused by name', async (t) => {
  const refused = (root: string, found: RegExp) => {
    try {
      claimSlot({ root, tryLock })
      t.fail('it was claimed')
    } catch (error) {
      t.match(error, { code: 'state_directory_unavailable', message: found })
      t.match(error, { message: /slot-1/ })
    }
    t.same(abandonedSlots({ root, tryLock }, 10), [])
  }
  const [linked, elsewhere, file] = [memoryDirectory(t), memoryDirectory(t), memoryDirectory(t)]
  symlinkSync(elsewhere, join(linked, 'slot-1'))
  refused(linked, /symbolic link/)
  symlinkSync('/dev/null', join(file, 'slot-1'))
  refused(file, /symbolic link/)
  const lock = memoryDirectory(t)
  mkdirSync(join(lock, 'slot-1'))
  symlinkSync(join(elsewhere, 'made'), join(lock, 'slot-1', 'lock'))
  refused(lock, /ELOOP/)
  t.equal(
    statSync(join(elsewhere, 'made'), { throwIfNoEntry: false }),
    undefined,
    'nothing was made through it',
  )
  if (process.getuid?.() !== 0) return
  const foreign = memoryDirectory(t)
  mkdirSync(join(foreign, 'slot-1'))
  chownSync(join(foreign, 'slot-1'), 12_345, 12_345)
  refused(foreign, /belongs to uid 12345/)
})

t.test('R7.4 a slot that a volume has opened to its group is closed again', async (t) => {
  const root = memoryDirectory(t)
  claimSlot({ root, tryLock }).release()
  chmodSync(join(root, 'slot-1'), 0o2770)
  const slot = claimSlot({ root, tryLock })
  t.equal(statSync(slot.directory).mode & 0o777, 0o700)
})

t.test('R5.4 the number of slots is bounded, and a root that is gone is named', async (t) => {
  const root = memoryDirectory(t)
  t.throws(() => claimSlot({ root, tryLock: () => false }), { code: 'state_directory_unavailable' })
  t.equal(statSync(join(root, `slot-${limits.queueSlots}`)).isDirectory(), true)
  rmSync(root, { recursive: true })
  t.throws(() => claimSlot({ root, tryLock }), { code: 'state_directory_unavailable', message: /ENOENT/ })
  t.throws(() => abandonedSlots({ root, tryLock }, 1), { code: 'state_directory_unavailable' })
})

function names(slots: readonly { name: string }[]): string[] {
  return slots.map(({ name }) => name)
}
