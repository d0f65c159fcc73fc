// Flows that live and do nothing, under a real supervisor.

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { noNamespace, startSupervised } from '../../harness/supervised.ts'
import { until } from '../../harness/until.ts'

const skip = noNamespace
const silent = ['sh', '-c', 'echo up; exec sleep 1000']
const environment = {
  CONTAINER_FLOW_STUCK_AFTER: '1s',
  CONTAINER_RESTART_POLICY: 'on-failure',
  CONTAINER_RESTART_BACKOFF_MIN: '10ms',
}

t.test(
  'R2.4 R8.2 a silent flow is restarted three times, then left, and health says why',
  { skip },
  async (t) => {
    const flow = await startSupervised(t, { command: silent, environment })
    const flowCheck = async () => {
      const { status, body } = await flow.get('/health')
      return { status, check: JSON.parse(body).checks.flow }
    }
    const stuck = await flow.record('flow.stuck')
    t.match(stuck, { level: 'error', code: 'flow_stuck', processState: /^S/, threads: 1 })
    await flow.record(({ event, generation }) => event === 'flow.started' && generation === 4)
    await flow.record('flow.stuck_left')
    t.match(await flowCheck(), {
      status: 503,
      check: { status: 'unhealthy', message: /no progress for \d+s; left alone after 3 restarts/ },
    })
    t.equal(flow.records.filter(({ event }) => event === 'flow.stuck').length, 3)
    t.match((await flow.get('/metrics')).body, /^flowkeep_flow_stuck_total\{result="restarted"\} 3$/m)
    t.equal(flow.records.filter(({ event }) => event === 'lifecycle.unexpected').length, 0)
    t.equal((await flow.post('/v1/ready')).status, 200, 'its own word counts')
    await until('it has come round', flowCheck, ({ status }) => status === 200)
  },
)

t.test(
  'R2.5 R8.2 a flow that waits for a service that is away is not restarted for it',
  { skip },
  async (t) => {
    const service = createServer((_request, response) => response.writeHead(well ? 200 : 503).end())
    let well = true
    await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve))
    t.teardown(() => service.close())
    const { port } = service.address() as AddressInfo
    const flow = await startSupervised(t, {
      command: silent,
      environment: {
        ...environment,
        CONTAINER_RESTART_POLICY: 'never',
        CONTAINER_SERVICE_LEDGER_URL: `http://127.0.0.1:${port}`,
      },
    })
    await flow.record(({ to }) => to === 'running')
    well = false
    t.match(await flow.record('flow.waiting'), { away: [/service:ledger/] })
    well = true
    await flow.record('flow.stuck')
    const { exit, code } = await flow.exited
    t.match(exit, { message: /no progress/ })
    t.equal(code, 143, 'the policy is never: its end is that of the container')
  },
)

t.test('R8.2 a stuck flow that obeys its stop signal with 0 has failed all the same', { skip }, async (t) => {
  const obedient = ['sh', '-c', 'trap "exit 0" TERM; echo up; while :; do sleep 0.05; done']
  const flow = await startSupervised(t, {
    command: obedient,
    environment: { ...environment, CONTAINER_RESTART_POLICY: 'never' },
  })
  t.equal((await flow.exited).code, 1)
})
