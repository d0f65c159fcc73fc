// Alerts all the way: to a real Alertmanager, which tells a webhook; to a webhook and PagerDuty's API (a stand-in that
// checks what is sent), from a supervisor that goes down; and over partitions and the end of the process.

import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { nodeFlags } from '../../../images/node-flags.ts'
import { createAlertmanager } from '../../../supervisor/alerts/alertmanager.ts'
import { AlertOffice } from '../../../supervisor/alerts/office.ts'
import { post } from '../../../supervisor/alerts/post.ts'
import { createAlerts } from '../../../supervisor/alerts.ts'
import { loadConfiguration } from '../../../supervisor/config/load.ts'
import { type Clock, systemClock } from '../../../supervisor/core/clock.ts'
import { createRedactor, Secret } from '../../../supervisor/core/secret.ts'
import { noAlertmanager, startAlertmanager } from '../../harness/alertmanager.ts'
import { unusedPort } from '../../harness/servers.ts'
import { noNamespace, startSupervised } from '../../harness/supervised.ts'
import { until } from '../../harness/until.ts'

const program = new URL('../../../dist/flowkeep.cjs', import.meta.url).pathname
const skip = noNamespace

interface Received {
  readonly path: string
  readonly atMs: number
  readonly body: Record<string, unknown>
}

interface TestContext {
  teardown(fn: () => unknown): void
}

