import t from 'tap'
import { createAlertmanager } from '../../../supervisor/alerts/alertmanager.ts'
import type { Notice } from '../../../supervisor/alerts/notice.ts'
import { createPagerDuty } from '../../../supervisor/alerts/pagerduty.ts'
import { createWebhook } from '../../../supervisor/alerts/webhook.ts'
import { Secret } from '../../../supervisor/core/secret.ts'
import { accepted, problemWith } from '../config/load-with.ts'
import { labels } from './fixture.ts'

const startsAtMs = Date.parse('2030-01-01T00:00:00Z')
const firing: Notice = {
  ...{ key: 'FlowkeepDiskLow/path=/tmp', name: 'FlowkeepDiskLow', severity: 'warning' },
  labels: { ...labels, path: '/tmp' },
  ...{ summary: 'A disk is running full', description: '9% is free', startsAtMs },
  ...{ endsAtMs: undefined, holdsMs: 300_000 },
}
const resolved = { ...firing, endsAtMs: startsAtMs + 1_000 }
const bodyOf = (message: { body: string } | undefined) => JSON.parse(message?.body ?? 'null')

t.test('R8.5 Alertmanager: an array, known by its labels, forgotten unless it is repeated', async (t) => {
  const sink = createAlertmanager(new Secret('https://am:9093/base/'), new Secret('user:pässword'))
  const [message, ...more] = sink.messages([firing, resolved], startsAtMs + 60_000)
  t.equal(more.length, 0)
  t.equal(message?.url.href, 'https://am:9093/base/api/v2/alerts')
  t.strictSame(message?.headers, { authorization: 'Basic dXNlcjpww6Rzc3dvcmQ=' })
  const expected = {
    labels: { alertname: 'FlowkeepDiskLow', severity: 'warning', ...labels, path: '/tmp' },
    annotations: {
      ...{ summary: 'A disk is running full', description: '9% is free' },
      runbook: 'runbooks/alerts/FlowkeepDiskLow.md',
    },
    startsAt: '2030-01-01T00:00:00.000Z',
  }
  t.strictSame(bodyOf(message), [
    { ...expected, endsAt: '2030-01-01T00:06:00.000Z' },
    { ...expected, endsAt: '2030-01-01T00:00:01.000Z' },
  ])
})

t.test('R8.5 webhook: the form of Alertmanager’s own, and a text for people', async (t) => {
  const sink = createWebhook(new Secret('https://hook/services/T0/key?x=1'), undefined)
  const [message] = sink.messages([firing, { ...resolved, name: 'Other' }], 0)
  t.equal(message?.url.href, 'https://hook/services/T0/key?x=1')
  t.match(bodyOf(message), {
    ...{ version: '4', status: 'firing', receiver: 'flowkeep', truncatedAlerts: 0 },
    commonLabels: { ...labels, path: '/tmp', severity: 'warning' },
    alerts: [
      { status: 'firing', endsAt: '0001-01-01T00:00:00Z', labels: { alertname: 'FlowkeepDiskLow' } },
      { status: 'resolved', endsAt: '2030-01-01T00:00:01.000Z' },
    ],
    text: '[FIRING] FlowkeepDiskLow orders on orders-1 (test): 9% is free\n[RESOLVED] Other orders on orders-1 (test): 9% is free',
  })
  t.notOk('alertname' in bodyOf(message).commonLabels)
  t.equal(bodyOf(sink.messages([resolved], 0)[0]).status, 'resolved')
})

t.test('R8.5 PagerDuty: one event for each, one incident for each alert', async (t) => {
  const sink = createPagerDuty(new Secret('R0UT1NGK3Y'), 'https://events.pagerduty.com/')
  const messages = sink.messages([firing, resolved], 0)
  t.strictSame(
    messages.map(({ url }) => url.href),
    ['https://events.pagerduty.com/v2/enqueue', 'https://events.pagerduty.com/v2/enqueue'],
  )
  const [trigger, resolve] = messages.map(bodyOf)
  const dedup_key = 'flowkeep/test/orders/orders-1/FlowkeepDiskLow/path=/tmp'
  t.match(trigger, {
    ...{ routing_key: 'R0UT1NGK3Y', event_action: 'trigger', dedup_key },
    payload: {
      summary: 'A disk is running full: orders on orders-1: 9% is free',
      ...{ source: 'orders-1', severity: 'warning', component: 'orders', class: 'FlowkeepDiskLow' },
    },
  })
  t.strictSame(resolve, { routing_key: 'R0UT1NGK3Y', event_action: 'resolve', dedup_key })
  const [long] = sink.messages([{ ...firing, key: 'x'.repeat(900) }], 0).map(bodyOf)
  t.match(long.dedup_key, /^flowkeep\/[0-9a-f]{64}$/)
})

t.test('§5 alert settings: secrets masked, credentials apart, what is wrong is said', async (t) => {
  const { settings, entries, secrets } = accepted({
    CONTAINER_ALERT_ALERTMANAGER_URL: 'http://user:hunter2hunter2@am:9093/alertmanager',
    CONTAINER_ALERT_WEBHOOK_URL:
      'https://hooks.example.com/services/T0000000000/s3cr3tk3y?token=t0ken12345678',
    CONTAINER_ALERT_PAGERDUTY_KEY: '0123456789abcdef0123456789abcdef',
    CONTAINER_ALERT_PAGERDUTY_URL: 'https://events.eu.pagerduty.com',
  })
  t.equal(settings.alerts.alertmanagerUrl?.reveal(), 'http://am:9093/alertmanager')
  t.equal(settings.alerts.alertmanagerAuth?.reveal(), 'user:hunter2hunter2')
  t.match(
    Object.fromEntries(
      entries.filter(({ path }) => path.startsWith('alert.')).map(({ path, value }) => [path, value]),
    ),
    {
      'alert.alertmanager_url': 'http://[redacted]@am:9093/alertmanager',
      'alert.webhook_url': 'https://hooks.example.com/[redacted]',
      'alert.pagerduty_key': '[redacted]',
      'alert.pagerduty_url': 'https://events.eu.pagerduty.com',
    },
  )
  t.match(String(settings.alerts.webhookUrl), /^https:\/\/hooks\.example\.com\/\[redacted\]$/)
  for (const secret of ['T0000000000', 't0ken12345678', 'hunter2hunter2', '0123456789abcdef0123456789abcdef'])
    t.ok(secrets.includes(secret), secret)
  t.notOk(secrets.includes('/alertmanager'), 'words are not masked wherever they stand')
  for (const [name, value] of [
    ['CONTAINER_ALERT_ALERTMANAGER_URL', 'alertmanager:9093'],
    ['CONTAINER_ALERT_ALERTMANAGER_URL', 'http://am:9093?x=1'],
    ['CONTAINER_ALERT_WEBHOOK_URL', 'ftp://hook/x'],
    ['CONTAINER_ALERT_PAGERDUTY_KEY', 'short'],
    ['CONTAINER_ALERT_PAGERDUTY_URL', 'https://user:key@events.pagerduty.com'],
  ] as const)
    t.match(problemWith({ [name]: value }), { variable: name })
})
