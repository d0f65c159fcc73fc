import { writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import t, { type Test } from 'tap'
import {
  describeAnswer,
  parseAnswer,
  probeTarget,
  runHealthCommand,
} from '../../../supervisor/cli/health-command.ts'
import { healthy, openPublic } from '../http/public-fixture.ts'

async function run(
  environment: Record<string, string>,
  options: { probe?: 'live' | 'ready' | 'startup'; json?: boolean } = {},
) {
  let text = ''
  const exitCode = await runHealthCommand({
    probe: options.probe ?? 'health',
    json: options.json ?? false,
    environment,
    write: (chunk) => {
      text += chunk
    },
  })
  return { exitCode, text }
}

const since = '2030-01-01T00:00:00.000Z'
const refused = { status: 'unhealthy', message: 'refused: connection refused', since, durationMs: 1 } as const

t.test('§3 one line says why, the worst first', async (t) => {
  const cases: [Parameters<typeof describeAnswer>, string][] = [
    [['health', { status: 200, report: healthy }], 'healthy'],
    [
      [
        'health',
        { status: 200, report: { ...healthy, status: 'degraded', checks: { 'database:rpa_db': refused } } },
      ],
      `degraded: database:rpa_db refused: connection refused (since ${since})`,
    ],
    [
      ['health', { status: 503, report: { ...healthy, status: 'unhealthy', state: 'gating', checks: {} } }],
      'unhealthy: gating',
    ],
    [
      [
        'ready',
        {
          status: 503,
          report: {
            ...healthy,
            status: 'unhealthy',
            state: 'gating',
            checks: { 'database:rpa_db': refused },
          },
        },
      ],
      `not ready: gating – database:rpa_db refused: connection refused (since ${since})`,
    ],
    [['ready', { status: 200, report: healthy }], 'ready'],
    [['startup', { status: 503, report: { ...healthy, state: 'starting' } }], 'not started: starting'],
    [['live', { status: 200, report: healthy }], 'live'],
    [['health', { status: 404, report: undefined }], 'failed: HTTP status 404'],
  ]
  for (const [args, line] of cases) t.equal(describeAnswer(...args), line)

  const checks = Object.fromEntries(
    ['a', 'b', 'c', 'd'].map((name) => [
      name,
      { ...refused, status: name === 'd' ? 'unhealthy' : 'degraded' } as const,
    ]),
  )
  const line = describeAnswer('health', { status: 503, report: { ...healthy, status: 'unhealthy', checks } })
  t.match(line, /^unhealthy: d .*; a .*; b .*; and 1 more$/)
})

t.test('§9 nothing in a message reaches the terminal as control', async (t) => {
  const message = 'x\u001b[2J\r\n\u202eforged\u2028'
  const checks = { a: { ...refused, message } }
  const line = describeAnswer('health', { status: 503, report: { ...healthy, status: 'unhealthy', checks } })
  t.notMatch(line, /[\p{Cc}\p{Cf}\p{Zl}]/u)
})

t.test('R5.1 the probe is 0 or 1 by what the real endpoints answer', async (t) => {
  let ok = true
  const { port } = await openPublic(t, {
    health: () => ({
      ...healthy,
      status: ok ? 'degraded' : 'unhealthy',
      checks: { 'database:rpa_db': refused },
    }),
    ready: () => ok,
    started: () => ok,
  })
  const environment = { CONTAINER_HTTP_HOST: '127.0.0.1', CONTAINER_HTTP_PORT: String(port) }
  t.match(await run(environment), { exitCode: 0, text: /^degraded: database:rpa_db refused/ })
  t.match(await run(environment, { probe: 'ready' }), { exitCode: 0, text: /^ready/ })
  ok = false
  t.match(await run(environment), { exitCode: 1, text: /^unhealthy: database:rpa_db refused.*\n$/ })
  t.match(await run(environment, { probe: 'ready' }), { exitCode: 1, text: /^not ready/ })
  t.match(await run(environment, { probe: 'startup' }), { exitCode: 1, text: /^not started/ })
  t.match(await run(environment, { probe: 'live' }), { exitCode: 0, text: 'live\n' })
  const json = await run(environment, { json: true })
  t.match(JSON.parse(json.text), { ok: false, report: { status: 'unhealthy' } })
})

t.test('R1.2 the port may come from a file or the configuration file', async (t) => {
  const { port } = await openPublic(t)
  const directory = t.testdir({
    port: `${port}\n`,
    config: `# a\nCONTAINER_HTTP_PORT = "${port}"\nCONTAINER_X=1\n`,
  })
  const inFile = { CONTAINER_HTTP_HOST: '127.0.0.1', CONTAINER_HTTP_PORT_FILE: `${directory}/port` }
  t.equal((await run(inFile)).exitCode, 0)
  t.equal((await run({ CONTAINER_CONFIG_FILE: `${directory}/config` })).exitCode, 0)
  const above = { CONTAINER_CONFIG_FILE: `${directory}/config`, CONTAINER_HTTP_PORT: '1' }
  t.equal((await run(above)).exitCode, 1, 'the environment ranks above it')
  writeFileSync(`${directory}/config`, `CONTAINER_HTTP_PORT_FILE=${directory}/port`)
  t.equal((await run({ CONTAINER_CONFIG_FILE: `${directory}/config` })).exitCode, 0)
})

t.test('R5.1 when nothing sound answers it is 1 and says what happened', async (t) => {
  t.match(await run({ CONTAINER_HTTP_PORT: 'x' }), { exitCode: 1, text: /CONTAINER_HTTP_PORT is not a port/ })
  t.match(await run({ CONTAINER_HTTP_HOST: '127.0.0.1', CONTAINER_HTTP_PORT: '1' }), {
    exitCode: 1,
    text: /^unreachable: .*ECONNREFUSED/,
  })
  t.match(await run(await answering(t, 'SSH-2.0-x\r\n')), { exitCode: 1, text: /not HTTP/ })
  t.match(await run(await answering(t, '')), { exitCode: 1, text: /not HTTP/ })
  t.match(await run(await answering(t, `HTTP/1.1 200 OK\r\n\r\n${'x'.repeat(2_000_000)}`)), {
    exitCode: 1,
    text: /too large/,
  })
  t.match(await run(await answering(t, 'HTTP/1.1 200 OK\r\n\r\nhello')), {
    exitCode: 0,
    text: 'ok: HTTP status 200\n',
  })
})

async function answering(t: Test, bytes: string): Promise<Record<string, string>> {
  const server: Server = createServer((socket) => {
    socket.on('error', () => {})
    socket.end(bytes)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const { port } = server.address() as { port: number }
  return { CONTAINER_HTTP_HOST: '127.0.0.1', CONTAINER_HTTP_PORT: String(port) }
}

t.test('R5.1 a listener on every address is reached over loopback', async (t) => {
  t.match(probeTarget({ host: '0.0.0.0', port: 1 }), { host: '127.0.0.1' })
  t.match(probeTarget({ host: '::', port: 1 }), { host: '::1' })
  t.match(probeTarget({ host: '10.0.0.7', port: 1 }), { host: '10.0.0.7' })
  t.strictSame(parseAnswer('HTTP/1.1 503 X\r\na: b\r\n\r\n{"status":1}'), { status: 503, report: undefined })
})
