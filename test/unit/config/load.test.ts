import fc from 'fast-check'
import t from 'tap'
import { renderProblems } from '../../../supervisor/cli/check-report.ts'
import { loadConfiguration } from '../../../supervisor/config/load.ts'
import { anyCharacter } from '../../harness/any-character.ts'
import { accepted, type Environment, loadBare, loadWith, problemsWith, problemWith } from './load-with.ts'

t.test('R1.1 without its one required variable nothing starts', async (t) => {
  t.match(loadBare({}), { ok: false, problems: [{ variable: 'CONTAINER_FLOW_NAME', found: 'not set' }] })
  t.match(loadBare({ CONTAINER_FLOW_NAME: '' }), { ok: false })
})

t.test('§5 every default', async (t) => {
  const { settings, files, secrets } = accepted({
    CONTAINER_DATABASE_A_URL: 'postgres://db/a',
    CONTAINER_SERVICE_A_URL: 'http://a',
  })
  const { databases, services, ...fixed } = settings
  t.same(fixed, {
    flow: {
      ...{ name: 'orders', ready: 'alive', readyAfterMs: 1000, readyTimeoutMs: 300_000 },
      ...{ stuckAfterMs: undefined, reload: 'restart', user: undefined },
    },
    environment: 'development',
    instanceId: 'box-1',
    log: { level: 'info' },
    gate: { timeoutMs: 300_000, backoffMinMs: 250, backoffMaxMs: 15_000 },
    http: { host: '0.0.0.0', port: 8088 },
    control: { socket: '/run/flowkeep/control.sock' },
    state: { directory: '/var/lib/flowkeep' },
    stop: { signal: 'SIGTERM', graceMs: 8000, drainMs: 0 },
    restart: { policy: 'on-failure', backoffMinMs: 500, backoffMaxMs: 30_000, max: 5, windowMs: 60_000 },
    queue: { maxOperations: 1_000_000, maxBytes: 1024 ** 3, maxAgeMs: 604_800_000 },
    records: { database: 'a', leaseMs: 30_000, timeoutMs: 900_000, maxAttempts: 5 },
    performance: { intervalMs: 15_000 },
    health: { directory: '/opt/flowkeep/healthchecks', intervalMs: 10_000, timeoutMs: 5000 },
    disk: { lowPercent: 15, criticalPercent: 5 },
    cleanup: { paths: [], maxAgeMs: 86_400_000, schedule: '*/10 * * * *' },
    alerts: {
      ...{ alertmanagerUrl: undefined, alertmanagerAuth: undefined, webhookUrl: undefined },
      ...{ webhookAuth: undefined, pagerDutyKey: undefined, pagerDutyUrl: 'https://events.pagerduty.com' },
    },
    security: { enforce: 'warn', accepted: [], allowedPorts: [], allowedSetuid: [] },
  })
  t.match(databases['a'], { poolSize: 5, connectTimeoutMs: 5000, healthQuery: 'select 1', required: true })
  t.match(services['a'], {
    healthPath: '/',
    timeoutMs: 5000,
    required: true,
    token: undefined,
    auth: undefined,
  })
  t.same(files, [])
  t.same(secrets, [])
})

