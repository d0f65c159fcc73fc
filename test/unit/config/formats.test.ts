import fc from 'fast-check'
import t from 'tap'
import { basicCredentials, bearerToken } from '../../../supervisor/config/credentials.ts'
import type { AnyFormat } from '../../../supervisor/config/format.ts'
import { formatNamed } from '../../../supervisor/config/format.ts'
import * as formats from '../../../supervisor/config/formats.ts'
import { databaseSchema, leavesOf, schema, serviceSchema } from '../../../supervisor/config/schema.ts'
import { stopSignal } from '../../../supervisor/config/stop-signal.ts'
import { anyCharacter } from '../../harness/any-character.ts'

const port = formats.integer(1, 65_535)
const wait = formats.duration('1s', '1h')
const room = formats.size('1KiB', '1TiB')
const level = formats.choice(['debug', 'info', 'warn'], true)
const policy = formats.choice(['never', 'on-failure'])

/** What a text becomes, or `refused`. */
function read(format: AnyFormat, text: string): string | number | boolean {
  const parsed = format.parse(text)
  return parsed.ok ? parsed.value : 'refused'
}

function refusedAll(...texts: string[]): Record<string, 'refused'> {
  return Object.fromEntries(texts.map((text) => [text, 'refused' as const]))
}

const table: [string, AnyFormat, Record<string, string | number | boolean>][] = [
  [
    'lists: every item as it has to be, each once',
    formats.ports,
    { '80': '80', '80, 443,80': '80,443', '80,': 'refused', '80,0': 'refused', '80 443': 'refused' },
  ],
  [
    'security checks: the 38 there are',
    formats.securityChecks,
    { 'S01,S38': 'S01,S38', S00: 'refused', S39: 'refused', s01: 'refused', S1: 'refused', S011: 'refused' },
  ],
  [
    'lists of paths: absolute ones',
    formats.absolutePaths,
    { '/usr/bin/su,/bin/ping': '/usr/bin/su,/bin/ping', 'bin/su': 'refused', '/bin/su,': 'refused' },
  ],
  [
    'clean-up paths: directories of their own, never the system',
    formats.cleanupPaths,
    {
      '/tmp': '/tmp',
      '/data/tmp,/var/log/flow': '/data/tmp,/var/log/flow',
      ...refusedAll('/', '/etc', '/etc/x', '/usr/lib/y', '/proc/1', '/root/x', '/var', '/home', '/lib64/x'),
      ...refusedAll('tmp', '/tmp/', '/tmp/..', '/tmp/../etc', '/data//x', '/data/./x', '/tmp,', '/t\0'),
    },
  ],
  [
    'cron schedules: five or six fields of numbers within bounds',
    formats.cronSchedule,
    {
      '*/10 * * * *': '*/10 * * * *',
      '0 0-6/2,12 1 * 7': '0 0-6/2,12 1 * 7',
      '*/30  * * * * *': '*/30 * * * * *',
      ...refusedAll('* * * *', '* * * * * * *', '60 * * * *', '* 24 * * *', '* * 0 * *', '* * * 13 *'),
      ...refusedAll('* * * * 8', '*/0 * * * *', '5/2 * * * *', '5-1 * * * *', '@daily', '* * * jan *'),
    },
  ],
  [
    'whole numbers: the whole text, within bounds',
    port,
    {
      '1': 1,
      '65535': 65_535,
      '0': 'refused',
      '65536': 'refused',
      '8080x': 'refused',
      ' 80': 'refused',
      '80 ': 'refused',
      '80\n': 'refused',
      '080': 'refused',
      '+80': 'refused',
      '-80': 'refused',
      '8e3': 'refused',
      '80.0': 'refused',
      '0x50': 'refused',
      '8_0': 'refused',
      '': 'refused',
      '٨٠': 'refused',
      '99999999999999999999': 'refused',
    },
  ],
  [
    'durations: one number, one unit, within bounds',
    wait,
    {
      '1s': 1000,
      '1000ms': 1000,
      '30s': 30_000,
      '5m': 300_000,
      '1h': 3_600_000,
      '999ms': 'refused',
      '61m': 'refused',
      '30': 'refused',
      '1.5s': 'refused',
      '1m30s': 'refused',
      '30 s': 'refused',
      '30S': 'refused',
      '-1s': 'refused',
      '1M': 'refused',
      s: 'refused',
    },
  ],
  [
    'sizes: one number, one binary unit, within bounds',
    room,
    {
      '1KiB': 1024,
      '1024B': 1024,
      '64MiB': 67_108_864,
      '1GiB': 1_073_741_824,
      '1TiB': 1_099_511_627_776,
      '1023B': 'refused',
      '1025GiB': 'refused',
      '9999999TiB': 'refused',
      '64': 'refused',
      '64MB': 'refused',
      '64M': 'refused',
      '64mib': 'refused',
      '64 MiB': 'refused',
      '1.5GiB': 'refused',
      '-1MiB': 'refused',
      '0x1MiB': 'refused',
      MiB: 'refused',
      '': 'refused',
    },
  ],
  [
    'booleans: eight words and nothing else',
    formats.boolean,
    {
      true: true,
      TRUE: true,
      '1': true,
      yes: true,
      on: true,
      false: false,
      False: false,
      '0': false,
      no: false,
      off: false,
      '': 'refused',
      y: 'refused',
      '2': 'refused',
      '00': 'refused',
      enabled: 'refused',
      ' true': 'refused',
      truefalse: 'refused',
    },
  ],
  ['choices in any case', level, { INFO: 'info', Warn: 'warn', trace: 'refused', 'info ': 'refused' }],
  ['choices in their own case', policy, { never: 'never', Never: 'refused', on_failure: 'refused' }],
  [
    'names of flows',
    formats.flowName,
    {
      orders: 'orders',
      'a-1_b': 'a-1_b',
      [`a${'b'.repeat(62)}`]: `a${'b'.repeat(62)}`,
      [`a${'b'.repeat(63)}`]: 'refused',
      Orders: 'refused',
      '1a': 'refused',
      'a b': 'refused',
      'a\n': 'refused',
      ä: 'refused',
    },
  ],
  [
    'addresses to listen on',
    formats.listenHost,
    {
      '0.0.0.0': '0.0.0.0',
      '::': '::',
      '::1': '::1',
      localhost: 'localhost',
      'a-b.example': 'a-b.example',
      '[::1]': 'refused',
      '256.0.0.1': 'refused',
      '1.2.3': 'refused',
      '*': 'refused',
      'http://localhost': 'refused',
      'localhost:80': 'refused',
      '-a': 'refused',
      'a..b': 'refused',
    },
  ],
  [
    'paths below a service',
    formats.healthPath,
    {
      '/': '/',
      '/ready?deep=1': '/ready?deep=1',
      ready: 'refused',
      '//other.example/': 'refused',
      '/\\other.example': 'refused',
      '/a b': 'refused',
      '/a#b': 'refused',
      '/a\r\nHost: b': 'refused',
      '': 'refused',
    },
  ],
  [
    'users',
    formats.flowUser,
    {
      '1000': '1000',
      '1000:2000': '1000:2000',
      '4294967294': '4294967294',
      '4294967295': 'refused',
      '1000:': 'refused',
      ':1000': 'refused',
      '1:2:3': 'refused',
      nobody: 'refused',
      '-1': 'refused',
      '01': 'refused',
    },
  ],
  [
    'socket paths fit into sun_path',
    formats.absolutePath('a Unix socket', 107),
    {
      '/run/a.sock': '/run/a.sock',
      [`/${'a'.repeat(106)}`]: `/${'a'.repeat(106)}`,
      [`/${'a'.repeat(107)}`]: 'refused',
      [`/${'ä'.repeat(54)}`]: 'refused',
      'a.sock': 'refused',
      '/run/\u0000': 'refused',
    },
  ],
  [
    'stop signals',
    stopSignal,
    {
      SIGTERM: 'SIGTERM',
      TERM: 'SIGTERM',
      term: 'SIGTERM',
      sigInt: 'SIGINT',
      SIGRTMIN: 'SIGRTMIN',
      'rtmin+3': 'SIGRTMIN+3',
      'SIGRTMIN+30': 'SIGRTMIN+30',
      'SIGRTMIN+31': 'refused',
      SIGRTMAX: 'SIGRTMIN+30',
      'SIGRTMAX-1': 'SIGRTMIN+29',
      'SIGRTMAX-31': 'refused',
      'SIGRTMIN-1': 'refused',
      SIGKILL: 'refused',
      kill: 'refused',
      STOP: 'refused',
      SIG: 'refused',
      '15': 'refused',
      '9': 'refused',
      constructor: 'refused',
      __proto__: 'refused',
      'SIGTERM ': 'refused',
    },
  ],
  [
    'tokens can stand in a header',
    bearerToken,
    { abc: 'abc', 'a b': 'refused', 'a\r\nX: y': 'refused', ä: 'refused', ['a'.repeat(8193)]: 'refused' },
  ],
  [
    'credentials have a user',
    basicCredentials,
    { 'a:b': 'a:b', 'a:': 'a:', 'a:b:c': 'a:b:c', ':b': 'refused', ab: 'refused', 'a:b\n': 'refused' },
  ],
  [
    'SQL',
    formats.sqlQuery,
    { 'select 1': 'select 1', ' ': 'refused', 'a\nb': 'refused', ['x'.repeat(1001)]: 'refused' },
  ],
]

