import t from 'tap'
import { createAlertmanager } from '../../../supervisor/alerts/alertmanager.ts'
import { createPagerDuty } from '../../../supervisor/alerts/pagerduty.ts'
import { createWebhook } from '../../../supervisor/alerts/webhook.ts'
import { limits } from '../../../supervisor/core/limits.ts'
import { Secret } from '../../../supervisor/core/secret.ts'
import { alert, away, hire, ok } from './fixture.ts'

const webhook = createWebhook(new Secret('http://hook/x'), undefined)
const pagerDuty = createPagerDuty(new Secret('key12345'), 'https://events.example.com')
const alertmanager = createAlertmanager(new Secret('http://am:9093/'), undefined)
const told = (what: 'raised' | 'over') => new Map([['webhook' as const, { what, atMs: 0 }]])

t.test('R8.5 what is raised together goes together, the most severe first', async (t) => {
  const alerts = [alert({ key: 'b', severity: 'warning' }), alert({ key: 'a' })]
  const { courier, pass, sent, counted } = hire(webhook, alerts, [ok])
  courier.wake()
  await pass(900)
  alerts.push(alert({ key: 'c' }))
  await pass(200)
  t.equal(sent.length, 1)
  t.match(sent[0]?.body, { alerts: [{ fingerprint: 'a' }, { fingerprint: 'c' }, { fingerprint: 'b' }] })
  await pass(600_000, 10_000)
  t.equal(sent.length, 1, 'a webhook remembers: nothing is repeated')
  t.strictSame(counted, { sent: 3, failed: 0, refused: 0 })
})

t.test('R8.5 after failures with growing pauses, for as long as it takes', async (t) => {
  const alerts = [alert()]
  const { courier, pass, sent, counted, events } = hire(webhook, alerts, [
    ...Array.from({ length: 12 }, () => away),
    ok,
  ])
  courier.wake()
  await pass(1_800_000, 1_000)
  t.equal(sent.length, 13)
  const pauses = sent.slice(1).map(({ atMs }, index) => atMs - (sent[index]?.atMs ?? 0))
  t.strictSame(pauses.slice(0, 5), [1_000, 2_000, 4_000, 8_000, 16_000])
  t.equal(Math.max(...pauses), limits.alertRetryMaxMs)
  t.match(alerts[0]?.told.get('webhook'), { what: 'raised' })
  t.strictSame(counted, { sent: 1, failed: 12, refused: 0 })
  t.strictSame(events, ['alert.undelivered', 'alert.delivering'])
})

t.test('R8.5 what was raised and is over by the end of a partition is told, both', async (t) => {
  const { courier, pass, sent } = hire(webhook, [alert({ endsAtMs: 5 })], [ok])
  courier.wake()
  await pass(3_000)
  t.match(
    sent.map(({ body }) => body),
    [{ status: 'firing' }, { status: 'resolved' }],
  )
})

t.test(
  'R8.5 a receiver that waits before it tells is given the time; one that forgets is reminded',
  async (t) => {
    const alerts = [alert({ endsAtMs: 5 }), alert({ key: 'open' })]
    const { courier, pass, sent, clock, counted } = hire(alertmanager, alerts, [ok])
    courier.wake()
    await pass(59_000)
    t.equal(sent.length, 1)
    await pass(3_000)
    const iso = (ms: number) => new Date(ms).toISOString()
    t.match(
      sent[1]?.body,
      [{ endsAt: iso(5) }, { endsAt: iso(clock.wallMs() - 1_000 + 300_000) }].slice(0, 1),
    )
    await pass(60_000)
    t.ok(sent.length >= 3, 'the open one is repeated every minute')
    t.strictSame(counted, { sent: 3, failed: 0, refused: 0 }, 'a repetition is no news')
  },
)

t.test('R8.5 what a receiver refuses for good is not sent again; a wrong key can be mended', async (t) => {
  for (const [status, sends, result] of [
    [400, 1, 'refused'],
    [422, 1, 'refused'],
    [401, 3, 'failed'],
    [307, 3, 'failed'],
    [503, 3, 'failed'],
  ] as const) {
    const answer = { status, retryAfterMs: undefined, answer: 'no, s3cret' }
    const { courier, pass, sent, counted } = hire(webhook, [alert()], [answer])
    courier.wake()
    await pass(4_500)
    t.equal(sent.length, sends, `${status}`)
    t.equal(counted[result], sends, `${status}`)
  }
})

t.test('R8.5 Retry-After is kept, within reason', async (t) => {
  const answer = (retryAfterMs: number) => ({ status: 429, retryAfterMs, answer: '' })
  const { courier, pass, sent } = hire(webhook, [alert()], [answer(30_000), answer(86_400_000), ok])
  courier.wake()
  await pass(200_000, 1_000)
  t.strictSame(
    sent.map(({ atMs }) => atMs),
    [1_000, 31_000, 151_000],
  )
})

t.test('R8.5 a burst is let through, the rest at a steady rate', async (t) => {
  const alerts = Array.from({ length: 40 }, (_, n) => alert({ key: `k${n}` }))
  const { courier, pass, sent } = hire(pagerDuty, alerts, [ok])
  courier.wake()
  await pass(1_500)
  t.equal(sent.length, limits.alertBurst)
  await pass(20 * limits.alertRefillMs + 1_000)
  t.equal(sent.length, 40)
  t.equal(new Set(sent.map(({ body }) => (body as { dedup_key: string }).dedup_key)).size, 40)
})

t.test('R8.5 before the container goes down everything due is told, at once and again', async (t) => {
  const alerts = [alert(), alert({ key: 'over', endsAtMs: 5, told: told('raised') })]
  const { courier, clock, pass, sent } = hire(webhook, alerts, [away, away, ok])
  let done = false
  const last = courier.last(clock.monotonicMs() + 5_000).then(() => {
    done = true
  })
  await pass(2_000)
  t.ok(done)
  await last
  t.equal(sent.length, 3)
  t.ok((sent[2]?.atMs ?? Infinity) < 1_500)
  t.match(sent[2]?.body, { alerts: [{ status: 'firing' }, { status: 'resolved' }] })
})

t.test('R8.5 and no longer than there is time', async (t) => {
  const { courier, clock, pass, sent } = hire(webhook, [alert()], [away])
  let done = false
  void courier.last(clock.monotonicMs() + 2_000).then(() => {
    done = true
  })
  await pass(2_500)
  t.ok(done)
  t.ok(sent.length > 3)
  t.equal(clock.armed, 0)
})

t.test('R8.5 a courier that is replaced in its last moments does not go round and round', async (t) => {
  const { courier, clock, pass } = hire(webhook, [alert()], [away])
  const last = courier.last(clock.monotonicMs() + 5_000)
  await pass(100)
  courier.close()
  await last
  t.equal(clock.armed, 0)
})

t.test('R8.5 a message that a reload cuts short is no failure of its receiver', async (t) => {
  const { courier, clock, pass, events, counted, sent } = hire(webhook, [alert()], [away])
  courier.wake()
  clock.advance(limits.alertGroupMs)
  t.equal(sent.length, 1)
  courier.close()
  await pass(5_000)
  t.strictSame([events, counted], [[], { sent: 0, failed: 0, refused: 0 }])
})

t.test('R8.5 a courier that is closed sends nothing and leaves no timer', async (t) => {
  const { courier, clock, pass, sent } = hire(webhook, [alert()], [ok])
  courier.wake()
  courier.close()
  await pass(5_000)
  courier.wake()
  t.equal(sent.length, 0)
  t.equal(clock.armed, 0)
})
