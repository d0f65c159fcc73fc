import t from 'tap'
import { FlowkeepError } from '../../../supervisor/core/errors.ts'
import { limits } from '../../../supervisor/core/limits.ts'
import { createRedactor, Secret } from '../../../supervisor/core/secret.ts'
import { createLogger, type LevelLogger } from '../../../supervisor/logs/logger.ts'

interface Rig {
  readonly logger: LevelLogger
  readonly lines: string[]
  record(): Record<string, unknown>
  dropped(lines: number): void
}

function createRig(level: LevelLogger['level'] = 'info', secrets: readonly string[] = []): Rig {
  const lines: string[] = []
  let dropped: (lines: number) => void = () => {}
  const logger = createLogger({
    sink: {
      own: (line) => lines.push(line),
      onDropped: (listener) => {
        dropped = listener
      },
    },
    clock: { wallMs: () => Date.parse('2030-01-01T00:00:00.000Z') },
    level,
    service: 'flow1',
    instance: 'host-1',
    redact: createRedactor(secrets),
  })
  return { logger, lines, record: () => JSON.parse(lines.at(-1) ?? ''), dropped: (count) => dropped(count) }
}

const base = {
  time: '2030-01-01T00:00:00.000Z',
  service: 'flow1',
  instance: 'host-1',
  component: 'supervisor',
}

t.test('R5.3 our own records have the same form as those of the flow', async (t) => {
  const { logger, lines, record } = createRig()
  logger.warn({ event: 'gate.waiting', attempts: 3, check: { name: 'database:rpa_db' } }, 'waiting')
  t.same(record(), {
    ...base,
    ...{ level: 'warn', event: 'gate.waiting', attempts: 3, check: { name: 'database:rpa_db' } },
    message: 'waiting',
  })
  t.equal(lines.join('').match(/\n/g)?.length, 1)
})

t.test('R5.3 the level can be changed while it runs', async (t) => {
  const { logger, lines } = createRig('warn')
  logger.info({ event: 'a' }, 'no')
  logger.level = 'debug'
  t.equal(logger.level, 'debug')
  logger.debug({ event: 'b' }, 'yes')
  logger.level = 'fatal'
  logger.error({ event: 'c' }, 'no')
  t.same(
    lines.map((line) => JSON.parse(line).message),
    ['yes'],
  )
})

t.test('§9 no field can take the place of the names that every record has', async (t) => {
  const { logger, lines, record } = createRig()
  const fields = {
    event: 'x',
    service: 'prefect',
    level: 1,
    time: 2,
    message: 3,
    component: 'flow',
    instance: 4,
  }
  logger.info(fields, 'm')
  t.match(record(), {
    ...base,
    level: 'info',
    message: 'm',
    'field.service': 'prefect',
    'field.component': 'flow',
  })
  t.equal(lines[0]?.match(/"(service|level|time|message|component|instance)":/g)?.length, 6)
})

t.test('R1.4 secrets are masked in message, fields, names and errors', async (t) => {
  const secret = 'hunter2-canary'
  const { logger, lines } = createRig('info', [secret])
  const error = new Error(`password ${secret}`, { cause: new Error(encodeURIComponent(secret)) })
  const fields = {
    text: `x${secret}y`,
    deep: [{ [`k${secret}`]: { secret } }],
    error,
    url: new Secret(secret),
  }
  logger.error({ event: 'e', ...fields }, `cannot use ${secret}`)
  t.notMatch(lines[0], /canary/)
  t.match(lines[0], /\[redacted\]/)
})

t.test('§9 errors are shown with code, hint and cause', async (t) => {
  const { logger, record } = createRig()
  const cause = Object.assign(new Error('no'), { code: 'EACCES' })
  const error = new FlowkeepError('internal', { operation: 'cannot read', message: 'x', hint: 'look', cause })
  logger.error({ event: 'e', error }, 'failed')
  t.match(record(), {
    error: {
      name: 'FlowkeepError',
      message: 'cannot read: x',
      code: 'internal',
      hint: 'look',
      cause: { code: 'EACCES' },
    },
  })
})

t.test('§9 whatever the fields are, it is one valid record of at most 16 KiB', async (t) => {
  const cyclic: Record<string, unknown> = {}
  cyclic['self'] = cyclic
  const worst: unknown[] = [
    'x'.repeat(100_000),
    '\u0001'.repeat(100_000),
    '\u2028'.repeat(5_000),
    '€'.repeat(5_000),
    '\ud800',
    Array.from({ length: 10_000 }, (_, index) => `line ${index} ${'y'.repeat(500)}`),
    Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`key${index}`, '\u0001'.repeat(1000)])),
    cyclic,
    10n,
    Symbol('s'),
    () => 1,
    Number.NaN,
    new Date(Number.NaN),
    new Map([['a', 1]]),
    Buffer.alloc(1000),
    {
      get broken() {
        throw new Error('no')
      },
    },
    JSON.parse('{"__proto__":{"a":1}}'),
    undefined,
    null,
  ]
  for (const [index, field] of worst.entries()) {
    const { logger, lines } = createRig()
    logger.info({ event: 'e', field, ['__proto__x']: field }, typeof field === 'string' ? field : 'm')
    t.equal(lines.length, 1)
    const line = lines[0] as string
    t.ok(Buffer.byteLength(line) <= limits.logLineBytes, `${index}: ${Buffer.byteLength(line)}`)
    t.match(JSON.parse(line), { ...base, event: 'e' })
    t.notMatch(line, /[\u007f-\u009f\u2028\u2029]|\n./)
  }
})

t.test('§9 what is nested too deep is cut off', async (t) => {
  const { logger, record } = createRig()
  const cyclic: Record<string, unknown> = { name: 'x' }
  cyclic['self'] = cyclic
  logger.info({ event: 'e', cyclic }, 'm')
  t.match(record(), { cyclic: { self: { self: { self: { self: '…' } } } } })
})

t.test('§4 the last lines of a flow fit the record of its exit', async (t) => {
  const { logger, record } = createRig()
  const lastLines = Array.from({ length: limits.lastLogLines }, (_, index) => `${index} ${'z'.repeat(490)}`)
  logger.info({ event: 'exit', lastLines }, 'ends')
  t.same(record()['lastLines'], lastLines)
})

t.test('§9 dropped lines are reported', async (t) => {
  const { record, dropped } = createRig('error')
  dropped(17)
  t.match(record(), { level: 'error', event: 'log.dropped', lines: 17 })
})