for (const [name, format, cases] of table) {
  t.test(`R1.1 ${name}`, async (t) => {
    for (const [text, expected] of Object.entries(cases))
      t.equal(read(format, text), expected, JSON.stringify(text))
  })
}

t.test('R1.4 a refusal tells what was probably meant', async (t) => {
  t.match(wait.parse('30'), { hint: 'Write 30s for seconds.' })
  t.match(room.parse('64'), { hint: 'Write 64B for bytes.' })
  for (const text of ['64MB', '64m', '64 MiB', '64mib'])
    t.match(room.parse(text), { hint: 'Write 64MiB.' }, text)
  t.match(level.parse('warning'), { hint: 'Did you mean warn?' })
  t.match(level.parse('inof'), { hint: 'Did you mean info?' })
  t.match(policy.parse('onfailure'), { hint: 'Did you mean on-failure?' })
  t.match(stopSignal.parse('SIGTREM'), { hint: 'Did you mean SIGTERM?' })
  t.match(stopSignal.parse('15'), { hint: 'Write its name: SIGTERM' })
  t.match(stopSignal.parse('KILL'), { wrong: 'no process can act on it' })
})

const everyFormat = new Map(
  [
    schema,
    databaseSchema('CONTAINER_DATABASE_A'),
    serviceSchema('CONTAINER_SERVICE_PREFECT'),
    serviceSchema('CONTAINER_SERVICE_A'),
  ]
    .flatMap((tree) => leavesOf(tree))
    .map(({ setting }) => [setting.format, formatNamed(setting.format)]),
)

