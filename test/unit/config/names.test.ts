import t from 'tap'
import { placeOf, suggestName } from '../../../supervisor/config/names.ts'
import { databaseSchema, leavesOf, schema, serviceSchema } from '../../../supervisor/config/schema.ts'
import { accepted, problemsWith, problemWith } from './load-with.ts'

t.test('R1.2 a name maps by itself to its section', async (t) => {
  const paths: Record<string, string> = {
    CONTAINER_DATABASE_RPA_DB_URL: 'databases.rpa_db.url',
    CONTAINER_DATABASE_RPA_DB_POOL_SIZE: 'databases.rpa_db.pool_size',
    CONTAINER_DATABASE_URL_URL: 'databases.url.url',
    CONTAINER_SERVICE_PREFECT_URL: 'services.prefect.url',
    CONTAINER_SERVICE_A_HEALTH_PATH: 'services.a.health_path',
    CONTAINER_HTTP_PORT: 'http.port',
    CONTAINER_ENVIRONMENT: 'environment',
    CONTAINER_STOP_GRACE: 'stop.grace',
    CONTAINER_RESTART_BACKOFF_MIN: 'restart.backoff_min',
  }
  for (const [name, path] of Object.entries(paths)) t.equal(placeOf(name)?.path, path, name)
})

t.test('R1.2 every variable of the schema is its own path in upper case', async (t) => {
  for (const { path, setting } of leavesOf(schema)) {
    t.equal(setting.env, `CONTAINER_${path.replaceAll('.', '_').toUpperCase()}`)
    t.equal(placeOf(setting.env)?.path, path)
  }
  for (const [prefix, section, tree] of [
    ['CONTAINER_DATABASE_A_B', 'databases.a_b', databaseSchema('CONTAINER_DATABASE_A_B')],
    ['CONTAINER_SERVICE_A_B', 'services.a_b', serviceSchema('CONTAINER_SERVICE_A_B')],
  ] as const) {
    for (const { path, setting } of leavesOf(tree)) {
      t.equal(setting.env, `${prefix}_${path.toUpperCase()}`)
      t.equal(placeOf(setting.env)?.path, `${section}.${path}`)
    }
  }
})

t.test('R1.2 the value arrives in the section, and the entry names the path', async (t) => {
  const { settings, entries } = accepted({
    CONTAINER_DATABASE_RPA_DB_URL: 'postgres://db/rpa',
    CONTAINER_SERVICE_PREFECT_URL: 'http://prefect:4200/api',
  })
  t.equal(settings.databases['rpa_db']?.url.reveal(), 'postgres://db/rpa')
  t.equal(settings.services['prefect']?.url.reveal(), 'http://prefect:4200/api')
  t.match(
    entries.find(({ name }) => name === 'CONTAINER_DATABASE_RPA_DB_URL'),
    { path: 'databases.rpa_db.url', value: 'postgres://db/rpa', source: 'environment', secret: true },
  )
})

t.test('R1.4 the nearest known name, also inside a database or service', async (t) => {
  const meant: Record<string, string | undefined> = {
    CONTAINER_DATABASE_RPA_DB_ULR: 'CONTAINER_DATABASE_RPA_DB_URL',
    CONTAINER_DATBASE_RPA_DB_URL: 'CONTAINER_DATABASE_RPA_DB_URL',
    CONTAINER_DATABASES_RPA_DB_URL: 'CONTAINER_DATABASE_RPA_DB_URL',
    CONTAINER_DATABASE_RPA_DB_POOLSIZE: 'CONTAINER_DATABASE_RPA_DB_POOL_SIZE',
    CONTAINER_DATBASE_RPA_DB_CONECT_TIMEOUT: 'CONTAINER_DATABASE_RPA_DB_CONNECT_TIMEOUT',
    CONTAINER_SERVCE_PREFECT_URL: 'CONTAINER_SERVICE_PREFECT_URL',
    CONTAINER_SERVICE_PREFECT_TOKN_FILE: 'CONTAINER_SERVICE_PREFECT_TOKEN_FILE',
    CONTAINER_DATABASE_RPA_DB_ULR_FILE: 'CONTAINER_DATABASE_RPA_DB_URL_FILE',
    CONTAINER_FLOW_NMAE: 'CONTAINER_FLOW_NAME',
    CONTAINER_LOGLEVEL: 'CONTAINER_LOG_LEVEL',
    CONTAINER_PORT: 'CONTAINER_HTTP_PORT',
    CONTAINER_CONFIGFILE: 'CONTAINER_CONFIG_FILE',
    CONTAINER_CONFIG_FILE_FILE: 'CONTAINER_CONFIG_FILE',
    CONTAINER_http_port: 'CONTAINER_HTTP_PORT',
    CONTAINER_COLOUR_OF_THE_SKY: undefined,
    [`CONTAINER_${'X_'.repeat(5000)}`]: undefined,
  }
  for (const [name, expected] of Object.entries(meant))
    t.equal(suggestName(name), expected, name.slice(0, 60))
})

