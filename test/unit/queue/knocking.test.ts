import t from 'tap'
import { limits } from '../../../supervisor/core/limits.ts'
import { Knocking } from '../../../supervisor/queue/knocking.ts'
import { createTestClock } from '../../harness/test-clock.ts'

function fixture() {
  const clock = createTestClock()
  const knocks: { readonly signal: AbortSignal; answer(accepted: boolean): Promise<void> }[] = []
  let answered = 0
  const knocking = new Knocking({
    clock,
    knock(signal) {
      const { promise, resolve } = Promise.withResolvers<boolean>()
      knocks.push({
        signal,
        async answer(accepted) {
          resolve(accepted)
          await new Promise(setImmediate)
        },
      })
      return promise
    },
    answered: () => {
      answered++
    },
  })
  return { clock, knocking, knocks, answered: () => answered }
}

t.test('R2.5 a target that refused is knocked at until somebody accepts, and then no more', async (t) => {
  const { clock, knocking, knocks, answered } = fixture()
  knocking.begin('refused')
  t.equal(clock.nextInMs, limits.queueKnockEveryMs)
  clock.advance(limits.queueKnockEveryMs)
  await knocks[0]?.answer(false)
  t.equal(answered(), 0)
  clock.advance(limits.queueKnockEveryMs)
  await knocks[1]?.answer(true)
  t.equal(answered(), 1)
  t.equal(knocks.length, 2)
  t.equal(clock.armed, 0)
})

t.test('R2.5 a target that accepts and does not work is left to the pause of its breaker', async (t) => {
  const { clock, knocking } = fixture()
  for (const reason of ['authentication', 'timeout', 'schema_missing', undefined]) {
    knocking.begin(reason)
    t.equal(clock.armed, 0, reason ?? 'none')
  }
})

t.test('R2.5 what a knock brings after the end of the pause counts no more', async (t) => {
  const { clock, knocking, knocks, answered } = fixture()
  knocking.begin('unreachable')
  clock.advance(limits.queueKnockEveryMs)
  knocking.end()
  t.ok(knocks[0]?.signal.aborted)
  await knocks[0]?.answer(true)
  t.equal(answered(), 0)
  t.equal(clock.armed, 0)
})

t.test('R2.5 a second opening begins anew, with one timer', async (t) => {
  const { clock, knocking } = fixture()
  knocking.begin('refused')
  knocking.begin('name_resolution')
  t.equal(clock.armed, 1)
  knocking.end()
  t.equal(clock.armed, 0)
})