/** Text that is nearly right, which is where a lax format gives way. */
const pieces = fc.constantFrom(
  '1',
  '0',
  '30',
  '65535',
  's',
  'ms',
  'm',
  'true',
  'no',
  'off',
  'SIG',
  'TERM',
  'RTMIN',
  '+3',
  '/',
  '//',
  ':',
  '@',
  '://',
  'http',
  'https',
  'postgres',
  'postgresql',
  'host',
  'db',
  '?',
  '&',
  '=',
  'sslmode',
  'require',
  '%',
  '%2',
  '%20',
  '%ff',
  '%00',
  '#',
  '[::1]',
  '[',
  ']',
  ',',
  '.',
  '..',
  ' ',
  '\n',
  '\t',
  '\0',
  '\u200b',
  '\u{1f600}',
  '\ud800',
  '\\',
  '"',
  "'",
  'a',
  'Z',
  '_',
  '-',
  '__proto__',
  'constructor',
)
const nearlyRight = fc.array(pieces, { maxLength: 12 }).map((parts) => parts.join(''))
const anyText = fc.oneof(fc.string({ unit: anyCharacter }), fc.string(), nearlyRight)

t.test('R1.1 no text makes a format throw, and what passes reads as itself again', async (t) => {
  for (const [name, format] of everyFormat) {
    fc.assert(
      fc.property(anyText, (text) => {
        const parsed = format.parse(text)
        if (!parsed.ok) return
        const shown = format.show(parsed.value as never)
        if (typeof parsed.value !== 'string') return
        const again = format.parse(parsed.value)
        if (!again.ok || again.value !== parsed.value)
          throw new Error(`${parsed.value} changed when read again`)
        if (typeof shown !== 'string') throw new Error('text is shown as text')
      }),
      { numRuns: 300 },
    )
    t.pass(name)
  }
})

t.test(
  'R1.1 nothing passes silently: a number or duration that is accepted is the text itself',
  async (t) => {
    fc.assert(
      fc.property(anyText, (text) => {
        const number = port.parse(text)
        if (number.ok && String(number.value) !== text) throw new Error(`${text} became ${number.value}`)
        const time = wait.parse(text)
        if (time.ok && !/^\d+(ms|s|m|h|d)$/.test(text)) throw new Error(`${text} became ${time.value}`)
        const flag = formats.boolean.parse(text)
        if (flag.ok && !/^(true|false|[01]|yes|no|on|off)$/i.test(text))
          throw new Error(`${text} became ${flag.value}`)
      }),
      { numRuns: 500 },
    )
    t.pass()
  },
)

t.test('R1.1 every default is accepted by its own format', async (t) => {
  for (const tree of [
    schema,
    databaseSchema('CONTAINER_DATABASE_A'),
    serviceSchema('CONTAINER_SERVICE_PREFECT'),
  ]) {
    for (const { setting } of leavesOf(tree)) {
      if (setting.default === null) continue
      t.ok(formatNamed(setting.format).parse(setting.default).ok, `${setting.env}=${setting.default}`)
    }
  }
})

t.test('R1.4 a flow name that is refused comes with one that is accepted', async (t) => {
  for (const [text, name] of Object.entries({
    'My Flow': 'my-flow',
    '2nd.Flow!': 'nd-flow',
    [`a${'.'.repeat(70)}b`]: 'a-b',
    [`${'a'.repeat(62)}.b`]: 'a'.repeat(62),
  })) {
    t.same(formats.flowName.parse(text), { ok: false, hint: `Write it as ${name}, for example.` })
    t.ok(formats.flowName.parse(name).ok, name)
  }
  t.same(formats.flowName.parse('123'), { ok: false })
})
