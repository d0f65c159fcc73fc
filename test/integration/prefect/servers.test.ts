// R2.3: a Prefect server that goes away with its database, one that takes the credentials no more, and other versions.

import t from 'tap'
import { startPostgres } from '../../harness/postgres.ts'
import { prefectEnvironment } from '../../harness/prefect/environment.ts'
import { startPrefect } from '../../harness/prefect/server.ts'
import { noNamespace } from '../../harness/supervised.ts'
import { until } from '../../harness/until.ts'
import { setStage } from './stage.ts'

const environment = prefectEnvironment()
const skip = noNamespace || environment.skip
t.setTimeout(280_000)

if (skip === false && environment.python !== undefined) {
  const { python } = environment
  // It is killed, and must not forget what it has committed.
  const postgres = await startPostgres({ settings: { synchronous_commit: 'on' } })
  t.teardown(() => postgres.stop())
  const auth = 'flows:a-canary-nobody-may-see'
  // Two servers on one database, as behind a load balancer; the second takes other credentials.
  const server = await startPrefect({ python, databaseUrl: postgres.url(), auth })
  t.teardown(() => server.stop())
  const renewed = await startPrefect({ python, databaseUrl: postgres.url(), auth: 'flows:renewed' })
  t.teardown(() => renewed.stop())
  const { front, start, settled, told: about } = await setStage(t, { python, server, auth })
  const flow = await start(t)
  t.teardown(() => flow.run())

  t.test('R2.3 credentials that are taken no more: the breaker opens and nothing is poisoned', async (t) => {
    flow.run('expired', { customer: 'ada', items: ['tea'], hold: 'expired' })
    await flow.line('ada holds')
    front.lead(renewed.port)
    flow.release('expired')
    await flow.line('expired gave 3')
    flow.run('refused', { customer: 'bob', items: ['tea'] })
    await flow.line('refused gave 3')
    const away = await until('the queue says why', flow.health, ({ checks }) =>
      /authentication/.test(checks['queue']?.message ?? ''),
    )
    t.match(away, { status: 'degraded', state: 'running' })
    front.lead(server.port)
    for (const name of ['expired', 'refused']) {
      const run = await settled(flow, name, 'COMPLETED')
      t.same(await about.states(run), ['PENDING', 'RUNNING', 'COMPLETED'], name)
    }
    t.match((await flow.get('/metrics')).body, /^flowkeep_operations_dead\{target="prefect"\} 0$/m)
    t.notMatch(JSON.stringify(flow.records), /canary/)
  })

  t.test('R2.3 R2.5 the server comes back with its database after both were gone', async (t) => {
    flow.run('restart', { customer: 'cleo', items: ['tea'], hold: 'restart' })
    await flow.line('cleo holds')
    await postgres.kill()
    // The server still answers, with an error.
    flow.release('restart')
    await flow.line('restart gave 3')
    await server.kill()
    flow.run('between', { customer: 'dan', items: ['milk'] })
    await flow.line('between gave 4')
    await postgres.start()
    await server.start()
    for (const name of ['restart', 'between']) {
      const run = await settled(flow, name, 'COMPLETED')
      t.same(await about.states(run), ['PENDING', 'RUNNING', 'COMPLETED'], name)
      t.match(await about.subflow(run), { state_type: 'COMPLETED' })
    }
    t.equal(flow.records.filter(({ event }) => event === 'flow.started').length, 1)
  })
} else {
  t.test('R2.3 flows outlive a Prefect outage', { skip }, async () => {})
}
