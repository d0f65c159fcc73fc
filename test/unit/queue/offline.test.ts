import t, { type Test } from 'tap'
import { systemClock } from '../../../supervisor/core/clock.ts'
import type { Target } from '../../../supervisor/core/target.ts'
import { OfflineQueue } from '../../../supervisor/queue/offline.ts'
import { memoryDirectory, newEntry, openInProcess } from '../../harness/journal.ts'
import { createScriptedTarget } from '../../harness/scripted-target.ts'
import { quiet } from '../http/public-fixture.ts'

const bounds = { maxOperations: 1000, maxBytes: 2 ** 30, maxAgeMs: 7 * 86_400_000 }

/** Each list of ids is a slot; a `!` makes a dead letter. */
async function open(t: Test, slots: readonly (readonly string[])[], targets: readonly Target[] = []) {
  const directories = slots.map(() => memoryDirectory(t))
  for (const [index, ids] of slots.entries()) {
    const journal = await openInProcess(directories[index] as string, systemClock)
    const appended = await journal.append(ids.map((id) => newEntry(id.replace('!', ''), { key: id })))
    const dead = appended.flatMap((each, at) =>
      each.state === 'stored' && ids[at]?.endsWith('!') ? [each.seq] : [],
    )
    await journal.settle(
      dead.map((seq) => ({ to: 'dead', seq, reason: { code: '23505', message: 'twice' } })),
    )
    await journal.close()
  }
  const released: string[] = []
  const reopen = async () => {
    const opened = await Promise.all(directories.map((directory) => openInProcess(directory, systemClock)))
    return new OfflineQueue({
      clock: systemClock,
      random: () => 1,
      logger: quiet,
      bounds,
      targets: async () => targets,
      held: [],
      slots: opened.map((journal, index) => ({
        name: `slot-${index + 1}`,
        journal,
        release: () => void released.push(`slot-${index + 1}`),
      })),
    })
  }
  return { queue: await reopen(), reopen, released }
}

const idsOf = ({ operations }: { operations: readonly { id: string }[] }) => operations.map(({ id }) => id)

t.test('§3 the slots of supervisors that are gone are read as one, page by page', async (t) => {
  const { queue, released } = await open(t, [['a', 'b'], [], ['c', 'd!'], ['e']])
  t.same(idsOf(await queue.list({ state: 'queued', limit: 10 })), ['a', 'b', 'c', 'e'])
  const seen: string[] = []
  let after: string | undefined
  let pages = 0
  do {
    const page = await queue.list({ state: 'queued', limit: 1, ...(after !== undefined && { after }) })
    seen.push(...idsOf(page))
    after = page.next
    pages++
  } while (after !== undefined && pages < 20)
  t.same(seen, ['a', 'b', 'c', 'e'])
  t.match(await queue.show('d'), {
    state: 'dead',
    reason: { code: '23505' },
    work: { effects: [{ sql: /insert/ }] },
  })
  t.equal(await queue.show('x'), undefined)
  t.match(await queue.stats(), {
    operations: 4,
    oldestAgeMs: Number,
    targets: { db: { queued: 4, dead: 1, breaker: 'closed', reason: null } },
  })
  for (const wrong of ['x', 'slot-9:1', 'slot-1', 'slot-1:x']) {
    await t.rejects(
      queue.list({ state: 'queued', limit: 1, after: wrong }),
      { code: 'invalid_request' },
      wrong,
    )
  }
  await queue.close()
  t.same(released, ['slot-1', 'slot-2', 'slot-3', 'slot-4'])
})

t.test('§3 a dead letter is revived or discarded in its slot, and that lasts', async (t) => {
  const { queue, reopen } = await open(t, [['a'], ['b!', 'c!']])
  await queue.retry('b')
  await queue.discard('c')
  await t.rejects(queue.retry('c'), { code: 'not_found', hint: /queue list/ })
  await t.rejects(queue.discard('x'), { code: 'not_found' })
  await t.rejects(queue.retry('a'), { code: 'wrong_state' })
  await queue.close()
  const again = await reopen()
  t.same(idsOf(await again.list({ state: 'queued', limit: 9 })), ['a', 'b'])
  t.same(idsOf(await again.list({ state: 'dead', limit: 9 })), [])
  await again.close()
})

t.test('§3 draining delivers every slot once, and leaves what its target does not take', async (t) => {
  const target = createScriptedTarget({ name: 'db' })
  const { queue, reopen, released } = await open(
    t,
    [
      ['a', 'b'],
      ['c', 'd!'],
    ],
    [target],
  )
  const waiting: number[] = []
  const left = await queue.drain(60_000, ({ operations }) => void waiting.push(operations))
  t.match(left, { operations: 0, targets: { db: { queued: 0, dead: 1 } } })
  t.same([...target.effects].sort(), ['a', 'b', 'c'])
  t.equal(waiting[0], 3)
  await queue.close()
  t.same(released, ['slot-1', 'slot-2'])
  const again = await reopen()
  t.match(await again.stats(), { operations: 0, targets: { db: { dead: 1 } } })
  await again.close()

  const away = createScriptedTarget({ name: 'db' })
  away.trouble = { away: { reason: 'refused', message: 'nobody listens' } }
  const unreachable = await open(t, [['a'], ['b']], [away])
  t.match(await unreachable.queue.drain(20, () => {}), { operations: 2 })
  await unreachable.queue.close()
  const kept = await unreachable.reopen()
  t.same(idsOf(await kept.list({ state: 'queued', limit: 9 })), ['a', 'b'])
  await kept.close()
})

t.test('§3 where there is no slot there is nothing, and that is no error', async (t) => {
  const { queue } = await open(t, [])
  t.same(await queue.list({ state: 'dead', limit: 5 }), { operations: [] })
  t.match(await queue.drain(1000, () => {}), { operations: 0, maxOperations: 1000 })
  await queue.close()
})
