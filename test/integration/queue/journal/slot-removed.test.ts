// Somebody removes the slot's directory under a running supervisor. The open files would take everything without a word,
// and nobody would ever find it again.

import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { systemClock } from '../../../../supervisor/core/clock.ts'
import type { Submitted } from '../../../../supervisor/core/queue.ts'
import { queueOutcome } from '../../../../supervisor/health/queue-check.ts'
import { problemOf } from '../../../../supervisor/postgres/sql-text.ts'
import { openJournal } from '../../../../supervisor/queue/journal/open-journal.ts'
import { createQueue, type LocalQueue } from '../../../../supervisor/queue/queue.ts'
import { memoryDirectory, smallBounds } from '../../../harness/journal.ts'
import { createScriptedTarget, type ScriptedTarget } from '../../../harness/scripted-target.ts'
import { until } from '../../../harness/until.ts'
import { keepLog, type LogLine } from '../../../unit/gate/fakes.ts'

/** The first to find out was written where nobody may find it. */
const unknown = { state: 'refused', error: { code: 'outcome_unknown', message: /removed or replaced/ } }
const unavailable = {
  state: 'refused',
  error: { code: 'state_directory_unavailable', message: /removed or replaced/ },
}

interface Running {
  readonly queue: LocalQueue
  readonly target: ScriptedTarget
  readonly slot: string
  readonly lines: readonly LogLine[]
  submit(id: string): Promise<Submitted | undefined>
}

/** The queue over its real journal in a thread, and a target that is away. */
async function running(t: Test): Promise<Running> {
  const slot = join(memoryDirectory(t), 'slot-1')
  mkdirSync(slot)
  const target = createScriptedTarget()
  target.trouble = { away: { reason: 'refused', message: 'it is away' } }
  const { logger, lines } = keepLog()
  const bounds = { ...smallBounds, maxAgeMs: 86_400_000 }
  const queue = createQueue({
    ...{ clock: systemClock, random: Math.random, logger, targets: [target], bounds, problemOf },
    journal: await openJournal({ ...smallBounds, directory: slot }),
    ...{ newId: () => 'generated', counted() {} },
  })
  t.teardown(() => queue.close())
  return {
    ...{ queue, target, slot, lines },
    async submit(id) {
      const [answer] = await queue.submit([{ id, target: target.name, mode: 'queue', sql: 'select 1' }])
      return answer
    },
  }
}

t.test('R8.3 with its slot removed the queue takes nothing new, says so, and drains', async (t) => {
  const { queue, target, slot, lines, submit } = await running(t)
  t.match(await submit('before'), { state: 'queued' })
  rmSync(slot, { recursive: true })
  t.match(await submit('unsure'), unknown)
  t.match(await submit('after'), unavailable)
  t.match(
    lines.filter(({ level }) => level === 'error'),
    [{ event: 'queue.write_failed', message: /takes nothing new .* removed or replaced/ }],
    'said once',
  )
  t.match(queueOutcome(queue.stats()), { status: 'unhealthy', message: /removed or replaced/ })
  target.trouble = undefined
  queue.targetSeen(target.name)
  await until(
    'it is applied',
    async () => target.effects.length,
    (effects) => effects > 1,
  )
  t.same(target.effects, ['before', 'unsure'], 'from the files that are still open')
})

t.test('R8.3 a slot that another has made anew is left alone', async (t) => {
  const { slot, submit } = await running(t)
  t.match(await submit('before'), { state: 'queued' })
  rmSync(slot, { recursive: true })
  mkdirSync(slot)
  writeFileSync(join(slot, 'journal.db'), 'of another')
  t.match(await submit('unsure'), unknown)
  t.match(await submit('after'), unavailable)
  t.equal(readFileSync(join(slot, 'journal.db'), 'utf8'), 'of another')
})

t.test('R8.3 a slot that is back in its place is used again', async (t) => {
  const { queue, slot, submit } = await running(t)
  t.match(await submit('before'), { state: 'queued' })
  renameSync(slot, `${slot}-away`)
  t.match(await submit('meanwhile'), unknown)
  t.match(await submit('after'), unavailable)
  renameSync(`${slot}-away`, slot)
  await until(
    'the figures say that all is well',
    async () => queue.stats().failing,
    (failing) => failing === null,
  )
  t.match(await submit('meanwhile'), { state: 'queued' })
  t.match(queue.stats(), { operations: 2, failing: null })
})
