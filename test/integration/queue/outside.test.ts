// What the outside sees of an outage and of a full queue, on a real supervisor.

import t from 'tap'
import { until } from '../../harness/until.ts'
import { samplesOf } from '../../unit/metrics/metrics-fixture.ts'
import { flowkeep, operation, setUp } from './service-fixture.ts'

t.test('§6 §7 §10 an outage degrades, a full queue is unhealthy and says 429, and both pass', async (t) => {
  const { service, start, asking } = await setUp(t, {
    CONTAINER_QUEUE_MAX_OPERATIONS: '2',
    CONTAINER_SERVICE_API_HEALTH_PATH: '/health',
    CONTAINER_HEALTH_INTERVAL: '500ms',
  })
  const flow = await start()
  const environment = asking(flow)
  const submit = (id: string) => flowkeep(environment, ['submit', '-'], operation(id, id))
  const health = async () => JSON.parse((await flow.get('/health')).body)
  t.match(await submit('a'), { code: 0 })
  const away = await until('the breaker shows', health, ({ checks }) => checks.queue.status === 'degraded')
  t.match(away, { status: 'degraded', checks: { queue: { message: /^1 waiting for api: .*503/ } } })
  t.equal((await flow.get('/health')).status, 200)

  t.match(await submit('b'), { code: 0 })
  t.match(await submit('c'), {
    code: 75,
    out: '0 applied, 0 queued, 1 refused\n',
    err: /CONTAINER_QUEUE_MAX_OPERATIONS/,
  })
  const full = await until('it is full', health, ({ status }) => status === 'unhealthy')
  t.match(full.checks.queue, {
    status: 'unhealthy',
    message: /^takes nothing new: 2 of 2 operations waiting/,
  })
  t.equal((await flow.get('/health')).status, 503)
  const samples = samplesOf((await flow.get('/metrics')).body)
  t.equal(samples.get('flowkeep_operations_queued{target="api"}'), 2)
  t.equal(samples.get('flowkeep_operations_total{target="api",result="queued"}'), 2)
  t.equal(samples.get('flowkeep_operations_total{target="api",result="refused"}'), 1)
  t.ok((samples.get('flowkeep_operations_queued_bytes') ?? 0) > 0)
  t.ok((samples.get('flowkeep_breaker_state{target="api"}') ?? 0) > 0)

  service.away = false
  const well = await until('all is delivered', health, ({ checks }) => checks.queue.status === 'healthy')
  t.match(well, { status: 'healthy', checks: { queue: { message: 'empty' } } })
  t.same([...service.taken].sort(), ['a', 'b'])
  t.equal(samplesOf((await flow.get('/metrics')).body).get('flowkeep_breaker_state{target="api"}'), 0)
})
