import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { readSmallFile } from '../../../supervisor/config/read-text.ts'
import { limits } from '../../../supervisor/core/limits.ts'
import { accepted, type Environment, loadBare, problemsWith, problemWith } from './load-with.ts'

const token = { CONTAINER_SERVICE_A_URL: 'http://a' }

t.test('§5 any variable may come as NAME_FILE, with one last newline taken off', async (t) => {
  const read = (content: string) =>
    accepted({ ...token, CONTAINER_SERVICE_A_AUTH_FILE: '/s' }, { '/s': content }).settings.services[
      'a'
    ]?.auth?.reveal()
  t.equal(read('u:pw'), 'u:pw')
  t.equal(read('u:pw\n'), 'u:pw')
  t.equal(read('u:pw\r\n'), 'u:pw')
  t.equal(read('u:pw '), 'u:pw ')
  t.equal(read('\ufeffu:pw\n'), 'u:pw')
  t.match(problemsWith({ ...token, CONTAINER_SERVICE_A_AUTH_FILE: '/s' }, { '/s': 'u:pw\n\n' }), {
    length: 1,
  })

  const loaded = accepted({ CONTAINER_HTTP_PORT_FILE: '/port' }, { '/port': '99\n' })
  t.equal(loaded.settings.http.port, 99)
  t.match(
    loaded.entries.find(({ path }) => path === 'http.port'),
    { name: 'CONTAINER_HTTP_PORT', value: 99, source: 'file', secret: false },
  )
  t.same(loaded.files, ['/port'])
  t.match(problemWith({ CONTAINER_HTTP_PORT_FILE: '/port' }, { '/port': 'x' }), {
    variable: 'CONTAINER_HTTP_PORT',
    found: '"x" (in /port)',
  })
})

t.test('§5 both forms of a variable are an error that names both', async (t) => {
  t.match(problemWith({ CONTAINER_HTTP_PORT: '1', CONTAINER_HTTP_PORT_FILE: '/port' }, { '/port': '2' }), {
    variable: 'CONTAINER_HTTP_PORT',
    found: 'both CONTAINER_HTTP_PORT and CONTAINER_HTTP_PORT_FILE are set',
  })
  t.equal(accepted({ CONTAINER_HTTP_PORT: '1', CONTAINER_HTTP_PORT_FILE: '' }).settings.http.port, 1)
  t.equal(
    accepted({ CONTAINER_HTTP_PORT: '', CONTAINER_HTTP_PORT_FILE: '/p' }, { '/p': '2' }).settings.http.port,
    2,
  )
})

t.test('§5 a file that cannot serve is a problem that names its path, and only that one', async (t) => {
  const found = (content: Buffer | string) =>
    problemWith({ ...token, CONTAINER_SERVICE_A_TOKEN_FILE: '/run/secrets/a' }, { '/run/secrets/a': content })
      .found
  t.equal(
    found(Buffer.alloc(limits.configFileBytes + 1, 97)),
    `/run/secrets/a is larger than ${limits.configFileBytes} bytes`,
  )
  t.equal(found(Buffer.from([0x61, 0xff])), '/run/secrets/a is not UTF-8 text')
  t.equal(found('a\0b'), '/run/secrets/a has a NUL byte')
  t.equal(found(''), '/run/secrets/a is empty')
  t.equal(found('\n'), '/run/secrets/a is empty')
  // The flow's name is required: that its file is missing must not be told as "not set" as well.
  const loaded = loadBare({ CONTAINER_FLOW_NAME_FILE: '/gone' })
  t.match(loaded, {
    ok: false,
    problems: [{ variable: 'CONTAINER_FLOW_NAME_FILE', found: '/gone does not exist' }],
  })
  t.equal(!loaded.ok && loaded.problems.length, 1)
})

t.test('R7.2 a secret that was put into NAME_FILE by mistake is not shown as a path', async (t) => {
  const problem = problemWith({ ...token, CONTAINER_SERVICE_A_TOKEN_FILE: 'hunter2hunter2' })
  t.equal(problem.found, 'a value of 14 characters that is no path')
})