async function startReceiver(t: TestContext, status = 202): Promise<{ url: string; received: Received[] }> {
  const received: Received[] = []
  const server = createServer((request, response) => {
    let text = ''
    request.setEncoding('utf8')
    request.on('data', (chunk: string) => {
      text += chunk
    })
    request.on('end', () => {
      received.push({ path: request.url ?? '', atMs: Date.now(), body: JSON.parse(text) })
      response.writeHead(status).end('{}')
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, received }
}

function alertsIn(received: readonly Received[]): string[] {
  return received.flatMap(({ body }) =>
    (body['alerts'] as { status: string; labels: Record<string, string> }[]).map(
      ({ status, labels }) => `${labels['alertname']} ${status}`,
    ),
  )
}

/** A minute of it passes in a second. */
const fastClock: Clock = {
  wallMs: systemClock.wallMs,
  monotonicMs: () => systemClock.monotonicMs() * 60,
  startTimer: (delayMs, fire) => systemClock.startTimer(delayMs / 60, fire),
}

t.test(
  'R8.5 a real Alertmanager is told over a partition, tells on, and is told the end',
  { skip: noAlertmanager },
  async (t) => {
    const { url, received } = await startReceiver(t)
    const port = await unusedPort()
    const counted: Record<string, number> = {}
    const events: string[] = []
    const keep = ({ event }: { event: string }) => void events.push(event)
    const office = new AlertOffice({
      clock: fastClock,
      random: Math.random,
      logger: { debug: keep, info: keep, warn: keep, error: keep },
      redact: createRedactor([]),
      labels: { flow: 'orders', instance_id: 'orders-1', environment: 'test' },
      // The fast clock has no say in what the network may take.
      post: (posting) => post(posting, AbortSignal.timeout(10_000)),
      counted(_sink, result, count) {
        counted[result] = (counted[result] ?? 0) + count
      },
    })
    office.hire([createAlertmanager(new Secret(`http://127.0.0.1:${port}`), undefined)])
    t.teardown(() => office.hire([]))
    const full = { name: 'FlowkeepQueueFull', description: 'it is full by operations' } as const
    const dead = { name: 'FlowkeepDeadLetters', subject: ['target', 'a"\\\n=b'], description: 'one' } as const
    office.observe([full, dead], true)
    await until(
      'sending has failed twice',
      async () => counted['failed'] ?? 0,
      (failed) => failed >= 4,
    )
    const firing = await startAlertmanager(t, port, url)
    const known = await until('it knows', firing, ({ length }) => length === 2)
    t.match(
      known.find(({ labels }) => labels['alertname'] === 'FlowkeepQueueFull'),
      {
        labels: { severity: 'critical', flow: 'orders', instance_id: 'orders-1', environment: 'test' },
        annotations: {
          description: 'it is full by operations',
          runbook: 'runbooks/alerts/FlowkeepQueueFull.md',
        },
      },
    )
    await until(
      'it tells on',
      async () => alertsIn(received),
      ({ length }) => length >= 2,
    )
    t.strictSame(alertsIn(received).sort(), ['FlowkeepDeadLetters firing', 'FlowkeepQueueFull firing'])

    const observing = setInterval(() => office.observe([dead], true), 50)
    t.teardown(() => clearInterval(observing))
    await until(
      'the end of one is told on',
      async () => alertsIn(received),
      (all) => all.includes('FlowkeepQueueFull resolved'),
    )
    t.strictSame(
      (await firing()).map(({ labels }) => labels['alertname']),
      ['FlowkeepDeadLetters'],
      'the other one is repeated, and stays',
    )
    t.strictSame(
      events.filter((event) => event !== 'alert.undelivered'),
      ['alert.raised', 'alert.raised', 'alert.delivering', 'alert.resolved'],
    )
  },
)

t.test('R8.5 a critical end is alerted before the container goes down, everywhere', { skip }, async (t) => {
  const { url, received } = await startReceiver(t)
  const flow = await startSupervised(t, {
    command: ['sh', '-c', 'exit 7'],
    environment: {
      CONTAINER_INSTANCE_ID: 'orders-1',
      CONTAINER_ALERT_ALERTMANAGER_URL: url,
      CONTAINER_ALERT_WEBHOOK_URL: `${url}/hook/s3cr3ts3cr3t`,
      CONTAINER_ALERT_PAGERDUTY_KEY: '0123456789abcdef0123456789abcdef',
      CONTAINER_ALERT_PAGERDUTY_URL: url,
      CONTAINER_RESTART_POLICY: 'on-failure',
      CONTAINER_RESTART_MAX: '1',
      CONTAINER_RESTART_BACKOFF_MIN: '1ms',
      CONTAINER_RESTART_BACKOFF_MAX: '1ms',
    },
  })
  const { exit, code } = await flow.exited
  t.equal(code, 7)
  t.equal(exit?.['reason'], 'crash_loop')
  const endedMs = Date.parse(String(exit?.['time']))
  const paths = received.map(({ path }) => path).sort()
  t.strictSame(paths, ['/api/v2/alerts', '/hook/s3cr3ts3cr3t', '/v2/enqueue'])
  for (const { path, atMs, body } of received) {
    t.ok(atMs <= endedMs + 5, `${path} before the last line`)
    t.match(JSON.stringify(body), /FlowkeepContainerFailed.*crash_loop|crash_loop.*FlowkeepContainerFailed/)
  }
  const said = JSON.stringify(flow.records) + flow.stderr()
  t.notMatch(said, /s3cr3ts3cr3t|0123456789abcdef/)
})

t.test(
  'R8.5 what could not be told is kept, and told by the next one, which also ends it',
  { skip },
  async (t) => {
    const state = mkdtempSync(join(tmpdir(), 'alerts-'))
    t.teardown(() => rmSync(state, { recursive: true, force: true }))
    const port = await unusedPort()
    const environment = {
      CONTAINER_STATE_DIRECTORY: state,
      CONTAINER_ALERT_WEBHOOK_URL: `http://127.0.0.1:${port}/hook`,
      CONTAINER_STOP_GRACE: '3s',
    }
    const first = await startSupervised(t, {
      command: ['sh', '-c', 'exit 3'],
      environment: { ...environment, CONTAINER_INSTANCE_ID: 'first' },
    })
    t.match(await first.exited, { code: 3, exit: { reason: 'flow_exited' } })
    await first.record('alert.undelivered')
    const kept = join(state, 'slot-1', 'alerts.json')
    t.match(JSON.parse(readFileSync(kept, 'utf8')), {
      alerts: [
        { name: 'FlowkeepContainerFailed', labels: { instance_id: 'first' }, endsAtMs: null, told: {} },
      ],
    })

    const received: Received[] = []
    const server = createServer((request, response) => {
      request.on('data', (chunk) => received.push({ path: '', atMs: 0, body: JSON.parse(String(chunk)) }))
      request.on('end', () => response.end())
    })
    server.listen(port, '127.0.0.1')
    t.teardown(() => server.close())
    const second = await startSupervised(t, {
      command: ['sleep', '1000'],
      environment: { ...environment, CONTAINER_INSTANCE_ID: 'second' },
    })
    await until(
      'it is told',
      async () => alertsIn(received),
      ({ length }) => length > 0,
    )
    t.strictSame(alertsIn(received), ['FlowkeepContainerFailed firing'])
    t.match(received[0]?.body, { alerts: [{ labels: { instance_id: 'first' } }] })
    const { body } = await second.get('/metrics')
    t.match(body, /^flowkeep_alerts_total\{sink="webhook",result="sent"\} 1$/m)
    second.signal('SIGTERM')
    t.match(await second.exited, { exit: { reason: 'stopped' } })
    t.equal(alertsIn(received).length, 1, 'a stop is nothing to alert')
  },
)

t.test(
  'R8.5 what a container that is gone has left in the shared state is told by another',
  { skip },
  async (t) => {
    const state = mkdtempSync(join(tmpdir(), 'alerts-'))
    t.teardown(() => rmSync(state, { recursive: true, force: true }))
    const { url, received } = await startReceiver(t)
    const environment = { CONTAINER_STATE_DIRECTORY: state, CONTAINER_INSTANCE_ID: 'gone' }
    const gone = await startSupervised(t, {
      command: ['sh', '-c', 'exit 3'],
      environment: { ...environment, CONTAINER_ALERT_WEBHOOK_URL: `http://127.0.0.1:${await unusedPort()}/` },
    })
    await gone.exited
    const left = join(state, 'slot-2', 'alerts.json')
    mkdirSync(join(state, 'slot-2'), { mode: 0o700 })
    renameSync(join(state, 'slot-1', 'alerts.json'), left)
    const other = await startSupervised(t, {
      command: ['sleep', '1000'],
      environment: { ...environment, CONTAINER_INSTANCE_ID: 'other', CONTAINER_ALERT_WEBHOOK_URL: url },
    })
    await until(
      'it is told',
      async () => alertsIn(received),
      ({ length }) => length > 0,
    )
    t.match(received[0]?.body, {
      alerts: [{ labels: { alertname: 'FlowkeepContainerFailed', instance_id: 'gone' } }],
    })
    await until(
      'it is taken over',
      async () => existsSync(left),
      (there) => !there,
    )
    other.signal('SIGTERM')
    await other.exited
    const ours = JSON.parse(readFileSync(join(state, 'slot-1', 'alerts.json'), 'utf8'))
    t.match(ours, { alerts: [{ labels: { instance_id: 'gone' }, told: { webhook: 'raised' } }] })
  },
)

t.test('R8.5 a start that is refused is alerted, also without a state directory', { skip }, async (t) => {
  const { url, received } = await startReceiver(t)
  const flow = await startSupervised(t, {
    command: ['true'],
    environment: { CONTAINER_STATE_DIRECTORY: '/proc/nowhere', CONTAINER_ALERT_WEBHOOK_URL: url },
  })
  t.match(await flow.exited, { code: 73, exit: { reason: 'resource_unavailable' } })
  t.match(received, [{ body: { alerts: [{ labels: { reason: 'resource_unavailable' } }] } }])
})

t.test('R8.5 what happens once is alerted, too, and receivers can be changed by a reload', async (t) => {
  const [first, second] = [await startReceiver(t), await startReceiver(t)]
  const settingsFor = (url: string | undefined) => {
    const loaded = loadConfiguration({
      environment: { CONTAINER_FLOW_NAME: 'orders', CONTAINER_ALERT_WEBHOOK_URL: url },
      readFile: () => Buffer.alloc(0),
      hostname: 'orders-1',
    })
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
    return loaded.settings
  }
  let settings = settingsFor(undefined)
  let fenced = 0
  const alerts = createAlerts({
    clock: fastClock,
    random: Math.random,
    logger: { debug() {}, info() {}, warn() {}, error: (fields) => t.fail(JSON.stringify(fields)) },
    redact: createRedactor([]),
    ...{ service: 'orders', instance: 'orders-1', counted: () => {} },
    settings: () => settings,
    view: () => ({ checks: {}, crashLooping: false, disks: [], queue: undefined }),
    records: () => ({
      ...{ database: 'a', state: 'ready', held: 0, ahead: 0 },
      queues: {
        q: {
          ...{ pending: 0, scheduled: 0, running: 0, failedKept: 0 },
          ...{ claimed: 0, completed: 0, failed: 0, fenced },
        },
      },
    }),
    hasBeenRunning: () => true,
  })
  alerts.start(undefined)
  alerts.flowStuck('left')
  settings = settingsFor(first.url)
  alerts.reconfigure()
  const slot = mkdtempSync(join(tmpdir(), 'alerts-'))
  t.teardown(() => rmSync(slot, { recursive: true }))
  alerts.start(slot)
  alerts.flowExited('flow_oom_killed')
  alerts.flowExited('flow_exited')
  alerts.securityChecked({ critical: 2, high: 1 })
  fenced = 1
  await until(
    'all of it is told',
    async () => alertsIn(first.received).filter((line) => line.endsWith('firing')),
    ({ length }) => length >= 4,
  )
  t.strictSame(
    alertsIn(first.received)
      .filter((line) => line.endsWith('firing'))
      .sort(),
    [
      'FlowkeepFlowOutOfMemory firing',
      'FlowkeepFlowStuck firing',
      'FlowkeepRecordsFenced firing',
      'FlowkeepSecurityFindings firing',
    ],
    'what happened before there was a receiver, too',
  )
  settings = settingsFor(second.url)
  alerts.reconfigure()
  await alerts.end({ reason: 'internal', message: 'a defect' }, undefined, 60_000)
  t.match(JSON.stringify(second.received), /FlowkeepContainerFailed.*internal: a defect/)
  t.notMatch(JSON.stringify(first.received), /FlowkeepContainerFailed/)
})

t.test('R8.5 a receiver that hangs takes no more of the stop than there is', { skip }, async (t) => {
  const silent = createServer(() => {})
  silent.listen(0, '127.0.0.1')
  await once(silent, 'listening')
  t.teardown(() => {
    silent.closeAllConnections()
    silent.close()
  })
  const flow = await startSupervised(t, {
    command: ['sleep', '1000'],
    environment: {
      CONTAINER_ALERT_WEBHOOK_URL: `http://127.0.0.1:${(silent.address() as AddressInfo).port}/`,
      CONTAINER_STOP_GRACE: '2s',
    },
  })
  await flow.record(({ to }) => to === 'running')
  const asked = once(silent, 'request')
  flow.signal('SIGTERM')
  t.match(await flow.exited, { exit: { reason: 'stopped' } })
  t.equal(await Promise.race([asked, 'nobody asked']), 'nobody asked', 'nothing was wrong')

  const failing = await startSupervised(t, {
    command: ['sh', '-c', 'exit 1'],
    environment: {
      CONTAINER_ALERT_WEBHOOK_URL: `http://127.0.0.1:${(silent.address() as AddressInfo).port}/`,
    },
  })
  await asked
  t.match(await failing.exited, { code: 1, exit: { reason: 'flow_exited' } })
})

t.test('R8.5 flowkeep alert test says how each receiver answers', async (t) => {
  const good = await startReceiver(t)
  const test = (environment: Record<string, string>, ...args: string[]) =>
    new Promise<{ code: number | null; output: string }>((resolve) => {
      const { stdout, status } = spawnSync(
        process.execPath,
        [...nodeFlags, program, 'alert', 'test', ...args],
        { encoding: 'utf8', env: { CONTAINER_FLOW_NAME: 'x', ...environment } },
      )
      resolve({ code: status, output: stdout })
    })
  t.match(await test({}), { code: 1, output: /No receiver is configured/ })
  const port = await unusedPort()
  const answer = await test(
    { CONTAINER_ALERT_WEBHOOK_URL: `http://127.0.0.1:${port}/k3yk3yk3yk3y` },
    '--json',
  )
  t.equal(answer.code, 1)
  t.strictSame(JSON.parse(answer.output), {
    ok: false,
    receivers: [{ sink: 'webhook', ok: false, message: 'ECONNREFUSED' }],
  })
  t.equal(good.received.length, 0)
})

t.test('R8.5 and reaches a real Alertmanager', { skip: noAlertmanager }, async (t) => {
  const { url } = await startReceiver(t)
  const port = await unusedPort()
  const firing = await startAlertmanager(t, port, url)
  const { stdout, status } = spawnSync(process.execPath, [...nodeFlags, program, 'alert', 'test'], {
    encoding: 'utf8',
    env: { CONTAINER_FLOW_NAME: 'x', CONTAINER_ALERT_ALERTMANAGER_URL: `http://127.0.0.1:${port}` },
  })
  t.equal(status, 0)
  t.match(stdout, /alertmanager +raised; it ends by itself/)
  t.match(await until('it knows', firing, ({ length }) => length > 0), [
    { labels: { alertname: 'FlowkeepTest', severity: 'info' } },
  ])
})
