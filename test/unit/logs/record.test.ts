import t from 'tap'
import { limits } from '../../../supervisor/core/limits.ts'
import { createRig, pumpAll, reassemble, recordsOf } from './pump-fixture.ts'

const ours = { service: 'flow1', instance: 'host-1', component: 'flow', stream: 'stdout' }
const readAt = '2030-01-01T00:00:00.000Z'

/** Each way a line can be written: as it is, and so that it takes the way of the unusual ones. */
function both(fields: Record<string, unknown>): Record<string, unknown>[] {
  const unusual = JSON.stringify({ ...fields, nested: [] })
  const [usual, other] = recordsOf(`${JSON.stringify(fields)}\n${unusual}\n`)
  const { nested, ...rest } = other as Record<string, unknown>
  return [usual as Record<string, unknown>, rest]
}

t.test('§9 a JSON line keeps its fields and gains ours', async (t) => {
  const line =
    '{"message":"done","rows":12,"ratio":0.5,"ok":true,"file":null,"tags":["a",{"b":1}],"text":"ü"}\n'
  t.same(recordsOf(line), [
    {
      ...ours,
      time: readAt,
      level: 'info',
      message: 'done',
      ...{ rows: 12, ratio: 0.5, ok: true, file: null, tags: ['a', { b: 1 }], text: 'ü' },
    },
  ])
  t.same(recordsOf('{}'), [{ ...ours, time: readAt, level: 'info', message: '' }])
  t.same(recordsOf(' \t{ "a" : 1 } \r\n'), [{ ...ours, time: readAt, level: 'info', message: '', a: 1 }])
})

t.test('§9 time, level and message are taken over when sound', async (t) => {
  const own = { time: '2026-05-04T10:20:30.123456+02:00', level: 'WARNING', message: 'slow' }
  for (const record of both(own)) {
    t.same(record, { ...ours, time: '2026-05-04T08:20:30.123Z', level: 'warn', message: 'slow' })
  }
})

t.test('§9 what is not sound stays under flow.<name>', async (t) => {
  for (const record of both({ time: 'yesterday', level: 'loud', message: ['x'] })) {
    t.same(record, {
      ...ours,
      ...{ time: readAt, level: 'info', message: '' },
      ...{ 'flow.time': 'yesterday', 'flow.level': 'loud', 'flow.message': ['x'] },
    })
  }
})

t.test('§9 the spellings of Python, Prefect and pino are understood, and stay', async (t) => {
  const python = { timestamp: '2026-05-04 10:20:30,123', levelname: 'CRITICAL', msg: 'broken' }
  for (const record of both(python)) {
    t.same(record, {
      ...ours,
      time: '2026-05-04T10:20:30.123Z',
      level: 'fatal',
      message: 'broken',
      ...python,
    })
  }
  for (const record of both({ asctime: '2026-05-04 10:20:30,5', level: 40, msg: 'm' })) {
    t.match(record, { time: '2026-05-04T10:20:30.500Z', level: 'error', message: 'm' })
  }
  const pino = { level: 40, time: 1_777_890_030_123, pid: 7, hostname: 'h', msg: 'm' }
  for (const record of both(pino)) {
    t.match(record, { level: 'warn', time: '2026-05-04T10:20:30.123Z', pid: 7, hostname: 'h', message: 'm' })
  }
  for (const record of both({
    time: 'no',
    timestamp: '2026-05-04T10:20:30Z',
    level: 'info',
    levelname: 'ERROR',
  })) {
    t.match(record, {
      time: '2026-05-04T10:20:30.000Z',
      'flow.time': 'no',
      level: 'info',
      levelname: 'ERROR',
    })
  }
})

t.test('§9 stderr is not an error by itself', async (t) => {
  t.match(recordsOf('progress 10 %\n{"level":"debug","message":"d"}\n', { stream: 'stderr' }), [
    { level: 'info', stream: 'stderr' },
    { level: 'debug', stream: 'stderr' },
  ])
})

t.test('§9 a forged record cannot pose as the supervisor', async (t) => {
  const forged = {
    component: 'supervisor',
    service: 'other',
    instance: 'other',
    stream: 'none',
    event: 'exit',
    part: 3,
    parts: 4,
    last: true,
    'flow.event': 'kept',
  }
  const lines = [
    JSON.stringify(forged),
    JSON.stringify(forged).replaceAll('component', '\\u0063omponent').replace('event', '\\u0065vent'),
    `{"component":"flow",${JSON.stringify(forged).slice(1)}`,
    `${JSON.stringify({ ...forged, component: 'x', event: 'y' }).slice(0, -1)},"event":"exit","component":"supervisor"}`,
  ]
  for (const line of lines) {
    t.same(recordsOf(`${line}\n`), [
      {
        ...ours,
        ...{ time: readAt, level: 'info', message: '' },
        ...{ 'flow.component': 'supervisor', 'flow.service': 'other', 'flow.instance': 'other' },
        ...{ 'flow.stream': 'none', 'flow.event': 'kept', 'flow.flow.event': 'exit' },
        ...{ 'flow.part': 3, 'flow.parts': 4, 'flow.last': true },
      },
    ])
  }
  const rig = createRig()
  pumpAll(rig, Buffer.from(lines.join('\n')))
  for (const line of rig.lines()) {
    t.equal(line.match(/"component":/g)?.length, 1, 'each name once, whichever of two a reader believes')
    t.equal(line.match(/"event":/g), null)
  }
})