t.test('R1.2 every variable reaches its place', async (t) => {
  const { settings, entries } = accepted({
    CONTAINER_FLOW_NAME: 'other',
    CONTAINER_FLOW_READY: 'notify',
    CONTAINER_FLOW_READY_AFTER: '2s',
    CONTAINER_FLOW_READY_TIMEOUT: '3s',
    CONTAINER_FLOW_STUCK_AFTER: '24m',
    CONTAINER_FLOW_RELOAD: 'keep',
    CONTAINER_FLOW_USER: '1000:1001',
    CONTAINER_ENVIRONMENT: 'production',
    CONTAINER_INSTANCE_ID: 'i-1',
    CONTAINER_LOG_LEVEL: 'WARN',
    CONTAINER_GATE_TIMEOUT: '4s',
    CONTAINER_GATE_BACKOFF_MIN: '5ms',
    CONTAINER_GATE_BACKOFF_MAX: '6ms',
    CONTAINER_HTTP_HOST: '::1',
    CONTAINER_HTTP_PORT: '7',
    CONTAINER_CONTROL_SOCKET: '/c.sock',
    CONTAINER_STATE_DIRECTORY: '/state',
    CONTAINER_HEALTH_INTERVAL: '8s',
    CONTAINER_HEALTH_TIMEOUT: '9s',
    CONTAINER_PERFORMANCE_INTERVAL: '25s',
    CONTAINER_HEALTHCHECKS_DIRECTORY: '/checks',
    CONTAINER_STOP_SIGNAL: 'int',
    CONTAINER_STOP_GRACE: '20s',
    CONTAINER_STOP_DRAIN: '15s',
    CONTAINER_RESTART_POLICY: 'always',
    CONTAINER_RESTART_BACKOFF_MIN: '10ms',
    CONTAINER_RESTART_BACKOFF_MAX: '11ms',
    CONTAINER_RESTART_MAX: '12',
    CONTAINER_RESTART_WINDOW: '90s',
    CONTAINER_QUEUE_MAX_OPERATIONS: '13',
    CONTAINER_QUEUE_MAX_BYTES: '64KiB',
    CONTAINER_QUEUE_MAX_AGE: '14d',
    CONTAINER_RECORDS_DATABASE: 'a',
    CONTAINER_RECORDS_LEASE: '21s',
    CONTAINER_RECORDS_TIMEOUT: '22m',
    CONTAINER_RECORDS_MAX_ATTEMPTS: '23',
    CONTAINER_DATABASE_A_URL: 'postgres://db/a',
    CONTAINER_DATABASE_A_POOL_SIZE: '14',
    CONTAINER_DISK_LOW_PERCENT: '24',
    CONTAINER_DISK_CRITICAL_PERCENT: '23',
    CONTAINER_CLEANUP_PATHS: '/data/tmp, /logs',
    CONTAINER_CLEANUP_MAX_AGE: '25h',
    CONTAINER_CLEANUP_SCHEDULE: '26 * * * *',
    CONTAINER_ALERT_ALERTMANAGER_URL: 'http://u:p27@am:9093',
    CONTAINER_ALERT_WEBHOOK_URL: 'http://hook/28',
    CONTAINER_ALERT_PAGERDUTY_KEY: 'twentynine',
    CONTAINER_ALERT_PAGERDUTY_URL: 'http://pd',
    CONTAINER_SECURITY_ENFORCE: 'critical',
    CONTAINER_SECURITY_ACCEPTED: 'S14, S27',
    CONTAINER_SECURITY_ALLOWED_PORTS: '80,443',
    CONTAINER_SECURITY_ALLOWED_SETUID: '/usr/bin/su',
    CONTAINER_DATABASE_A_CONNECT_TIMEOUT: '15s',
    CONTAINER_DATABASE_A_HEALTH_QUERY: 'select 16',
    CONTAINER_DATABASE_A_REQUIRED: 'off',
    CONTAINER_SERVICE_A_URL: 'http://a',
    CONTAINER_SERVICE_A_HEALTH_PATH: '/17',
    CONTAINER_SERVICE_A_TIMEOUT: '18s',
    CONTAINER_SERVICE_A_REQUIRED: 'off',
    CONTAINER_SERVICE_A_TOKEN: 'nineteen',
  })
  const { databases, services, alerts, ...fixed } = settings
  t.equal(alerts.alertmanagerUrl?.reveal(), 'http://am:9093')
  t.equal(alerts.alertmanagerAuth?.reveal(), 'u:p27')
  t.equal(alerts.webhookUrl?.reveal(), 'http://hook/28')
  t.equal(alerts.pagerDutyKey?.reveal(), 'twentynine')
  t.equal(alerts.pagerDutyUrl, 'http://pd')
  t.same(fixed, {
    flow: {
      name: 'other',
      ready: 'notify',
      readyAfterMs: 2000,
      readyTimeoutMs: 3000,
      stuckAfterMs: 1_440_000,
      reload: 'keep',
      user: { uid: 1000, gid: 1001 },
    },
    environment: 'production',
    instanceId: 'i-1',
    log: { level: 'warn' },
    gate: { timeoutMs: 4000, backoffMinMs: 5, backoffMaxMs: 6 },
    http: { host: '::1', port: 7 },
    control: { socket: '/c.sock' },
    state: { directory: '/state' },
    stop: { signal: 'SIGINT', graceMs: 20_000, drainMs: 15_000 },
    restart: { policy: 'always', backoffMinMs: 10, backoffMaxMs: 11, max: 12, windowMs: 90_000 },
    queue: { maxOperations: 13, maxBytes: 65_536, maxAgeMs: 1_209_600_000 },
    records: { database: 'a', leaseMs: 21_000, timeoutMs: 1_320_000, maxAttempts: 23 },
    performance: { intervalMs: 25_000 },
    health: { directory: '/checks', intervalMs: 8000, timeoutMs: 9000 },
    disk: { lowPercent: 24, criticalPercent: 23 },
    cleanup: { paths: ['/data/tmp', '/logs'], maxAgeMs: 90_000_000, schedule: '26 * * * *' },
    security: {
      enforce: 'critical',
      accepted: ['S14', 'S27'],
      allowedPorts: [80, 443],
      allowedSetuid: ['/usr/bin/su'],
    },
  })
  t.match(databases['a'], {
    poolSize: 14,
    connectTimeoutMs: 15_000,
    healthQuery: 'select 16',
    required: false,
  })
  t.match(services['a'], { healthPath: '/17', timeoutMs: 18_000, required: false })
  t.equal(services['a']?.token?.reveal(), 'nineteen')
  const unset = entries.filter(({ source }) => source === 'default').map(({ path }) => path)
  t.same(unset, ['config.file', 'services.a.auth'])
  t.equal(entries.find(({ path }) => path === 'restart.window')?.value, '90s')
  t.equal(entries.find(({ path }) => path === 'stop.signal')?.value, 'SIGINT')
})