t.test('R1.4 an unknown name is a problem, with its value left unsaid', async (t) => {
  t.same(problemWith({ CONTAINER_DATABASE_RPA_DB_ULR: 'postgres://app:hunter2@db/rpa' }), {
    variable: 'CONTAINER_DATABASE_RPA_DB_ULR',
    found: 'an unknown name',
    expected: 'a name that Flowkeep knows; names for the flow alone begin with CONTAINER_APP_',
    hint: 'Did you mean CONTAINER_DATABASE_RPA_DB_URL?',
  })
  t.match(problemWith({ CONTAINER_COLOUR_OF_THE_SKY: 'blue' }), { hint: /config --reference/ })
})

t.test('R1.4 a name that cannot be one says how names look', async (t) => {
  for (const name of [
    'CONTAINER_DATABASE_URL',
    `CONTAINER_DATABASE_${'A'.repeat(64)}_URL`,
    'CONTAINER_DATABASE__A_URL',
    'CONTAINER_DATABASE_1_URL',
    'CONTAINER_DATABASE_A__B_URL',
  ]) {
    t.match(
      problemWith({ [name]: 'postgres://db/a' }),
      {
        variable: name,
        found: 'no name of a database or service in it',
        expected: /words joined by single underscores/,
        hint: 'Write CONTAINER_DATABASE_<NAME>_URL.',
      },
      name,
    )
  }
})

t.test('R1.4 two names that map to one path name each other', async (t) => {
  t.match(problemWith({ CONTAINER_http_port: '1', CONTAINER_HTTP_PORT: '2' }), {
    variable: 'CONTAINER_http_port',
    found: 'the same setting as CONTAINER_HTTP_PORT',
  })
  t.match(problemWith({ CONTAINER_http_port: '1' }), { hint: 'Rename it to CONTAINER_HTTP_PORT.' })
})

t.test('§5 CONTAINER_APP_* and names of others pass; a set-to-nothing name is unset', async (t) => {
  t.same(
    problemsWith({
      CONTAINER_APP_ANYTHING: 'x',
      CONTAINER_APP_A_FILE: '/x',
      PATH: '/bin',
      CONTAINERS: '1',
      CONTAINER_FOO: '',
    }),
    [],
  )
})

t.test(
  'R1.4 a group without its URL says what made it a group, and which one was probably meant',
  async (t) => {
    t.match(problemWith({ CONTAINER_DATABASE_A_POOL_SIZE: '3' }), {
      variable: 'CONTAINER_DATABASE_A_URL',
      found: 'not set, while CONTAINER_DATABASE_A_POOL_SIZE is',
    })
    t.match(
      problemWith({
        CONTAINER_DATABASE_RPA_DB_URL: 'postgres://db/a',
        CONTAINER_DATABASE_RPADB_POOL_SIZE: '3',
      }),
      {
        variable: 'CONTAINER_DATABASE_RPADB_URL',
        hint: 'Set it, or did you mean CONTAINER_DATABASE_RPA_DB_POOL_SIZE?',
      },
    )
  },
)
