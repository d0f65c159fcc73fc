// Flows that can't say how they ended, or say it too late: what the server shows of their runs.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { until } from '../../harness/until.ts'
import type { Run, Stage } from './stage.ts'

export function endsOfFlows(t: Test, { front, start, startIdle, ask, settled, told: about }: Stage): void {
  const stateDirectory = (t: Test) => {
    const directory = mkdtempSync(join(tmpdir(), 'fk-state-'))
    t.teardown(() => rmSync(directory, { recursive: true, force: true }))
    return { CONTAINER_STATE_DIRECTORY: directory }
  }
  /** A new container waits for its Prefect server otherwise. */
  const optional = { CONTAINER_SERVICE_PREFECT_REQUIRED: 'false' }

  t.test('R2.3 the run of a flow that is killed, as by the OOM killer, has crashed', async (t) => {
    const flow = await start(t, { CONTAINER_RESTART_POLICY: 'always' })
    // As a deployment makes it: the flow is handed a run that is there.
    const parameters = { customer: 'gil', items: ['tea'], signals: 'SIGKILL' }
    const { id: flow_id } = await ask<Run>('POST', '/flows/', { name: 'order' })
    const made = await ask<Run>('POST', '/flow_runs/', { flow_id, name: 'killed', parameters })
    flow.run('killed', {}, made.id)
    await flow.record('will.carried_out')
    const run = await settled(flow, 'killed', 'CRASHED')
    t.match(run.state.message, /Reported by Flowkeep/)
    t.same(await about.states(run), ['PENDING', 'RUNNING', 'CRASHED'])
  })

  t.test('R2.3 a container that vanishes before it hears of its new run leaves none Pending', async (t) => {
    const environment = stateDirectory(t)
    const flow = await start(t, environment)
    const created = front.withholdAnswer(/^POST \/api\/flow_runs\/ /)
    flow.run('unheard', { customer: 'nan', items: ['tea'] })
    await created
    flow.signal('SIGKILL')
    await flow.exited

    const after = await startIdle(t, environment)
    await after.record('will.carried_out')
    // It had no name of its own yet.
    const latest = await until(
      'the latest run has crashed',
      () => ask<Run[]>('POST', '/flow_runs/filter', { sort: 'EXPECTED_START_TIME_DESC', limit: 1 }),
      ([run]) => run?.state_type === 'CRASHED',
    )
    t.match(latest, [{ parameters: { customer: 'nan' }, state: { message: /Reported by Flowkeep/ } }])
    const pending = { flow_runs: { state: { type: { any_: ['PENDING'] } } } }
    t.same(await ask('POST', '/flow_runs/filter', pending), [])
  })

  t.test('R2.3 a container that vanishes in an outage leaves no run Running', async (t) => {
    const environment = stateDirectory(t)
    const flow = await start(t, environment)
    flow.run('known', { customer: 'hal', items: ['tea'] })
    await flow.line('known gave 3')
    front.refuse()
    flow.run('done', { customer: 'ida', items: ['tea'] })
    await flow.line('done gave 3')
    flow.run('vanished', { customer: 'jon', items: ['tea'], hold: 'for ever' })
    await flow.line('jon holds')
    flow.signal('SIGKILL')
    await flow.exited

    front.heal()
    const after = await startIdle(t, environment)
    await after.record('will.carried_out')
    const vanished = await settled(after, 'vanished', 'CRASHED')
    t.same(await about.states(vanished), ['PENDING', 'RUNNING', 'CRASHED'])
    for (const name of ['known', 'done']) {
      const run = await settled(after, name, 'COMPLETED')
      t.same(await about.states(run), ['PENDING', 'RUNNING', 'COMPLETED'], name)
    }
  })

  t.test('R2.3 a program that ends in an outage, right after its run, has told everything', async (t) => {
    front.refuse()
    const environment = stateDirectory(t)
    const flow = await start(t, { ...environment, ...optional })
    flow.run('last', { customer: 'mia', items: ['tea', 'milk'] })
    flow.run()
    t.match(await flow.exited, { code: 0, exit: { reason: 'flow_exited' } })
    front.heal()
    const run = await settled(await startIdle(t, environment), 'last', 'COMPLETED')
    t.same(
      (await about.tasks(run)).map(([, state]) => state),
      ['COMPLETED', 'COMPLETED', 'COMPLETED'],
    )
    const logs = await about.logs(run)
    t.equal(logs.filter((line) => line === 'Finished in state Completed()').length, 3)
  })

  t.test('R2.3 a stop in an outage crashes a run that works, and none that has ended', async (t) => {
    front.refuse()
    const environments = [stateDirectory(t), stateDirectory(t)] as const
    const [late, early] = await Promise.all(environments.map((one) => start(t, { ...one, ...optional })))
    late?.run('late', { customer: 'kim', items: ['tea'], signals_late: 'SIGTERM' })
    early?.run('stopped', { customer: 'lea', items: ['tea'], signals: 'SIGTERM' })
    for (const flow of [late, early]) t.match(await flow?.exited, { exit: { reason: 'flow_signaled' } })
    front.heal()
    const [afterLate, afterEarly] = await Promise.all(environments.map((one) => startIdle(t, one)))
    const ended = await settled(afterLate as never, 'late', 'COMPLETED')
    t.same(await about.states(ended), ['PENDING', 'RUNNING', 'COMPLETED'])
    const stopped = await settled(afterEarly as never, 'stopped', 'CRASHED')
    t.same(await about.states(stopped), ['PENDING', 'RUNNING', 'CRASHED'])
    t.match(stopped.state.message, /SIGTERM|terminat/i)
  })
}