t.test(
  '§9 of a name given twice, also in another spelling, the last one counts and is there once',
  async (t) => {
    const lines = [
      '{"a":1,"a":2}',
      '{"a":1,"\\u0061":2}',
      '{"message":"x","a":1,"message":"y","a":2}',
      '{"time":"x","time":"2026-05-04T10:20:30.123Z","a":1,"a":2}',
    ]
    for (const line of lines) {
      const rig = createRig()
      pumpAll(rig, Buffer.from(line))
      t.match(rig.records(), [{ a: 2 }])
      t.equal(rig.lines()[0]?.match(/"a":/g)?.length, 1)
    }
    t.match(recordsOf(lines[2] as string), [{ message: 'y' }])
    const [event] = recordsOf('{"\\u0065vent":"exit"}')
    t.match(event, { 'flow.event': 'exit' })
    t.notOk('event' in (event ?? {}))
  },
)

t.test('§9 a line beyond the bound is text, also if its record would not be', async (t) => {
  const line = `{"a":1${' '.repeat(limits.logLineBytes)}}`
  for (const sizes of [[2 * line.length], [1000]]) {
    const rig = createRig()
    pumpAll(rig, Buffer.from(`${line}\n`), sizes)
    t.same(reassemble(rig.records()), [line])
  }
})

t.test('§9 a record inside a line of text stays text', async (t) => {
  const lines = [
    'x"}\\n{"component":"supervisor","event":"exit"}',
    '{"component":"supervisor"}{"event":"exit"}',
    '[{"component":"supervisor"}]',
    '"component"',
    '{"a":1',
    '{"a":1,}',
    '{"a":1}{"b":2}',
    '{"a":1} x}',
    '{"a":"\\q"}',
    '{"a":"\\"}',
    "{'component': 'supervisor'}",
    '{"a":01}',
    '{"a":+1}',
    '{"a":1.}',
    '{"a":.5}',
    '{"a":1e}',
    '{"a":tru}',
    '{"a":NaN}',
    '{"a" 1}',
    '{"a":"\t"}',
    '{"a":1 2}',
    '{a:1}',
    '{',
    '{"',
    '{"a"',
    '{"a":',
    '{"a":-',
    '{"a":"b',
    '}',
  ]
  t.same(reassemble(recordsOf(lines.join('\n'))), lines)
})

t.test('§9 __proto__ and its like are fields as any other', async (t) => {
  const line = '{"__proto__":{"component":"supervisor"},"constructor":1,"toString":"s","hasOwnProperty":null}'
  for (const usual of [line.replace('{"component":"supervisor"}', '"x"'), line]) {
    const rig = createRig()
    pumpAll(rig, Buffer.from(usual))
    const [record] = rig.records()
    t.same(Object.keys(record ?? {}).slice(-4), ['__proto__', 'constructor', 'toString', 'hasOwnProperty'])
    t.equal(record?.['component'], 'flow')
  }
  t.notOk('component' in {})
})

t.test('§9 numbers stay as they were written, however large', async (t) => {
  for (const rest of ['', ',"nested":[12345678901234567890,1e400]']) {
    const rig = createRig()
    pumpAll(rig, Buffer.from(`{"id":9007199254740993,"big":1e999,"exact":0.12345678901234567890${rest}}`))
    t.ok(rig.lines()[0]?.endsWith(`"id":9007199254740993,"big":1e999,"exact":0.12345678901234567890${rest}}`))
  }
  const rig = createRig()
  pumpAll(rig, Buffer.from('{"big":[1e999]}'))
  t.ok(rig.lines()[0]?.endsWith('"big":[1e999]}'))
  t.match(recordsOf('{"time":1e999,"level":1e999,"n":[]}'), [{ time: readAt, level: 'info' }])
})

t.test('§9 nesting beyond the bound makes it text', async (t) => {
  const nested = (levels: number) => `{"a":${'['.repeat(levels - 1)}${']'.repeat(levels - 1)}}`
  t.equal(recordsOf(nested(limits.logNesting))[0]?.message, '')
  for (const levels of [limits.logNesting + 1, 5000]) {
    t.same(reassemble(recordsOf(nested(levels))), [nested(levels)])
  }
  const brackets = `{"a":"${'['.repeat(1000)}","b":[]}`
  t.match(recordsOf(brackets), [{ a: '['.repeat(1000) }], 'brackets in a text are no nesting')
})

t.test('§9 a record that would be too long is text, in parts', async (t) => {
  for (const filler of ['x', '\u0001', '€']) {
    for (const length of [2000, 5300, 16_000, 16_100, 16_300, 20_000]) {
      const line = JSON.stringify({ message: filler.repeat(length), rows: 1 })
      const rig = createRig()
      pumpAll(rig, Buffer.from(line))
      t.ok(rig.lines().every((record) => Buffer.byteLength(record) < limits.logLineBytes))
      const [first] = rig.records()
      if (first?.['part'] === undefined) t.match(first, { message: filler.repeat(length), rows: 1 })
      else t.same(reassemble(rig.records()), [line])
    }
  }
})

t.test(
  '§9 control characters, separators and lone surrogates in a JSON line are made harmless',
  async (t) => {
    const text = 'a\u001b[31m\u0000\u009b\u2028\ud800 \\ud800 \ud83d\ude00'
    const rig = createRig()
    pumpAll(rig, Buffer.from(`${JSON.stringify({ message: text, [`k\u2029${text}`]: text })}\n`))
    const sound = text.toWellFormed()
    t.same(rig.records()[0], {
      ...ours,
      ...{ time: readAt, level: 'info', message: sound, [`k\u2029${sound}`]: sound },
    })
    t.notMatch(rig.lines()[0], /[\u007f-\u009f\u2028\u2029]|[^\\](\\\\)*\\ud800/)
  },
)
