// Which process is looked at, and what the configuration says of the container.

import t from 'tap'
import { configuredBy, supervisedProcess } from '../../../supervisor/security.ts'
import { accepted, loadBare } from '../config/load-with.ts'

const first = (...argv: string[]) => ({ text: () => argv.map((argument) => `${argument}\0`).join('') })

t.test("R7 the container's first process is looked at where it is the supervisor", async (t) => {
  const flags = ['/opt/flowkeep/bin/node', '--disable-sigusr1', '/usr/local/bin/flowkeep', 'run']
  t.same(supervisedProcess(first(...flags, '--', 'python', '-m', 'flow1')), {
    process: '/proc/1',
    command: ['python', '-m', 'flow1'],
  })
  t.same(supervisedProcess(first(...flags, 'python')), { process: '/proc/1', command: ['python'] })
})

t.test('R7 otherwise whoever asks looks at itself', async (t) => {
  const self = { process: '/proc/self', command: [] }
  t.same(supervisedProcess(first('sh', '-c', 'flowkeep run')), self)
  t.same(supervisedProcess(first('/sbin/init')), self)
  t.same(supervisedProcess(first('/bin/other', 'run', '--', 'x')), self)
  const hidden = {
    text() {
      throw new Error('EACCES')
    },
  }
  t.same(supervisedProcess(hidden), self)
})

t.test('R7 ports, databases and places come from the configuration', async (t) => {
  const configured = configuredBy(
    accepted({
      CONTAINER_HTTP_PORT: '9000',
      CONTAINER_SECURITY_ALLOWED_PORTS: '80,443',
      CONTAINER_SECURITY_ALLOWED_SETUID: '/usr/bin/su',
      CONTAINER_STATE_DIRECTORY: '/state',
      CONTAINER_DATABASE_A_URL: 'postgres://u:geheim@db.example/a?sslmode=require',
      CONTAINER_DATABASE_B_URL: 'postgres://u:geheim@localhost/b',
      CONTAINER_SERVICE_C_TOKEN: 'geheim',
      CONTAINER_SERVICE_C_URL: 'http://c',
    }),
    [],
  )
  t.same(configured.ports, [9000, 80, 443])
  t.same(configured.allowedSetuid, ['/usr/bin/su'])
  t.equal(configured.stateDirectory, '/state')
  t.same(configured.databases, [
    { name: 'a', host: 'db.example', sslMode: 'require' },
    { name: 'b', host: 'localhost', sslMode: 'prefer' },
  ])
  t.ok(configured.secretVariables.includes('CONTAINER_SERVICE_C_TOKEN'))
  t.notOk(JSON.stringify(configured).includes('geheim'))
})

t.test('R7 a configuration that is refused leaves what it would say unknown', async (t) => {
  const configured = configuredBy(loadBare({}), [])
  t.equal(configured.databases, undefined)
  t.same(configured.ports, [8088])
  t.equal(configured.stateDirectory, '/var/lib/flowkeep')
})

t.test(
  'R7.2 the files that secrets were read from are known, also out of a configuration file',
  async (t) => {
    const url = 'postgres://u:geheim@db/a'
    const fromFile = accepted(
      { CONTAINER_CONFIG_FILE: '/etc/flow.env' },
      {
        '/etc/flow.env': 'CONTAINER_DATABASE_A_URL_FILE=/run/secrets/a\n',
        '/run/secrets/a': url,
      },
    )
    t.same(configuredBy(fromFile, []).secretFiles, ['/run/secrets/a'])
    const withKey = accepted({ CONTAINER_DATABASE_A_URL: `${url}?sslcert=/c.pem&sslkey=/k.pem` })
    t.same(configuredBy(withKey, []).secretFiles, ['/k.pem'])
  },
)

t.test('R7.4 code is where the command, the search paths and Flowkeep itself are', async (t) => {
  const { codeDirectories } = configuredBy(loadBare({}), [
    '/usr/bin/env',
    '/etc/no-such-place/x.py',
    '--data',
    '/tmp',
  ])
  t.ok(codeDirectories.includes('/usr/bin'))
  t.notOk(
    codeDirectories.some(
      (directory) => directory === '/' || directory === '/tmp' || directory.includes('no-such'),
    ),
  )
})
