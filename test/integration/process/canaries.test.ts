// Twenty secrets are led through every way in which something can fail, and then looked for in everything the
// container shows: stdout, stderr, health, metrics, status, the answers of the control socket, process lists.

import { execFile } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { startPostgres } from '../../harness/postgres.ts'
import { startHttpServer } from '../../harness/servers.ts'
import { noNamespace, type Supervised, startSupervised } from '../../harness/supervised.ts'

const skip = noNamespace
const program = new URL('../../../dist/flowkeep.cjs', import.meta.url).pathname
const worker = ['sh', '-c', 'trap "exit 0" TERM; echo up; while :; do sleep 0.05; done']

let planted = 0
/** Every character that is written differently in some encoding. */
function canary(): string {
  return `kn4ry${planted++}-"p@ss w/örd%:${'x'.repeat(8)}`
}

const encode = encodeURIComponent

function formsOf(secret: string): string[] {
  return [
    secret,
    encode(secret),
    encodeURI(secret),
    JSON.stringify(secret).slice(1, -1),
    Buffer.from(secret).toString('base64'),
    Buffer.from(secret).toString('base64url'),
    Buffer.from(secret).toString('hex'),
    /kn4ry\d+/.exec(secret)?.[0] ?? secret,
  ]
}

/** Everything a run shows to anybody. */
async function everythingShown(flow: Supervised, ending: 'running' | 'ended'): Promise<string> {
  const shown: string[] = []
  if (ending === 'running') {
    for (const path of ['/health', '/readyz', '/startupz', '/livez', '/metrics'])
      shown.push((await flow.get(path)).body)
    shown.push(
      (await flow.get('/nothing/there')).body,
      (await flow.post('/v1/nothing')).body,
      (await flow.post('/v1/ready')).body,
    )
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      try {
        shown.push(readFileSync(`/proc/${pid}/cmdline`, 'utf8'))
      } catch {
        // It has ended meanwhile.
      }
    }
    flow.signal('SIGTERM')
  }
  await flow.exited
  return [
    ...shown,
    ...flow.records.map((record) => JSON.stringify(record)),
    ...flow.garbled,
    flow.stderr(),
  ].join('\n')
}

async function run(args: readonly string[], env: Readonly<Record<string, string>>): Promise<string> {
  const command = promisify(execFile)(process.execPath, [program, ...args], {
    env: { PATH: process.env['PATH'], ...env },
  })
  const { stdout, stderr } = await command.catch((error: { stdout: string; stderr: string }) => error)
  return stdout + stderr
}

async function outputOfCommands(environment: Readonly<Record<string, string>>): Promise<string> {
  const env = { PATH: process.env['PATH'], ...environment }
  const outputs: string[] = []
  for (const args of [
    ['check'],
    ['check', '--json'],
    ['check', '--connect'],
    ['config'],
    ['config', '--json'],
  ]) {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [program, ...args], { env }).catch(
      (error: { stdout: string; stderr: string }) => error,
    )
    outputs.push(stdout, stderr)
  }
  return outputs.join('\n')
}

function leaks(text: string, secrets: readonly string[]): string[] {
  return secrets.filter((secret) => formsOf(secret).some((form) => text.includes(form)))
}

