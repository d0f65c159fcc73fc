// R2.3: flows on Prefect, as people write them, go through outages of a real Prefect server.

import t from 'tap'
import { prefectEnvironment } from '../../harness/prefect/environment.ts'
import { startPrefect } from '../../harness/prefect/server.ts'
import { noNamespace } from '../../harness/supervised.ts'
import { until } from '../../harness/until.ts'
import { setStage } from './stage.ts'

const environment = prefectEnvironment()
const skip = noNamespace || environment.skip
// Two Python programs of a server's size are started first.
t.setTimeout(280_000)

if (skip === false && environment.python !== undefined) {
  const { python } = environment
  const server = await startPrefect({ python })
  t.teardown(() => server.stop())
  const { front, start, settled, told: about } = await setStage(t, { python, server })
  const flow = await start(t)
  t.teardown(() => flow.run())

  t.test('R2.3 a run that begins and ends in an outage is there once when the server is back', async (t) => {
    front.refuse()
    const beganMs = Date.now()
    flow.run('early', { customer: 'ada', items: ['tea', 'milk'] })
    await flow.line('early gave 7')
    const endedMs = Date.now()
    const away = await until(
      'both checks have seen it',
      flow.health,
      ({ checks }) =>
        checks['service:prefect']?.status === 'unhealthy' && checks['queue']?.status === 'degraded',
    )
    t.match(away, {
      status: 'degraded',
      state: 'running',
      checks: {
        'service:prefect': { message: /closed the connection/ },
        queue: { message: /^\d+ waiting for prefect: bad_answer/ },
      },
    })
    t.equal((await flow.get('/readyz')).status, 200)

    front.heal()
    const run = await settled(flow, 'early', 'COMPLETED')
    t.match(run, {
      parameters: { customer: 'ada', items: ['tea', 'milk'] },
      run_count: 1,
      state: { message: /while Prefect was away/ },
    })
    t.same(await about.states(run), ['PENDING', 'RUNNING', 'COMPLETED'])
    t.same(await about.logs(run), [
      "Beginning flow run 'early' for flow 'order'",
      'order of ada',
      'priced tea',
      'Finished in state Completed()',
      'priced milk',
      'Finished in state Completed()',
      'total of ada: 7',
      'Finished in state Completed()',
    ])
    const subflow = await about.subflow(run)
    t.match(subflow, { state_type: 'COMPLETED', parameters: { prices: [3, 4] } })
    t.same(await about.tasks(run), [
      ['add-up-0', 'COMPLETED'],
      ['price-*', 'COMPLETED'],
      ['price-*', 'COMPLETED'],
    ])
    t.same(await about.artifacts(run), ['total 7'])
    const moments = await about.moments(run)
    t.same(
      moments.map(({ event }) => event),
      ['flowkeep.flow-run.Pending', 'flowkeep.flow-run.Running', 'flowkeep.flow-run.Completed'],
    )
    for (const { occurredMs } of moments) t.ok(beganMs <= occurredMs && occurredMs <= endedMs)
  })

  t.test('R2.3 a run that the server knows ends in an outage', async (t) => {
    flow.run('cut', { customer: 'bob', items: ['tea'], hold: 'cut' })
    await flow.line('bob holds')
    front.refuse()
    flow.release('cut')
    await flow.line('cut gave 3')
    front.heal()
    const run = await settled(flow, 'cut', 'COMPLETED')
    t.same(await about.states(run), ['PENDING', 'RUNNING', 'COMPLETED'])
    t.equal((await about.logs(run)).filter((line) => line === 'total of bob: 3').length, 1)
    t.same(await about.tasks(run), [
      ['add-up-0', 'COMPLETED'],
      ['price-*', 'COMPLETED'],
    ])
    t.match(await about.subflow(run), { state_type: 'COMPLETED' })
  })

  t.test('R2.3 a run that began in an outage goes on when the server is back', async (t) => {
    front.refuse()
    flow.run('back', { customer: 'cleo', items: ['tea'], hold: 'back' })
    await flow.line('cleo holds')
    front.heal()
    await settled(flow, 'back', 'RUNNING')
    flow.release('back')
    await flow.line('back gave 3')
    const run = await settled(flow, 'back', 'COMPLETED')
    t.same(await about.states(run), ['PENDING', 'RUNNING', 'COMPLETED'])
    t.match(await about.subflow(run), { state_type: 'COMPLETED' })
  })

  t.test('R2.3 a run that fails in an outage has failed, and the container goes on', async (t) => {
    front.refuse()
    flow.run('bad', { customer: 'mallory', items: [] })
    await flow.line('bad raised mallory does not pay')
    front.heal()
    const run = await settled(flow, 'bad', 'FAILED')
    t.match(run.state.message, /mallory does not pay/)
    t.same(await about.states(run), ['PENDING', 'RUNNING', 'FAILED'])
    t.equal(flow.records.filter(({ event }) => event === 'flow.started').length, 1)
  })
} else {
  t.test('R2.3 flows outlive a Prefect outage', { skip }, async () => {})
}