t.test(
  '§5 a user without a group gets the group of the same number; a host name never fails the start',
  async (t) => {
    t.same(accepted({ CONTAINER_FLOW_USER: '1000' }).settings.flow.user, { uid: 1000, gid: 1000 })
    const loaded = (hostname: string) => {
      const sources = {
        environment: { CONTAINER_FLOW_NAME: 'orders' },
        readFile: () => Buffer.alloc(0),
        hostname,
      }
      const result = loadConfiguration(sources)
      return result.ok && result.settings.instanceId
    }
    t.equal(loaded('web_1.example'), 'web_1.example')
    t.equal(loaded('büro 1'), 'b-ro-1')
    t.equal(loaded(''), 'localhost')
    t.equal(loaded('x'.repeat(300)), 'x'.repeat(128))
  },
)

t.test('R1.4 rules between two variables name both', async (t) => {
  const broken: [Environment, string, string][] = [
    [
      { CONTAINER_GATE_BACKOFF_MIN: '2s', CONTAINER_GATE_BACKOFF_MAX: '1s' },
      'CONTAINER_GATE_BACKOFF_MIN',
      'CONTAINER_GATE_BACKOFF_MAX',
    ],
    [{ CONTAINER_GATE_BACKOFF_MAX: '100ms' }, 'CONTAINER_GATE_BACKOFF_MIN', 'CONTAINER_GATE_BACKOFF_MAX'],
    [
      { CONTAINER_RESTART_BACKOFF_MIN: '1m' },
      'CONTAINER_RESTART_BACKOFF_MIN',
      'CONTAINER_RESTART_BACKOFF_MAX',
    ],
    [
      { CONTAINER_STOP_GRACE: '10s', CONTAINER_STOP_DRAIN: '7501ms' },
      'CONTAINER_STOP_DRAIN',
      'CONTAINER_STOP_GRACE',
    ],
    [{ CONTAINER_FLOW_READY_AFTER: '5m' }, 'CONTAINER_FLOW_READY_AFTER', 'CONTAINER_FLOW_READY_TIMEOUT'],
    [{ CONTAINER_FLOW_READY_TIMEOUT: '1s' }, 'CONTAINER_FLOW_READY_AFTER', 'CONTAINER_FLOW_READY_TIMEOUT'],
    [
      { CONTAINER_CONTROL_SOCKET: '/x', CONTAINER_STATE_DIRECTORY: '/x' },
      'CONTAINER_CONTROL_SOCKET',
      'CONTAINER_STATE_DIRECTORY',
    ],
    [
      { CONTAINER_DISK_CRITICAL_PERCENT: '20' },
      'CONTAINER_DISK_CRITICAL_PERCENT',
      'CONTAINER_DISK_LOW_PERCENT',
    ],
    [
      { CONTAINER_CLEANUP_PATHS: '/tmp,/data/state/x', CONTAINER_STATE_DIRECTORY: '/data/state' },
      'CONTAINER_CLEANUP_PATHS',
      'CONTAINER_STATE_DIRECTORY',
    ],
    [
      {
        CONTAINER_SERVICE_A_URL: 'http://a',
        CONTAINER_SERVICE_A_TOKEN: 'x',
        CONTAINER_SERVICE_A_AUTH: 'u:p',
      },
      'CONTAINER_SERVICE_A_TOKEN',
      'CONTAINER_SERVICE_A_AUTH',
    ],
    [
      { CONTAINER_SERVICE_A_URL: 'http://u:p@a', CONTAINER_SERVICE_A_AUTH: 'u:p' },
      'CONTAINER_SERVICE_A_AUTH',
      'CONTAINER_SERVICE_A_URL',
    ],
    [{ PREFECT_API_URL: 'http://u:p@a', PREFECT_API_KEY: 'x' }, 'PREFECT_API_KEY', 'PREFECT_API_URL'],
  ]
  for (const [environment, first, second] of broken) {
    const problem = problemWith(environment)
    t.equal(problem.variable, first)
    t.match(problem.found, second, `found of ${first}`)
    t.match(problem.hint, first)
    t.match(problem.hint, second)
  }
})