t.test('§5 readSmallFile refuses what is no small regular file, without ever waiting for it', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'flowkeep-config-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const at = (name: string) => join(directory, name)
  execFileSync('mkfifo', [at('fifo')])
  writeFileSync(at('large'), Buffer.alloc(3 * limits.configFileBytes))
  writeFileSync(at('small'), 'text')
  t.equal(readSmallFile(at('small')).toString(), 'text')
  t.equal(readSmallFile(at('large')).length, limits.configFileBytes + 1)
  t.throws(() => readSmallFile(at('fifo')), { code: 'ENOTREG' })
  t.throws(() => readSmallFile('/dev/zero'), { code: 'ENOTREG' })
  t.throws(() => readSmallFile(directory), { code: 'EISDIR' })
  t.throws(() => readSmallFile(at('gone')), { code: 'ENOENT' })
})

const path = '/etc/flowkeep.env'

function withFile(content: string, environment: Environment = {}) {
  return accepted({ CONTAINER_CONFIG_FILE: path, ...environment }, { [path]: content, '/port': '7' })
}

t.test('§5 CONTAINER_CONFIG_FILE: NAME=value lines, comments, empty lines, quotes', async (t) => {
  const { settings, files, entries } = withFile(
    [
      '\ufeff# comment',
      '',
      '  CONTAINER_HTTP_PORT = 81 ',
      'CONTAINER_HTTP_HOST="127.0.0.1"',
      "CONTAINER_DATABASE_A_HEALTH_QUERY=' select 2 '",
      'CONTAINER_DATABASE_A_URL=postgres://app:pw@db/a?application_name=a=b\r',
      'CONTAINER_RESTART_MAX=',
      'CONTAINER_APP_X=left alone',
      '   # another',
    ].join('\n'),
  )
  t.equal(settings.http.port, 81)
  t.equal(settings.http.host, '127.0.0.1')
  t.equal(settings.databases['a']?.healthQuery, ' select 2 ')
  t.equal(settings.databases['a']?.url.reveal(), 'postgres://app:pw@db/a?application_name=a=b')
  t.equal(settings.restart.max, 5)
  t.same(files, [path])
  t.equal(entries.find(({ path }) => path === 'http.port')?.source, 'config_file')
  t.equal(entries.find(({ path }) => path === 'restart.max')?.source, 'default')
})

t.test('§5 a # inside a value belongs to it: passwords have it', async (t) => {
  const { settings } = withFile('CONTAINER_SERVICE_A_URL=http://a\nCONTAINER_SERVICE_A_AUTH=u:a #b')
  t.equal(settings.services['a']?.auth?.reveal(), 'u:a #b')
})

t.test('§5 the file ranks below the environment, in either form', async (t) => {
  t.equal(withFile('CONTAINER_HTTP_PORT=81', { CONTAINER_HTTP_PORT: '82' }).settings.http.port, 82)
  t.equal(withFile('CONTAINER_HTTP_PORT=81', { CONTAINER_HTTP_PORT: '' }).settings.http.port, 81)
  t.equal(withFile('CONTAINER_HTTP_PORT=81', { CONTAINER_HTTP_PORT_FILE: '/port' }).settings.http.port, 7)
  t.equal(withFile('CONTAINER_HTTP_PORT_FILE=/gone', { CONTAINER_HTTP_PORT: '82' }).settings.http.port, 82)
  const { settings, entries, files } = withFile('CONTAINER_HTTP_PORT_FILE=/port')
  t.equal(settings.http.port, 7)
  t.equal(entries.find(({ path }) => path === 'http.port')?.source, 'file')
  t.same(files, [path, '/port'])
})

