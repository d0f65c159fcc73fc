import t from 'tap'
import type { FlowExit } from '../../../supervisor/core/exit.ts'
import { createRestartPolicy, type RestartSettings } from '../../../supervisor/process/restart-policy.ts'

const settings: RestartSettings = {
  policy: 'on-failure',
  backoffMinMs: 500,
  backoffMaxMs: 30_000,
  max: 5,
  windowMs: 60_000,
}

function exited(status: number): FlowExit {
  return { code: status, signal: undefined, status, oomKilled: false }
}

const crash = { exit: exited(3), uptimeMs: 10 }

t.test('R8.2 the delay doubles up to its maximum, exactly, and is spread over its upper half', async (t) => {
  const patient = { ...settings, max: 100, windowMs: 10_000_000 }
  const longest = createRestartPolicy(patient, () => 1)
  const shortest = createRestartPolicy(patient, () => 0)
  const delays = (policy: typeof longest) =>
    Array.from({ length: 9 }, (_, index) => {
      const decision = policy.decide(crash, index)
      return decision.retry ? decision.delayMs : undefined
    })
  t.same(delays(longest), [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000])
  t.same(delays(shortest), [250, 500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000])
})

t.test('R8.2 one restart more than the cap within the window is a crash loop', async (t) => {
  const policy = createRestartPolicy(settings, () => 1)
  for (let restart = 0; restart < 5; restart++)
    t.ok(policy.decide(crash, restart * 1000).retry, `restart ${restart + 1}`)
  t.match(policy.decide(crash, 5000), { retry: false, cause: { reason: 'crash_loop' } })
})

t.test('R8.2 restarts that have left the window no longer count', async (t) => {
  const policy = createRestartPolicy(settings, () => 1)
  for (let restart = 0; restart < 5; restart++) policy.decide(crash, restart * 1000)
  t.ok(policy.decide(crash, 60_000).retry, 'the first of the five is exactly one window old')
  t.notOk(policy.decide(crash, 60_999).retry, 'the second is not yet')
})

t.test('R8.2 a flow that stayed up for a window begins again at the shortest delay', async (t) => {
  const policy = createRestartPolicy({ ...settings, max: 100 }, () => 1)
  for (let restart = 0; restart < 4; restart++) policy.decide(crash, restart)
  t.same(policy.decide({ exit: exited(3), uptimeMs: 60_000 }, 100_000), { retry: true, delayMs: 500 })
  t.same(policy.decide({ exit: exited(3), uptimeMs: 59_999 }, 200_000), { retry: true, delayMs: 1000 })
})

t.test('R8.2 the policies: never, on-failure, always', async (t) => {
  const decide = (policy: RestartSettings['policy'], status: number) =>
    createRestartPolicy({ ...settings, policy }, () => 1).decide({ exit: exited(status), uptimeMs: 0 }, 0)
  t.match(decide('never', 3), { retry: false, cause: { reason: 'flow_exited' } })
  t.match(decide('on-failure', 0), { retry: false, cause: { reason: 'flow_exited' } })
  t.match(decide('on-failure', 3), { retry: true })
  t.match(decide('always', 0), { retry: true })
  t.match(decide('always', 3), { retry: true })
})

t.test('R8.2 a flow the supervisor ended for a failure is restarted, even if it exited with 0', async (t) => {
  const policy = createRestartPolicy(settings, () => 1)
  t.ok(policy.decide({ exit: exited(0), uptimeMs: 0, failure: 'not_ready' }, 0).retry)
  const never = createRestartPolicy({ ...settings, policy: 'never' }, () => 1)
  t.match(never.decide({ exit: exited(0), uptimeMs: 0, failure: 'not_ready' }, 0), {
    cause: { reason: 'not_ready' },
  })
})

t.test('R1.5 other settings keep the memory of past restarts', async (t) => {
  const policy = createRestartPolicy(settings, () => 1)
  for (let restart = 0; restart < 3; restart++) policy.decide(crash, restart)
  policy.reconfigure({ ...settings, max: 3 })
  t.match(policy.decide(crash, 4), { retry: false, cause: { reason: 'crash_loop' } })
})

t.test(
  'R8.2 a flow that the supervisor ended for a failure has failed, whatever it said at its end',
  async (t) => {
    const stuck = { exit: exited(0), uptimeMs: 0, failure: 'stuck' as const }
    const never = createRestartPolicy({ ...settings, policy: 'never' }, () => 1)
    t.match(never.decide(stuck, 0), { retry: false, cause: { reason: 'flow_exited', code: 1 } })
    const capped = createRestartPolicy({ ...settings, max: 0 }, () => 1)
    t.match(capped.decide(stuck, 0), {
      retry: false,
      cause: { reason: 'crash_loop', code: 1, message: /stuck/ },
    })
  },
)
