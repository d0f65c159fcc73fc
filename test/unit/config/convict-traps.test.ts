// What convict does by itself, and what our schema makes of it. Each test first shows the trap in convict as installed,
// so that a release which changes it is noticed, and then our answer.

import convict from 'convict'
import t from 'tap'
import { formatNamed } from '../../../supervisor/config/format.ts'
import { databaseSchema, leavesOf, schema, serviceSchema } from '../../../supervisor/config/schema.ts'
import { accepted, loadWith, problemsWith, problemWith } from './load-with.ts'

const database = { CONTAINER_DATABASE_A_URL: 'postgres://db/a' }
const leaves = [schema, databaseSchema('CONTAINER_DATABASE_A'), serviceSchema('CONTAINER_SERVICE_A')].flatMap(
  (tree) => leavesOf(tree),
)

/** What convict itself makes of one text. */
function bare(format: unknown, text: string): unknown {
  const config = convict(
    { x: { default: null, nullable: true, format: format as never, env: 'X' } },
    { env: { X: text }, args: [] },
  )
  config.validate({ allowed: 'strict' })
  return config.get('x')
}

t.test(
  'R1.1 convict takes "no", "0", "off" for true; ours are false, and an empty value is unset',
  async (t) => {
    for (const text of ['no', '0', 'off', '']) {
      t.equal(bare('Boolean', text), true, `convict: ${JSON.stringify(text)}`)
      const { settings } = accepted({ ...database, CONTAINER_DATABASE_A_REQUIRED: text })
      t.equal(settings.databases['a']?.required, text === '', `ours: ${JSON.stringify(text)}`)
    }
    t.match(problemWith({ ...database, CONTAINER_DATABASE_A_REQUIRED: 'nope' }), {
      variable: 'CONTAINER_DATABASE_A_REQUIRED',
      found: '"nope"',
    })
  },
)

t.test('R1.1 convict takes "10abc" for 10; ours is a problem', async (t) => {
  t.equal(bare('int', '10abc'), 10)
  t.match(problemWith({ CONTAINER_RESTART_MAX: '10abc' }), {
    variable: 'CONTAINER_RESTART_MAX',
    found: '"10abc"',
  })
})

t.test('R1.1 convict takes "8080x" for a port; ours is a problem', async (t) => {
  t.equal(bare('port', '8080x'), 8080)
  t.match(problemWith({ CONTAINER_HTTP_PORT: '8080x' }), {
    variable: 'CONTAINER_HTTP_PORT',
    found: '"8080x"',
    expected: 'a whole number from 1 to 65535',
  })
})

t.test(
  'R1.1 convict leaves spaces in the items of an array; no entry uses a format of convict’s',
  async (t) => {
    t.same(bare('Array', 'a, b'), ['a', ' b'])
    for (const { setting } of leaves)
      t.equal(formatNamed(setting.format).expected, setting.format, setting.env)
  },
)

t.test('R1.2 convict lets two keys share a variable; no two entries of ours do', async (t) => {
  t.doesNotThrow(() =>
    convict({ a: { default: '', env: 'X' }, b: { default: '', env: 'X' } }, { env: {}, args: [] }),
  )
  const names = leaves.map(({ setting }) => setting.env)
  t.equal(new Set(names).size, names.length)
})

t.test('R1.1 convict has no durations; ours want a unit', async (t) => {
  t.throws(() => bare('duration', '30s'), /unknown format type/)
  t.equal(accepted({ CONTAINER_STOP_GRACE: '30s' }).settings.stop.graceMs, 30_000)
  t.match(problemWith({ CONTAINER_STOP_GRACE: '30' }), {
    found: '"30": it has no unit',
    hint: 'Write 30s for seconds.',
  })
})

t.test(
  'R1.4 convict only warns of unknown keys, and knows no unknown variables; ours are problems',
  async (t) => {
    const config = convict({ a: { default: '' } }, { env: { CONTAINER_B: '1' }, args: [] })
    config.load({ b: 1 })
    let warned = ''
    config.validate({
      output: (text) => {
        warned = text
      },
    })
    t.match(warned, /Warning/)
    t.match(problemWith({ CONTAINER_HTP_PORT: '80' }), { hint: 'Did you mean CONTAINER_HTTP_PORT?' })
  },
)

