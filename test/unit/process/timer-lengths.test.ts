import t from 'tap'
import { limits } from '../../../supervisor/core/limits.ts'
import { createStopBudget } from '../../../supervisor/process/stop-budget.ts'
import { flushMs, timerLengthMs } from '../../../supervisor/process/timer-lengths.ts'

const graceMs = 2_000
const settings = {
  gate: { timeoutMs: 1 },
  flow: { ready: 'alive', readyAfterMs: 1, readyTimeoutMs: 1 },
  stop: { graceMs, drainMs: 0 },
} as const

function stoppedAt(startedAtMs: number) {
  const budget = createStopBudget()
  budget.begin(graceMs, startedAtMs)
  return budget
}

t.test('R5.5 what survives SIGKILL is given up on within the stop grace, the flush included', async (t) => {
  const budget = stoppedAt(0)
  const lengthMs = (timer: string, state: 'terminating' | 'killing' | 'flushing', nowMs: number) =>
    timerLengthMs(timer, state, settings, { nowMs, budget, restartDelayMs: 0 }) as number

  const killAtMs = lengthMs('kill_at', 'terminating', 0)
  const flushAtMs = killAtMs + lengthMs('kill_wait', 'killing', killAtMs)
  const exitAtMs = flushAtMs + lengthMs('flush', 'flushing', flushAtMs)
  t.ok(flushAtMs < graceMs, `${flushAtMs}`)
  t.ok(exitAtMs <= graceMs + limits.flushMsMin, `${exitAtMs}`)
  t.equal(lengthMs('kill_wait', 'killing', 0), graceMs * limits.killWaitShareOfRest, 'a second stop')
})

t.test('§4 SIGKILL gets time to work although the grace is over, and so does the last line', async (t) => {
  const nowMs = graceMs + 5_000
  const budget = stoppedAt(0)
  const now = { nowMs, budget, restartDelayMs: 0 }
  t.equal(timerLengthMs('kill_wait', 'killing', settings, now), limits.killWaitMsMin)
  t.equal(flushMs(graceMs, budget, nowMs), limits.flushMsMin)
})

t.test(
  '§4 without a stop nobody waits to kill us: only the limits bound SIGKILL and the flush',
  async (t) => {
    const now = { nowMs: 0, budget: createStopBudget(), restartDelayMs: 0 }
    t.equal(timerLengthMs('kill_wait', 'killing', settings, now), limits.killWaitMs)
    t.equal(flushMs(graceMs, now.budget, 0), limits.flushPatienceMs)
    t.equal(flushMs(600_000, now.budget, 0), 600_000)
  },
)
