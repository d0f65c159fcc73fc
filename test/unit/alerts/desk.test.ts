import t from 'tap'
import { kept, readKept } from '../../../supervisor/alerts/alert.ts'
import type { Condition } from '../../../supervisor/alerts/catalogue.ts'
import { limits } from '../../../supervisor/core/limits.ts'
import { alert, labels, openDesk } from './fixture.ts'

const full: Condition = { name: 'FlowkeepQueueFull', description: 'it is full' }
const down = (name: string): Condition => ({
  name: 'FlowkeepDependencyDown',
  subject: ['dependency', `database:${name}`],
  description: `database:${name}: refused\nby s3cret`,
})

t.test('R8.5 a condition is one alert, however often it is seen', async (t) => {
  const { desk, alerts, changes, clock, events } = openDesk()
  for (let look = 0; look < 5; look++) {
    desk.observe([full], true)
    clock.advance(5_000)
  }
  t.match(alerts(), [{ key: 'FlowkeepQueueFull', severity: 'critical', labels, endsAtMs: undefined }])
  t.equal(alerts().length, 1)
  t.equal(changes(), 1)
  t.strictSame(events, ['alert.raised'])
})

t.test('R8.5 a dependency is alerted after two minutes, one alert for each, secrets masked', async (t) => {
  const { desk, alerts, clock } = openDesk()
  for (let second = 0; second < 120; second += 5) {
    desk.observe([down('a'), ...(second >= 60 ? [down('b')] : [])], true)
    t.equal(alerts().length, 0, `${second} s`)
    clock.advance(5_000)
  }
  desk.observe([down('a'), down('b')], true)
  t.match(alerts(), [
    {
      labels: { ...labels, dependency: 'database:a' },
      description: 'database:a: refused by [redacted]',
    },
  ])
  desk.observe([], true)
  for (let second = 0; second < 119; second += 5) {
    desk.observe([down('b')], true)
    clock.advance(5_000)
  }
  t.equal(alerts().filter(({ key }) => key.endsWith('b')).length, 0, 'the time begins anew after a gap')
})

t.test('R8.5 what comes and goes is one alert; what is gone for a minute is over', async (t) => {
  const { desk, alerts, clock, events } = openDesk()
  for (let turn = 0; turn < 9; turn++) {
    desk.observe(turn % 2 === 0 ? [full] : [], true)
    clock.advance(30_000)
  }
  t.strictSame(events, ['alert.raised'])
  desk.observe([], true)
  clock.advance(59_000)
  desk.observe([], true)
  t.equal(alerts()[0]?.endsAtMs, undefined)
  clock.advance(1_000)
  desk.observe([], true)
  t.equal(alerts()[0]?.endsAtMs, clock.wallMs())
  t.strictSame(events, ['alert.raised', 'alert.resolved'])
})

t.test('R8.5 nothing that was carried over is over before the flow runs', async (t) => {
  const { desk, alerts, clock } = openDesk()
  const ours = alert({ labels: { ...labels, instance_id: 'the one before' } })
  desk.carry(readKept(kept([ours])))
  for (let minute = 0; minute < 5; minute++) {
    desk.observe([], false)
    clock.advance(60_000)
  }
  t.match(alerts(), [{ endsAtMs: undefined, labels: { instance_id: 'the one before' } }])
  desk.observe([], true)
  clock.advance(60_000)
  desk.observe([], true)
  t.type(alerts()[0]?.endsAtMs, 'number')
})

t.test('R8.5 that another container had the same trouble is told apart, and ended here', async (t) => {
  const { desk, alerts, clock } = openDesk()
  desk.carry([alert({ labels: { ...labels, instance_id: 'gone' } })])
  desk.observe([full], true)
  t.strictSame(
    alerts().map(({ key, labels: { instance_id } }) => [key, instance_id]),
    [
      ['FlowkeepQueueFull', 'gone'],
      ['FlowkeepQueueFull', 'orders-1'],
    ],
  )
  for (let look = 0; look < 13; look++) {
    clock.advance(5_000)
    desk.observe([full], true)
  }
  t.strictSame(
    alerts().map(({ endsAtMs }) => endsAtMs === undefined),
    [false, true],
  )
})

t.test('R8.5 an alert that returns before its end was told goes on where it was told', async (t) => {
  const { desk, alerts, clock } = openDesk(['alertmanager', 'webhook'])
  desk.observe([full], true)
  alerts()[0]?.told.set('webhook', { what: 'raised', atMs: 0 })
  desk.observe([], true)
  clock.advance(60_000)
  desk.observe([], true)
  desk.observe([full], true)
  t.equal(alerts().length, 1)
  t.equal(alerts()[0]?.endsAtMs, undefined)
  t.strictSame([...(alerts()[0]?.told.keys() ?? [])], ['webhook'])
})