t.test('R7.2 convict’s get() gives a sensitive value away; the settings hold it as a Secret', async (t) => {
  const config = convict(
    { a: { default: '', env: 'A', sensitive: true } },
    { env: { A: 'hunter2hunter2' }, args: [] },
  )
  t.equal(config.get('a'), 'hunter2hunter2')
  const { settings } = accepted({ CONTAINER_DATABASE_A_URL: 'postgres://app:hunter2hunter2@db/a' })
  t.equal(`${settings.databases['a']?.url}`, 'postgres://app:[redacted]@db/a')
  t.match(settings.databases['a']?.url.reveal(), 'hunter2hunter2')
})

t.test(
  'R7.2 convict’s message repeats a value that is not sensitive; ours is made here and redacted',
  async (t) => {
    const config = convict({ a: { default: 1, format: 'int', env: 'A' } }, { env: { A: 'x' }, args: [] })
    config.set('a', 1.5)
    t.throws(() => config.validate(), /1\.5/)
    const problem = problemWith({
      CONTAINER_DATABASE_A_URL: 'postgres://app:hunter2hunter2@db/a',
      CONTAINER_HTTP_HOST: 'hunter2hunter2!',
    })
    t.equal(problem.found, '"[redacted]!"')
  },
)

t.test(
  '§5 convict’s load() loses to the environment; our ranks are settled before it sees anything',
  async (t) => {
    const config = convict({ a: { default: '', env: 'A' } }, { env: { A: 'environment' }, args: [] })
    t.equal(config.load({ a: 'file' }).get('a'), 'environment')
    const files = { '/etc/a.env': 'CONTAINER_HTTP_PORT=1\nCONTAINER_RESTART_MAX=2\n' }
    const { settings } = accepted({ CONTAINER_CONFIG_FILE: '/etc/a.env', CONTAINER_HTTP_PORT: '3' }, files)
    t.equal(settings.http.port, 3)
    t.equal(settings.restart.max, 2)
  },
)

t.test(
  'R1.1 convict reads the process’s own environment and command line when it is given none',
  async (t) => {
    process.env['CONTAINER_HTTP_PORT'] = '4711'
    process.argv.push('--http.port=4712')
    t.teardown(() => {
      delete process.env['CONTAINER_HTTP_PORT']
      process.argv.pop()
    })
    t.equal(convict({ a: { default: '', env: 'CONTAINER_HTTP_PORT' } }, { args: [] }).get('a'), '4711')
    t.equal(accepted({}).settings.http.port, 8088)
  },
)

t.test(
  'R1.2 convict writes onto the global Object for a key named constructor; ours changes nothing',
  async (t) => {
    const globalObject = Object as unknown as Record<string, unknown>
    convict({ constructor: { poisoned: { default: 'yes' } } } as never, { env: {}, args: [] })
    t.equal(globalObject['poisoned'], 'yes')
    delete globalObject['poisoned']

    const before = [Object, Object.prototype, Function.prototype, Array.prototype].map((one) =>
      Reflect.ownKeys(one),
    )
    const { settings } = accepted({
      CONTAINER_DATABASE_CONSTRUCTOR_URL: 'postgres://db/a',
      CONTAINER_SERVICE_PROTOTYPE_URL: 'http://a',
      CONTAINER_SERVICE_VALUEOF_URL: 'http://b',
    })
    t.equal(Object.getPrototypeOf(settings.databases), null)
    t.equal(Object.getPrototypeOf(settings.services), null)
    t.same(Object.keys(settings.databases), ['constructor'])
    t.equal(settings.databases['constructor']?.poolSize, 5)
    t.equal(settings.databases['toString'], undefined)

    const tricks = [
      'CONTAINER_DATABASE___PROTO___URL',
      'CONTAINER_SERVICE___PROTO___TOKEN',
      'CONTAINER___PROTO__',
      'CONTAINER_CONSTRUCTOR',
    ]
    for (const name of tricks) t.match(problemWith({ [name]: 'postgres://db/a' }), { variable: name })
    t.match(problemWith({ CONTAINER_CONFIG_FILE: '/a' }, { '/a': '__proto__=x\n' }), {
      variable: 'CONTAINER_CONFIG_FILE',
    })
    const after = [Object, Object.prototype, Function.prototype, Array.prototype].map((one) =>
      Reflect.ownKeys(one),
    )
    t.same(after, before)
  },
)

t.test(
  'R1.1 what is accepted here convict accepts as well: its own validation runs on every load',
  async (t) => {
    t.ok(loadWith({}).ok)
    t.same(problemsWith({}), [])
  },
)