t.test('R1.4 every bad line is told by its number, and no line is repeated', async (t) => {
  const content = [
    'CONTAINER_HTTP_PORT=80',
    'hunter2 alone',
    'export CONTAINER_HTTP_HOST=::',
    'aHVudGVyMg==',
    'CONTAINER_HTTP_PORT=81',
    'CONTAINER_FLOW_READY="notify',
    "CONTAINER_FLOW_READY='notify' x",
    'CONTAINER_CONFIG_FILE=/other',
    'CONTAINER_HTTP_PROT=1',
    'CONTAINER_RESTART_MAX=many',
    '=x',
  ].join('\n')
  const problems = problemsWith({ CONTAINER_CONFIG_FILE: path }, { [path]: content })
  t.same(
    problems.map(({ variable, found }) => [variable, found]),
    [
      ['CONTAINER_CONFIG_FILE', `line 2 of ${path} has no "="`],
      ['CONTAINER_CONFIG_FILE', `line 3 of ${path} begins with "export"`],
      ['CONTAINER_CONFIG_FILE', `line 4 of ${path} sets a name that does not begin with CONTAINER_`],
      ['CONTAINER_HTTP_PORT', `line 5 of ${path} sets it again after line 1`],
      ['CONTAINER_FLOW_READY', `line 6 of ${path} has a quote that is not closed at the end of the line`],
      ['CONTAINER_FLOW_READY', `line 7 of ${path} has a quote that is not closed at the end of the line`],
      ['CONTAINER_CONFIG_FILE', `line 8 of ${path} names another configuration file`],
      ['CONTAINER_CONFIG_FILE', `line 11 of ${path} sets a name that does not begin with CONTAINER_`],
      ['CONTAINER_RESTART_MAX', `"many" (line 10 of ${path})`],
      ['CONTAINER_HTTP_PROT', `an unknown name (line 9 of ${path})`],
    ],
  )
})

t.test('§5 a configuration file that cannot be read is a problem', async (t) => {
  t.match(problemWith({ CONTAINER_CONFIG_FILE: '/gone' }), {
    variable: 'CONTAINER_CONFIG_FILE',
    found: '/gone does not exist',
    expected: /NAME=value lines/,
  })
})

const prefect = { PREFECT_API_URL: 'http://prefect:4200/api' }

t.test('§5 Prefect’s own variables stand in for the service prefect', async (t) => {
  const { settings, entries } = accepted({ ...prefect, PREFECT_API_KEY: 'pnu_key' })
  t.match(settings.services['prefect'], {
    healthPath: '/ready',
    timeoutMs: 5000,
    required: true,
    auth: undefined,
  })
  t.equal(settings.services['prefect']?.url.reveal(), 'http://prefect:4200/api')
  t.equal(settings.services['prefect']?.token?.reveal(), 'pnu_key')
  t.match(
    entries.find(({ path }) => path === 'services.prefect.url'),
    { name: 'PREFECT_API_URL', source: 'environment' },
  )
})

t.test('§5 what Flowkeep’s own variables say about prefect wins', async (t) => {
  const own = accepted({
    ...prefect,
    PREFECT_API_KEY: 'pnu_key',
    CONTAINER_SERVICE_PREFECT_URL: 'http://other:4200',
    CONTAINER_SERVICE_PREFECT_AUTH: 'u:pw',
    CONTAINER_SERVICE_PREFECT_REQUIRED: 'no',
    CONTAINER_SERVICE_PREFECT_HEALTH_PATH: '/health',
  }).settings.services['prefect']
  t.equal(own?.url.reveal(), 'http://other:4200/api')
  t.equal(own?.auth?.reveal(), 'u:pw')
  t.match(own, { token: undefined, required: false, healthPath: '/health' })
})

t.test('§5 Prefect prefers its auth string to its key, and so does the takeover', async (t) => {
  const both = accepted({
    ...prefect,
    PREFECT_API_KEY: 'pnu_key',
    PREFECT_API_AUTH_STRING: 'admin:pw',
  }).settings
  t.equal(both.services['prefect']?.auth?.reveal(), 'admin:pw')
  t.equal(both.services['prefect']?.token, undefined)
})

t.test(
  '§5 without a URL Prefect’s key makes no service; a bad URL is told under the name it has',
  async (t) => {
    t.same(Object.keys(accepted({ PREFECT_API_KEY: 'pnu_key', PREFECT_API_URL: '' }).settings.services), [])
    t.match(problemWith({ PREFECT_API_URL: 'prefect:4200' }), { variable: 'PREFECT_API_URL' })
  },
)
