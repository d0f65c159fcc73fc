// What `npm start` makes up, asks and refuses.

import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { parseContainers } from '../../../compose/operate/project.ts'
import { troublesOf } from '../../../compose/operate/status-command.ts'
import { checkPortNumbers, checkPorts } from '../../../compose/stack/ports.ts'
import { pages } from '../../../compose/stack/project.ts'
import { ensureSecrets } from '../../../compose/stack/secrets.ts'

function directory(t: { teardown(fn: () => void): void }): string {
  const path = mkdtempSync(join(tmpdir(), 'flowkeep-secrets-'))
  t.teardown(() => rmSync(path, { recursive: true }))
  return join(path, 'secrets')
}

t.test('R7.2 passwords are made up once, each another, and only their owner reaches them', async (t) => {
  const path = directory(t)
  t.equal(ensureSecrets(path, false), true)
  t.equal(statSync(path).mode & 0o777, 0o700)
  const read = () => readdirSync(path).map((name) => readFileSync(join(path, name), 'utf8'))
  const passwords = read().map((text) => /[0-9a-f]{48}/.exec(text)?.[0])
  t.equal(new Set(passwords).size, 3)
  const before = read()
  t.equal(ensureSecrets(path, true), false)
  t.same(read(), before)
})

t.test('R6.1 passwords that a database has already are never made up anew', async (t) => {
  const path = directory(t)
  t.throws(() => ensureSecrets(path, true), {
    code: 'config_invalid',
    message: /postgres_password.* missing, while the database/,
    hint: /Put back/,
  })
  ensureSecrets(path, false)
  rmSync(join(path, 'flows_database_url'))
  t.throws(() => ensureSecrets(path, false), {
    code: 'config_invalid',
    message: /: flows_database_url of .* is missing, while others/,
  })
})

t.test('R6.1 a port that is in use is named, with the variable that chooses another', async (t) => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  const environment = { HAPROXY_PORT: String(port), PREFECT_PORT: '0' }
  const some = pages.slice(0, 2)
  await t.rejects(checkPorts(some, new Set(), environment), {
    code: 'port_unavailable',
    message: new RegExp(`port ${port} .*in use`),
    hint: /HAPROXY_PORT=/,
  })
  await checkPorts(some, new Set(['haproxy']), environment)
  for (const wrong of ['eighty', '65536', '-1', '1.5']) {
    t.throws(() => checkPortNumbers(some, { HAPROXY_PORT: wrong }), {
      code: 'config_invalid',
      message: wrong,
    })
  }
})

t.test('R6.1 what did not come up is named, and what ended well is not', async (t) => {
  const lines = [
    '{"ID":"1","Name":"a-1","Service":"a","State":"running","Health":"healthy","ExitCode":0}',
    '{"ID":"1","Name":"b-1","Service":"b","State":"running","Health":"","ExitCode":0}',
    '{"ID":"1","Name":"c-1","Service":"c","State":"running","Health":"starting","ExitCode":0}',
    '{"ID":"1","Name":"d-1","Service":"d","State":"exited","Health":"","ExitCode":78}',
    '{"ID":"1","Name":"e-1","Service":"e","State":"exited","Health":"","ExitCode":0}',
  ]
  const wrong = ['c-1 is starting', 'd-1 ended with exit code 78']
  const found = (text: string) => troublesOf(parseContainers(text).map((container) => ({ container })))
  t.same(found(lines.join('\n')), wrong)
  t.same(found(`[${lines.join(',')}]`), wrong)
  t.same(found(''), [])
})