t.test('R7.2 no canary is shown when databases and services fail', { skip }, async (t) => {
  const secrets = Array.from({ length: 9 }, canary)
  const [password, wrong, nobody, refused, token, unknownHost, basic, option, late] = secrets as [
    string,
    ...string[],
  ] &
    string[]
  const server = await startPostgres({ password })
  t.teardown(() => server.stop('immediate'))
  // A service that answers with what it was sent, as debug pages do.
  const echo = await startHttpServer((request, response) => {
    response.writeHead(500, { 'x-echo': 'yes' })
    response.end(JSON.stringify(request.headers))
  })
  t.teardown(() => echo.close())
  const at = `127.0.0.1:${server.port}`
  const environment = {
    CONTAINER_DATABASE_RIGHT_URL: `postgres://${server.user}:${encode(password)}@${at}/postgres`,
    CONTAINER_DATABASE_WRONG_URL: `postgres://${server.user}:${encode(String(wrong))}@${at}/postgres`,
    CONTAINER_DATABASE_MISSING_URL: `postgres://${server.user}:${encode(password)}@${at}/no_such_database`,
    CONTAINER_DATABASE_NOBODY_URL: `postgres://nobody:${encode(String(nobody))}@${at}/postgres`,
    CONTAINER_DATABASE_REFUSED_URL: `postgres://u:${encode(String(refused))}@127.0.0.1:1/db`,
    CONTAINER_DATABASE_UNKNOWN_URL: `postgres://u:${encode(String(unknownHost))}@no-such-host.invalid/db`,
    CONTAINER_DATABASE_OPTION_URL: `postgres://${server.user}@${at}/postgres?password=${encode(String(option))}`,
    CONTAINER_SERVICE_ECHO_URL: `http://127.0.0.1:${echo.port}`,
    CONTAINER_SERVICE_ECHO_TOKEN: Buffer.from(String(token)).toString('base64url'),
    CONTAINER_SERVICE_BASIC_URL: `http://127.0.0.1:${echo.port}/x`,
    CONTAINER_SERVICE_BASIC_AUTH: `reader:${basic}`,
    CONTAINER_SERVICE_LATE_URL: `http://reader:${encode(String(late))}@127.0.0.1:1/`,
  }
  const flow = await startSupervised(t, { command: worker, environment })
  for (const name of [
    'wrong',
    'missing',
    'nobody',
    'refused',
    'unknown',
    'option',
    'echo',
    'basic',
    'late',
  ]) {
    await flow.record(
      ({ event, dependency }) => event === 'gate.waiting' && String(dependency).endsWith(name),
    )
  }
  const commands = await outputOfCommands({ CONTAINER_FLOW_NAME: 'test', ...environment })
  const shown = await everythingShown(flow, 'running')
  t.same(leaks(commands + shown, secrets), [])
  t.match(shown, /authentication/)
  t.match(commands, /no_such_database/)
})

t.test('R7.2 no canary is shown by a configuration that is refused', { skip }, async (t) => {
  const secrets = Array.from({ length: 7 }, canary)
  const [url, unknown, token, auth, fileContent, fileLine, malformed] = secrets as [string, ...string[]] &
    string[]
  const directory = t.testdir({})
  writeFileSync(join(directory, 'secret'), `postgres://u:${fileContent}@h/d`)
  writeFileSync(
    join(directory, 'settings'),
    `CONTAINER_DATABASE_LINE_URL=mysql://u:${fileLine}@h/d\nnot a line ${fileLine}\n`,
  )
  const environment = {
    CONTAINER_DATABASE_A_URL: `postgres://u:${url}@h:99999/d`,
    CONTAINER_PASWORD: String(unknown),
    CONTAINER_SERVICE_B_URL: `ftp://u:${encode(String(malformed))}@h/`,
    CONTAINER_SERVICE_B_TOKEN: `${token} with spaces`,
    CONTAINER_SERVICE_C_AUTH: String(auth).replaceAll(':', ''),
    CONTAINER_DATABASE_F_URL_FILE: join(directory, 'secret'),
    CONTAINER_CONFIG_FILE: join(directory, 'settings'),
  }
  const flow = await startSupervised(t, { command: worker, environment })
  t.same(leaks(await everythingShown(flow, 'ended'), secrets), [])
  t.equal((await flow.exited).code, 78)

  const commands = await outputOfCommands({ CONTAINER_FLOW_NAME: 'test', ...environment })
  t.same(leaks(commands, secrets), [])
  t.match(commands, /CONTAINER_DATABASE_A_URL/, 'they did say something')
})