t.test(
  'R8.5 what everybody knows to be over is forgotten, and there are never more than so many',
  async (t) => {
    const { desk, alerts, events } = openDesk(['alertmanager', 'webhook'])
    const over = { what: 'over', atMs: 0 } as const
    desk.carry([
      alert({
        key: 'both',
        endsAtMs: 2,
        told: new Map([['alertmanager', over] as const, ['webhook', over]]),
      }),
      alert({ key: 'one', endsAtMs: 2, told: new Map([['alertmanager', over]]) }),
      alert({ key: 'open', told: new Map([['alertmanager', over] as const, ['webhook', over]]) }),
    ])
    desk.forgetTold()
    t.strictSame(
      alerts().map(({ key }) => key),
      ['one', 'open'],
    )
    const many = Array.from(
      { length: 500 },
      (_, n): Condition => ({
        ...{ name: 'FlowkeepDeadLetters', subject: ['target', `t${n}`], description: 'one' },
      }),
    )
    desk.observe(many, true)
    t.equal(alerts().length, limits.alerts)
    t.equal(events.filter((event) => event === 'alert.dropped').length, 1)
    t.notOk(
      alerts().some(({ key }) => key === 'one'),
      'one that is over makes room first',
    )
  },
)

t.test('R8.5 the last word of a container is believed for longer', async (t) => {
  const { desk, alerts, changes } = openDesk()
  desk.raiseLast({ name: 'FlowkeepContainerFailed', subject: ['reason', 'internal'], description: 'x' })
  t.match(alerts(), [{ holdsMs: limits.alertLastHoldsMs, labels: { reason: 'internal' } }])
  t.equal(changes(), 1)
})

t.test('R8.5 a file that somebody has changed brings in nothing that is not an alert', async (t) => {
  const sound = JSON.parse(kept([alert()])).alerts[0]
  for (const broken of [
    ...[null, 1, 'x', [], {}, { ...sound, labels: { a: 1 } }, { ...sound, labels: null }],
    ...[
      { ...sound, startsAtMs: 'now' },
      { ...sound, startsAtMs: 9e15 },
      { ...sound, severity: 'loud' },
    ],
    ...[
      { ...sound, key: 'x'.repeat(2_000) },
      { ...sound, told: undefined },
      { ...sound, summary: undefined },
    ],
  ])
    t.strictSame(
      readKept(JSON.stringify({ version: 1, alerts: [broken] })),
      [],
      JSON.stringify(broken)?.slice(0, 80),
    )
  for (const text of ['', '[]', '{}', '{"version":2,"alerts":[]}', '{"version":1,"alerts":{}}', 'null'])
    t.throws(() => readKept(text), text)
  t.equal(readKept(JSON.stringify({ version: 1, alerts: Array(1_000).fill(sound) })).length, limits.alerts)
  t.match(
    readKept(JSON.stringify({ version: 1, alerts: [{ ...sound, told: { webhook: 'over', x: 'over' } }] })),
    [{ told: new Map([['webhook', { what: 'over', atMs: Number.NEGATIVE_INFINITY }]]) }],
  )
})

t.test(
  'R8.5 those that are open can be listed: the most severe first, whose they are, bounded',
  async (t) => {
    const { desk, alerts, clock } = openDesk(['webhook', 'pagerduty'])
    const held: Condition = {
      name: 'FlowkeepDeadLetters',
      subject: ['target', 'rpa_db'],
      description: '2 dead',
    }
    desk.observe([held], true)
    clock.advance(1_000)
    desk.observe([held, full], true)
    desk.carry([
      alert({ labels: { ...labels, instance_id: 'orders-2' }, startsAtMs: 0 }),
      alert({ key: 'over', labels: { ...labels, instance_id: 'orders-3' }, endsAtMs: 5 }),
    ])
    alerts()[1]?.told.set('webhook', { what: 'raised', atMs: 0 })
    const none = { target: null, instance: null }
    t.match(desk.open(), [
      { ...none, name: 'FlowkeepQueueFull', since: '1970-01-01T00:00:00.000Z', instance: 'orders-2' },
      { ...none, name: 'FlowkeepQueueFull', severity: 'critical', description: 'it is full' },
      { name: 'FlowkeepDeadLetters', severity: 'warning', target: 'rpa_db', description: '2 dead' },
    ])
    t.strictSame(
      desk.open().map(({ untold }) => untold),
      [['webhook', 'pagerduty'], ['pagerduty'], ['webhook', 'pagerduty']],
    )
    const many = Array.from({ length: limits.alertsShown + 1 }, (_, index) => down(`db${index}`))
    desk.observe(many, true)
    clock.advance(120_000)
    desk.observe(many, true)
    t.equal(desk.open().length, limits.alertsShown)
  },
)