t.test('R1.4 the edges of those rules are allowed', async (t) => {
  for (const environment of [
    { CONTAINER_GATE_BACKOFF_MIN: '1s', CONTAINER_GATE_BACKOFF_MAX: '1s' },
    { CONTAINER_STOP_GRACE: '10s', CONTAINER_STOP_DRAIN: '7500ms' },
    { CONTAINER_FLOW_READY_AFTER: '299s' },
    { CONTAINER_DISK_LOW_PERCENT: '5' },
    { CONTAINER_CLEANUP_PATHS: '/data', CONTAINER_STATE_DIRECTORY: '/data/state' },
    { CONTAINER_FLOW_READY: 'notify', CONTAINER_FLOW_READY_TIMEOUT: '500ms' },
  ]) {
    t.same(problemsWith(environment), [], JSON.stringify(environment))
  }
})

t.test('R1.4 a rule says nothing of a value that is wrong by itself', async (t) => {
  t.match(problemWith({ CONTAINER_STOP_GRACE: 'long', CONTAINER_STOP_DRAIN: '1m' }), {
    variable: 'CONTAINER_STOP_GRACE',
  })
})

const wrong: Environment = {
  CONTAINER_FLOW_NAME: 'Orders',
  CONTAINER_LOG_LEVEL: 'loud',
  CONTAINER_HTTP_PORT: '0',
  CONTAINER_HTTP_HOST: 'a b',
  CONTAINER_STOP_SIGNAL: 'KILL',
  CONTAINER_STOP_GRACE: '1d',
  CONTAINER_FLOW_USER: 'root',
  CONTAINER_ENVIRONMENT: 'prod',
  CONTAINER_RESTART_MAX: '-1',
  CONTAINER_GATE_BACKOFF_MIN: '1m',
  CONTAINER_DATABASE_B_URL: 'postgres://b',
  CONTAINER_DATABASE_A_URL: 'mysql://a/a',
  CONTAINER_DATABASE_A_POOL_SIZE: '1001',
  CONTAINER_DATABASE_C_REQUIRED: 'maybe',
  CONTAINER_SERVICE_A_URL: 'a:80',
  CONTAINER_SERVICE_A_TOKEN: 'with space',
  CONTAINER_HTTP_PROT: '1',
  CONTAINER_DATABASE_A_ULR: 'x',
  CONTAINER_SERVICE_A_AUTH_FILE: '/gone',
}

