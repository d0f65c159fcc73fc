import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t, { type Test } from 'tap'
import { limits } from '../../../../supervisor/core/limits.ts'
import { openSlot } from '../../../../supervisor/local-queue.ts'
import { loadNative } from '../../../../supervisor/process/native.ts'
import { AbandonedJournals } from '../../../../supervisor/queue/journal/abandoned.ts'
import { claimSlot, type Slot } from '../../../../supervisor/queue/journal/slots.ts'
import { databaseFile } from '../../../../supervisor/queue/journal/store.ts'
import type { Journal } from '../../../../supervisor/queue/journal.ts'
import { memoryDirectory, newEntry, openInProcess } from '../../../harness/journal.ts'
import { createTestClock } from '../../../harness/test-clock.ts'
import { logged } from '../../alerts/fixture.ts'

const { tryLock } = loadNative()
const clock = createTestClock()
const bounds = { maxOperations: 1_000, maxBytes: 2 ** 30, maxAgeMs: 1 }

/** Slots whose owners are gone, each with what the test leaves in its journal. */
async function abandon(t: Test, ...leave: ((journal: Journal) => Promise<unknown>)[]) {
  const slots = { root: memoryDirectory(t), tryLock }
  const claimed = leave.map(() => claimSlot(slots))
  for (const [index, { directory }] of claimed.entries()) {
    const journal = await openInProcess(directory, clock)
    await leave[index]?.(journal)
    await journal.close()
  }
  for (const slot of claimed) slot.release()
  const { events, logger } = logged()
  const opened: string[] = []
  const open = (slot: Slot) => {
    opened.push(slot.name)
    return openSlot(slot, bounds)
  }
  const abandoned = new AbandonedJournals({ slots, logger, open })
  return { abandoned, slots, events, opened, directories: claimed.map(({ directory }) => directory) }
}

const waits = (journal: Journal) => journal.append([newEntry('a')])
const isDead = async (journal: Journal) => {
  await waits(journal)
  await journal.settle([{ to: 'dead', seq: 1, reason: { code: 'x', message: 'no' } }])
}

t.test('R8.2 slots that hold dead letters alone keep no other from being drained', async (t) => {
  const dead = Array.from({ length: limits.queueAdoptedSlots }, () => isDead)
  const { abandoned, opened } = await abandon(t, ...dead, waits)
  const most = limits.queueAdoptedSlots
  t.same(await abandoned.open(most), [])
  const [journal] = await abandoned.open(most)
  t.equal(journal?.figures.operations, 1)
  await journal?.close()
  t.equal(opened.length, most + 1, 'each was looked into once')
})

t.test(
  'R8.2 a slot that held dead letters alone is looked into again when its journal has moved',
  async (t) => {
    const { abandoned, directories, opened } = await abandon(t, isDead)
    t.same([await abandoned.open(1), await abandoned.open(1)], [[], []])
    const journal = await openInProcess(directories[0] ?? '', clock)
    await journal.append([newEntry('b')])
    await journal.close()
    const [found] = await abandoned.open(1)
    t.equal(found?.figures.operations, 1)
    await found?.close()
    t.equal(opened.length, 2)
  },
)

t.test(
  'R8.2 a slot that cannot be opened is held by nobody and keeps no other from being drained',
  async (t) => {
    const { abandoned, slots, directories, events } = await abandon(t, waits, waits)
    const db = new DatabaseSync(join(directories[0] ?? '', databaseFile))
    db.exec('PRAGMA user_version = 99')
    db.close()
    const [first, ...more] = await abandoned.open(4)
    t.equal(first?.figures.operations, 1)
    t.same(more, [])
    t.same(await abandoned.open(4), [])
    t.same(events, ['queue.adoption_failed'], 'said once')
    const free = claimSlot(slots)
    t.equal(free.name, 'slot-1', 'whoever knows its format can have it')
    free.release()
    await first?.close()
  },
)

t.test(
  'R8.2 a slot that was given back with work in it has its next turn after those that had none',
  async (t) => {
    const { abandoned, opened } = await abandon(t, waits, waits)
    const [first] = await abandoned.open(1)
    t.equal(abandoned.hasFresh, true)
    await first?.close()
    const [second] = await abandoned.open(1)
    t.equal(abandoned.hasFresh, false)
    const [again] = await abandoned.open(1)
    t.same(opened, ['slot-1', 'slot-2', 'slot-1'])
    await second?.close()
    await again?.close()
  },
)
