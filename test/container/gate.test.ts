// PostgreSQL isn't there yet when the container starts: the flow waits, the container says why, and it can be stopped.

import t from 'tap'
import { createNetwork, flawsOf, startContainer, type TestContext } from '../harness/container.ts'
import { flowEnvironment, flowOptions, migrate } from '../harness/flow.ts'
import { buildImages, flow1Image } from '../harness/images.ts'
import { databasePassword, startPostgres } from '../harness/postgres-container.ts'

await buildImages()

function startFlow(t: TestContext, network: string, environment: Readonly<Record<string, string>> = {}) {
  return startContainer(t, {
    image: flow1Image,
    options: flowOptions,
    network,
    publish: [8088],
    environment: { ...flowEnvironment, ...environment },
  })
}

t.test('R2.1 the flow starts only after PostgreSQL, started later, answers its health query', async (t) => {
  const network = await createNetwork(t)
  const flow = await startFlow(t, network)
  const waiting = await flow.log.next(
    ({ event, dependency }) => event === 'gate.waiting' && dependency === 'database:flows',
  )
  t.match(waiting, { dependency: 'database:flows', reason: 'name_resolution' }, 'R2.4 it says why')
  const before = await flow.get('/health')
  t.equal(before.status, 503)
  t.match(JSON.parse(before.body), { state: 'gating', checks: { 'database:flows': { status: 'unhealthy' } } })
  t.equal((await flow.get('/startupz')).status, 503)
  t.equal((await flow.get('/livez')).status, 200)

  await startPostgres(t, network)
  await flow.log.next('gate.ready')
  await migrate(t, network)
  await flow.log.next(({ message, component }) => component === 'flow' && message === 'working')
  const events = flow.log.all.map(({ event }) => event)
  t.ok(events.indexOf('gate.open') < events.indexOf('flow.started'))
  t.equal(events.filter((event) => event === 'flow.started').length, 1, 'it was not started in vain')
  const { code, last } = await flow.stop()
  t.equal(code, 0)
  t.match(last, { event: 'exit', reason: 'stopped' })
  t.same(flawsOf(flow), [])
  t.notOk(JSON.stringify(flow.log.all).includes(databasePassword), 'R7.2 the password is in no line')
})

t.test('§4 a stop during the gate ends the container with 75, and the flow never ran', async (t) => {
  const flow = await startFlow(t, await createNetwork(t))
  await flow.log.next('gate.waiting')
  const { code, last } = await flow.stop()
  t.equal(code, 75)
  t.match(last, { event: 'exit', reason: 'stopped', code: 75 })
  t.notOk(flow.log.all.some(({ event }) => event === 'flow.started'))
  t.same(flawsOf(flow), [])
})

t.test('R2.2 the wait has an end: 69, with what is missing and why', async (t) => {
  const flow = await startFlow(t, await createNetwork(t), { CONTAINER_GATE_TIMEOUT: '1s' })
  const { code, last } = await flow.exited
  t.equal(code, 69)
  t.match(last, { event: 'exit', reason: 'dependency_unavailable', code: 69, message: /database:flows.*db/ })
})