t.test('R1.4 every problem is listed, not only the first', async (t) => {
  t.same(
    problemsWith(wrong).map(({ variable }) => variable),
    [
      'CONTAINER_SERVICE_A_AUTH_FILE',
      'CONTAINER_FLOW_NAME',
      'CONTAINER_FLOW_USER',
      'CONTAINER_ENVIRONMENT',
      'CONTAINER_LOG_LEVEL',
      'CONTAINER_HTTP_HOST',
      'CONTAINER_HTTP_PORT',
      'CONTAINER_STOP_SIGNAL',
      'CONTAINER_STOP_GRACE',
      'CONTAINER_RESTART_MAX',
      'CONTAINER_GATE_BACKOFF_MIN',
      'CONTAINER_DATABASE_A_URL',
      'CONTAINER_DATABASE_A_POOL_SIZE',
      'CONTAINER_DATABASE_B_URL',
      'CONTAINER_DATABASE_C_URL',
      'CONTAINER_DATABASE_C_REQUIRED',
      'CONTAINER_SERVICE_A_URL',
      'CONTAINER_SERVICE_A_TOKEN',
      'CONTAINER_DATABASE_A_ULR',
      'CONTAINER_HTTP_PROT',
    ],
  )
})

t.test('R1.4 a secret that is wrong is described, not even masked piece by piece', async (t) => {
  t.match(problemWith({ CONTAINER_DATABASE_A_URL: 'postgres://app:hunter2@db' }), {
    variable: 'CONTAINER_DATABASE_A_URL',
    found: 'a value of 25 characters: it has no database name',
  })
  t.match(problemWith({ CONTAINER_SERVICE_A_URL: 'http://a', CONTAINER_SERVICE_A_TOKEN: 'ä' }), {
    found: 'a value of 1 character: it has characters a header cannot carry',
  })
})

t.test('R1.4 in an order that does not depend on the order of the environment', async (t) => {
  const expected = problemsWith(wrong)
  fc.assert(
    fc.property(
      fc.shuffledSubarray(Object.entries(wrong), { minLength: Object.keys(wrong).length }),
      (entries) => {
        if (JSON.stringify(problemsWith(Object.fromEntries(entries))) !== JSON.stringify(expected))
          throw new Error('order')
      },
    ),
    { numRuns: 20 },
  )
  t.pass()
})

t.test('R1.4 each problem has variable, found, expected and what to do', async (t) => {
  for (const problem of problemsWith(wrong)) {
    t.match(problem, { variable: /^CONTAINER_/, found: /./, expected: /./, hint: /./ }, problem.variable)
  }
  const report = renderProblems(problemsWith(wrong), { color: false, width: 140 })
  for (const name of Object.keys(wrong)) {
    if (name !== 'CONTAINER_DATABASE_C_URL') t.match(report, name, `report names ${name}`)
  }
})

