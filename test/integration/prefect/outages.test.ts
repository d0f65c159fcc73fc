// R2.3: flows on Prefect, as people write them, go through outages of a real Prefect server.

import t from 'tap'
import { prefectEnvironment } from '../../harness/prefect/environment.ts'
import { startPrefect } from '../../harness/prefect/server.ts'
import { noNamespace } from '../../harness/supervised.ts'
import { until } from '../../harness/until.ts'
import { endsOfFlows } from './ends.ts'
import { setStage } from './stage.ts'

const environment = prefectEnvironment()
const skip = noNamespace || environment.skip
// Two Python programs of a server's size are started first.
t.setTimeout(280_000)

if (skip === false && environment.python !== undefined) {
  const { python } = environment
  const server = await startPrefect({ python })
  t.teardown(() => server.stop())
  const stage = await setStage(t, { python, server })
  const { front, start, settled, told: about } = stage
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
    const lines = await until(
      'the last line has come: it is told apart from the states',
      () => about.logs(run),
      ({ length }) => length >= 10,
    )
    t.same(lines, [
      "Beginning flow run 'early' for flow 'order'",
      'order of ada',
      'priced tea',
      'Finished in state Completed()',
      'priced milk',
      'Finished in state Completed()',
      'total of ada: 7',
      "Running hook 'signal_late' in response to entering state 'Completed'",
      "Hook 'signal_late' finished running successfully",
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
    const moments = await until(
      'the server has stored the events',
      () => about.moments(run),
      (found) => found.length >= 3,
    )
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
  })

  t.test(
    'R2.3 what the server has done and could not answer happens once, also told by the queue',
    async (t) => {
      // Told directly: each of these answers is lost once, and what was told is told again through the queue.
      const path = (end: string) => new RegExp(`^POST /api/${end} HTTP`)
      const state = path('flow_runs/[0-9a-f-]{36}/set_state')
      // A run whose creation went unanswered is told of by the queue from there on; the other one directly.
      for (const [name, heads] of [
        ['created', [path('flow_runs/')]],
        ['stated', [/"type": ?"RUNNING"/, path('artifacts/')]],
      ] as const) {
        const lost = heads.map(front.loseAnswer)
        flow.run(name, { customer: name, items: ['tea'] })
        await flow.line(`${name} gave 3`)
        await Promise.all(lost)
        const direct = await settled(flow, name, 'COMPLETED')
        t.same(await about.states(direct), ['PENDING', 'RUNNING', 'COMPLETED'], name)
      }

      // Told by the queue: the supervisor delivers each of these again.
      front.refuse()
      flow.run('kept', { customer: 'eve', items: ['tea'] })
      await flow.line('kept gave 3')
      const again = [path('flow_runs/'), state, state, path('events'), path('logs/'), path('artifacts/')]
      const lostAgain = again.map(front.loseAnswer)
      front.heal()
      await Promise.all(lostAgain)
      const queued = await settled(flow, 'kept', 'COMPLETED')
      t.same(await about.states(queued), ['PENDING', 'RUNNING', 'COMPLETED'])
      t.match(await about.subflow(queued), { state_type: 'COMPLETED' })
      await until(
        'the server has stored the events',
        () => about.moments(queued),
        (found) => found.length >= 3,
      )
      t.same((await about.moments(queued)).length, 3)
      t.same(await about.tasks(queued), [
        ['add-up-0', 'COMPLETED'],
        ['price-*', 'COMPLETED'],
      ])
    },
  )

  t.test('R2.3 a server that says nothing is away, too', async (t) => {
    flow.run('mute', { customer: 'finn', items: ['tea'], hold: 'mute' })
    await flow.line('finn holds')
    front.silence()
    flow.release('mute')
    await flow.line('mute gave 3')
    front.heal()
    const run = await settled(flow, 'mute', 'COMPLETED')
    t.same(await about.states(run), ['PENDING', 'RUNNING', 'COMPLETED'])
  })

  t.test('R2.3 every run is there once through a flapping network', async (t) => {
    const names = Array.from({ length: 4 }, (_, index) => `flap-${index}`)
    for (const name of names) flow.run(name, { customer: name, items: ['tea', 'milk'] })
    let up = true
    const flapping = setInterval(() => {
      up = !up
      if (up) front.heal()
      else front.refuse()
    }, 200)
    await Promise.all(names.map((name) => flow.line(`${name} gave 7`)))
    clearInterval(flapping)
    front.heal()
    for (const name of names) {
      const run = await settled(flow, name, 'COMPLETED')
      t.same(await about.states(run), ['PENDING', 'RUNNING', 'COMPLETED'], name)
      t.equal((await about.tasks(run)).length, 3)
      t.match(await about.subflow(run), { state_type: 'COMPLETED' })
      t.ok((await about.logs(run)).includes(`total of ${name}: 7`))
    }
    t.equal(flow.records.filter(({ event }) => event === 'flow.started').length, 1)
  })

  endsOfFlows(t, stage)
} else {
  t.test('R2.3 flows outlive a Prefect outage', { skip }, async () => {})
}