t.test('R7.2 R1.5 no canary is shown when settings are reloaded, taken or refused', { skip }, async (t) => {
  const secrets = Array.from({ length: 4 }, canary)
  const [first, second, refused, broken] = secrets as [string, ...string[]] & string[]
  const server = await startHttpServer((_request, response) => response.end('fine'))
  t.teardown(() => server.close())
  const file = join(t.testdir({}), 'auth')
  writeFileSync(file, `reader:${first}`)
  const flow = await startSupervised(t, {
    command: worker,
    environment: {
      CONTAINER_SERVICE_API_URL: `http://127.0.0.1:${server.port}`,
      CONTAINER_SERVICE_API_AUTH_FILE: file,
    },
  })
  await flow.record(({ to }) => to === 'running')
  const answers: string[] = []
  for (const text of [
    `reader:${second}`,
    `no colon ${String(broken).replaceAll(':', '')}`,
    `reader:${refused}\u0000`,
  ]) {
    writeFileSync(file, text)
    answers.push((await flow.post('/v1/reload')).body)
  }
  const shown = answers.join('\n') + (await everythingShown(flow, 'running'))
  t.same(leaks(shown, secrets), [])
  t.match(shown, /config_invalid/)
})

t.test(
  'R7.2 no canary is shown by receivers of alerts and dead letters that answer with it',
  { skip },
  async (t) => {
    const secrets = Array.from({ length: 5 }, canary)
    const [basic, path, query, key, token] = secrets as [string, string, string, string, string]
    const routingKey = `${/kn4ry\d+/.exec(key)?.[0]}ABCDEFGHIJKLMNOPQRSTUVWXYZ`
    const received: string[] = []
    // Receivers that say what they were sent, and refuse it.
    const echo = await startHttpServer((request, response) => {
      let body = ''
      request.on('data', (chunk) => {
        body += chunk
      })
      request.on('end', () => {
        received.push(request.url ?? '')
        response.writeHead(request.url?.startsWith('/v2') ? 403 : 400)
        response.end(JSON.stringify([body.slice(0, 80), request.headers.authorization, request.url]))
      })
    })
    t.teardown(() => echo.close())
    const url = `http://127.0.0.1:${echo.port}`
    const environment = {
      CONTAINER_ALERT_ALERTMANAGER_URL: `http://reader:${encode(basic)}@127.0.0.1:${echo.port}/am`,
      CONTAINER_ALERT_WEBHOOK_URL: `${url}/hook/${encode(path)}?token=${encode(query)}`,
      CONTAINER_ALERT_PAGERDUTY_KEY: routingKey,
      CONTAINER_ALERT_PAGERDUTY_URL: url,
      CONTAINER_SERVICE_ECHO_URL: `${url}/service`,
      CONTAINER_SERVICE_ECHO_REQUIRED: 'false',
      CONTAINER_SERVICE_ECHO_TOKEN: Buffer.from(token).toString('base64url'),
    }
    const flow = await startSupervised(t, { command: worker, environment })
    await flow.record(({ to }) => to === 'running')
    const submission = [
      'submit',
      '--json',
      '--target',
      'echo',
      '--method',
      'POST',
      '--path',
      '/x',
      '--mode',
      'queue',
    ]
    const inQueue = { CONTAINER_FLOW_NAME: 'test', CONTAINER_CONTROL_SOCKET: flow.socketPath, ...environment }
    const shown = [await run(submission, inQueue)]
    await flow.record('alert.raised') // of the dead letter that comes of it
    await flow.record(({ event, sink }) => event === 'alert.refused' && sink === 'webhook')
    await flow.record(({ event, sink }) => event === 'alert.undelivered' && sink === 'pagerduty')
    for (const args of [
      ['queue', 'list', '--json'],
      ['queue', 'list', '--state', 'dead', '--json'],
      ['alert', 'test'],
      ['status', '--json'],
    ])
      shown.push(await run(args, inQueue))
    t.match(shown.join(''), /it answers 400/)
    shown.push(await outputOfCommands(inQueue), await everythingShown(flow, 'running'))
    t.ok(received.some((path) => path.startsWith('/hook')) && received.includes('/am/api/v2/alerts'))
    t.same(leaks(shown.join('\n'), [...secrets, routingKey]), [])
  },
)

t.test('R7.2 twenty-five canaries were planted', async (t) => {
  t.equal(planted, skip ? 0 : 25)
})
