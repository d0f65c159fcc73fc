// What the engine, a load balancer and Prometheus see of a container.

import t from 'tap'
import { checkout } from '../harness/checkout.ts'
import { flawsOf, startContainer } from '../harness/container.ts'
import { baseImage, buildImages } from '../harness/images.ts'
import { until } from '../harness/until.ts'

await buildImages()

const command = ['sh', '-c', 'echo working; exec sleep 1000']
const environment = { CONTAINER_FLOW_NAME: 'health' }

t.test(
  'R5.1 R5.2 a container at work is healthy to the engine, a load balancer and Prometheus',
  async (t) => {
    const flow = await startContainer(t, { image: baseImage, command, environment, publish: [8088] })
    await until(
      'the engine calls it healthy',
      () => flow.inspect('{{.State.Health.Status}}'),
      (status) => status === 'healthy',
    )
    for (const path of ['/health', '/livez', '/readyz', '/startupz']) {
      t.equal((await flow.get(path)).status, 200, path)
    }
    t.match(JSON.parse((await flow.get('/health')).body), {
      status: 'healthy',
      state: 'running',
      flow: 'health',
    })
    const metrics = await flow.get('/metrics')
    t.equal(metrics.status, 200)
    t.match(metrics.body, /^flowkeep_state\{state="running"\} 1$/m)
    t.match(metrics.body, /^flowkeep_flow_running 1$/m)
    t.match(metrics.body, /^flowkeep_container_memory_bytes [1-9]\d+$/m)
    t.same(flawsOf(flow), [])
  },
)

t.test("a flow image's own check counts: unhealthy to whoever asks", async (t) => {
  const flow = await startContainer(t, {
    image: baseImage,
    command,
    environment,
    publish: [8088],
    mounts: [{ source: `${checkout}/test/fixtures/checks`, target: '/opt/flowkeep/healthchecks' }],
  })
  await flow.log.next('flow.started')
  const { body } = await until(
    'the check has its verdict',
    () => flow.get('/health'),
    (answer) => answer.body.includes('"status":"unhealthy"') && answer.body.includes('"state":"running"'),
  )
  t.match(JSON.parse(body), { checks: { valve: { status: 'unhealthy', message: 'the valve is stuck' } } })
  const probe = await flow.exec('flowkeep', 'health')
  t.equal(probe.code, 1)
  t.match(probe.stdout + probe.stderr, /valve/)
})