t.test(
  'R1.1 whatever the environment holds, loading gives settings or problems and never throws',
  async (t) => {
    const names = fc.oneof(
      fc.constantFrom(
        ...Object.keys(wrong),
        'CONTAINER_CONFIG_FILE',
        'PREFECT_API_URL',
        'CONTAINER_DATABASE___PROTO___URL',
      ),
      fc.string({ unit: anyCharacter, maxLength: 12 }).map((text) => `CONTAINER_${text}`),
      fc
        .constantFrom('CONTAINER_DATABASE_', 'CONTAINER_SERVICE_')
        .chain((prefix) => fc.string({ maxLength: 8 }).map((text) => `${prefix}${text}_URL`)),
    )
    fc.assert(
      fc.property(
        fc.dictionary(
          names,
          fc.oneof(fc.string({ unit: anyCharacter }), fc.constantFrom('1', '1s', '/f', 'http://a')),
        ),
        fc.string({ unit: anyCharacter }),
        (environment, content) => {
          const loaded = loadWith(environment, { '/f': content })
          if (!loaded.ok && loaded.problems.length === 0) throw new Error('refused without a problem')
        },
      ),
      { numRuns: 40 },
    )
    t.pass()
  },
)

t.test('R1.4 a name from the environment cannot write to the terminal', async (t) => {
  const [problem] = problemsWith({ 'CONTAINER_\u001b[2J\nX': '1', CONTAINER_HTTP_HOST: '\u001b[2J' })
  t.equal(problem?.found, '"\\u{1b}[2J"')
  t.notMatch(JSON.stringify(problemsWith({ 'CONTAINER_\u001b[2J\nX': '1' })), /\\u001b|\\n/)
})

t.test('R1.4 what could not be read or was set twice hides no other problem', async (t) => {
  t.match(problemsWith({ CONTAINER_DATABASE_A_POOL_SIZE_FILE: '/gone' }), [
    { variable: 'CONTAINER_DATABASE_A_POOL_SIZE_FILE' },
    { variable: 'CONTAINER_DATABASE_A_URL', found: 'not set, while CONTAINER_DATABASE_A_POOL_SIZE is' },
  ])
  t.match(problemsWith({ CONTAINER_HTTP_PORT: 'x', CONTAINER_HTTP_PORT_FILE: '/port' }), [
    { variable: 'CONTAINER_HTTP_PORT', found: /^both/ },
    { variable: 'CONTAINER_HTTP_PORT', found: '"x"' },
  ])
})

t.test('§5 databases and services come in the order of their names, wherever they are set', async (t) => {
  const { entries } = accepted(
    {
      CONTAINER_CONFIG_FILE: '/f',
      CONTAINER_DATABASE_B_URL: 'postgres://db/b',
      CONTAINER_SERVICE_A_URL: 'http://a',
    },
    { '/f': 'CONTAINER_DATABASE_A_URL=postgres://db/a\n' },
  )
  const urls = entries.map(({ path }) => path).filter((path) => path.endsWith('.url'))
  t.same(urls, ['databases.a.url', 'databases.b.url', 'services.a.url'])
})

t.test('R7.1 a flow user is refused where the supervisor may not change to one', async (t) => {
  const environment = { CONTAINER_FLOW_NAME: 'orders', CONTAINER_FLOW_USER: '1000' }
  const loadAs = (uid: number) =>
    loadConfiguration({ environment, readFile: () => Buffer.alloc(0), hostname: 'box-1', uid })
  t.match(loadAs(0), { ok: true })
  t.match(loadAs(10001), { ok: false, problems: [{ variable: 'CONTAINER_FLOW_USER', found: /uid 10001/ }] })
})

t.test('§5 records are in the only database, or in one that is chosen and exists', async (t) => {
  const one = { CONTAINER_DATABASE_A_URL: 'postgres://db/a' }
  const two = { ...one, CONTAINER_DATABASE_B_URL: 'postgres://db/b' }
  t.equal(accepted(one).settings.records.database, 'a')
  t.equal(accepted(two).settings.records.database, undefined)
  t.equal(accepted({ ...two, CONTAINER_RECORDS_DATABASE: 'b' }).settings.records.database, 'b')
  t.match(problemsWith({ ...two, CONTAINER_RECORDS_DATABASE: 'c' }), [
    {
      variable: 'CONTAINER_RECORDS_DATABASE',
      found: /called c/,
      expected: /a, b/,
      hint: /CONTAINER_DATABASE_C_URL/,
    },
  ])
})
