// What Flowkeep does, and says, in a container that is short of memory, of processor time, and of disk.

import t, { type Test } from 'tap'
import { type Container, createNetwork, flowPort, startContainer } from '../harness/container.ts'
import { migrate } from '../harness/flow.ts'
import { baseImage, buildImages } from '../harness/images.ts'
import type { LogRecord } from '../harness/log-records.ts'
import { databaseUrl, startPostgres } from '../harness/postgres-container.ts'
import { until } from '../harness/until.ts'

const claimer = new URL('../fixtures/flows/claimer.py', import.meta.url).pathname

await buildImages()
const network = await createNetwork(t)
await startPostgres(t, network)
await migrate(t, network)
t.jobs = 3

function startClaimer(t: Test, name: string, options: { memory?: string; tmpfs?: string[] }) {
  return startContainer(t, {
    ...{ image: baseImage, network, command: ['python', '/claimer.py'], ...options },
    mounts: [{ source: claimer, target: '/claimer.py' }],
    publish: [flowPort],
    // Its probe would be what the kernel ends for want of memory.
    options: ['--no-healthcheck'],
    environment: {
      ...{ CONTAINER_FLOW_NAME: name, CONTAINER_SECURITY_ENFORCE: 'off', CONTAINER_HEALTH_INTERVAL: '1s' },
      CONTAINER_DATABASE_FLOWS_URL: databaseUrl,
    },
  })
}

/** The flow says this from now on. */
async function says(flow: Container, text: string): Promise<void> {
  const since = flow.log.all.length
  await flow.log.next((record: LogRecord) => {
    return record.message === text && flow.log.all.indexOf(record) >= since
  })
}

t.test('R6.5 near the memory limit records come one at a time, and together again after it', async (t) => {
  const flow = await startClaimer(t, 'memory', { memory: '384m' })
  await says(flow, 'claimed 10')
  await flow.signal('SIGUSR1')
  t.match(await flow.log.next('memory.short'), { level: 'warn', message: /^9\d% of 384MiB of memory used/ })
  await says(flow, 'claimed 1')
  await flow.signal('SIGUSR2')
  t.match(await flow.log.next('memory.eased'), { level: 'info' })
  await says(flow, 'claimed 10')
  t.equal(await flow.inspect('{{.State.OOMKilled}} {{.RestartCount}}'), 'false 0')
})

t.test(
  'R6.1 R6.3 a CPU limit that holds a busy flow back is named, with figures and what to do',
  async (t) => {
    const flow = await startContainer(t, {
      ...{ image: baseImage, command: ['python', '-c', 'while True: pass'], options: ['--cpus=0.2'] },
      environment: {
        ...{ CONTAINER_FLOW_NAME: 'cpu', CONTAINER_SECURITY_ENFORCE: 'off' },
        CONTAINER_PERFORMANCE_INTERVAL: '1s',
      },
    })
    await flow.log.next(({ to }) => to === 'running')
    const printed = () => flow.exec('flowkeep', 'performance')
    const { stdout, code } = await until('it is found', printed, (output) =>
      /held processes back/.test(output.stdout),
    )
    t.equal(code, 1)
    t.match(stdout, /the CPU limit of 0\.2 held processes back in \d+% of its periods/)
    t.match(stdout, /--cpus/)
  },
)

t.test(
  'R8.5 R8.3 on a full state disk no records are claimed, and are again once there is room',
  async (t) => {
    const flow = await startClaimer(t, 'disk', { tmpfs: ['/var/lib/flowkeep:size=96m,mode=1777'] })
    await says(flow, 'claimed 10')
    const fill = 'head -c 93m /dev/zero > /var/lib/flowkeep/filler'
    t.equal((await flow.exec('sh', '-c', fill)).code, 0)
    await says(flow, 'disk_full')
    // The check has a schedule of its own.
    const { body } = await until(
      'it is unhealthy',
      () => flow.get('/health'),
      ({ status }) => status === 503,
    )
    t.match(JSON.parse(body), { status: 'unhealthy', checks: { disk: { status: 'unhealthy' } } })
    await flow.exec('rm', '/var/lib/flowkeep/filler')
    await says(flow, 'claimed 10')
  },
)
