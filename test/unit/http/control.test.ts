import { once } from 'node:events'
import { existsSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { dirname } from 'node:path'
import t from 'tap'
import { FlowkeepError } from '../../../supervisor/core/errors.ts'
import { limits } from '../../../supervisor/core/limits.ts'
import { callSocket, rawRequest, sendRaw } from '../../harness/raw-http.ts'
import { shortDirectory } from '../../harness/short-directory.ts'
import { openControl, status } from './control-fixture.ts'
import { quiet } from './public-fixture.ts'

t.test('R7.4 the socket is 0600 in a 0700 directory that it makes, whatever the umask', async (t) => {
  const before = process.umask(0)
  t.teardown(() => process.umask(before))
  const { path, control } = await openControl(t)
  t.equal(statSync(path).mode & 0o777, 0o600)
  t.equal(statSync(dirname(path)).mode & 0o777, 0o700)
  t.equal(process.umask(), 0, 'the umask is as it was')
  await control.close()
  t.notOk(existsSync(path), 'gone with it')
})

t.test('§6 the four routes', async (t) => {
  const { path } = await openControl(t)
  const answer = await callSocket(path, 'GET', '/v1/status')
  t.equal(answer.status, 200)
  t.equal(answer.headers['cache-control'], 'no-store')
  t.strictSame(answer.json, status)
  for (const [name, state] of [
    ['ready', 'running'],
    ['reload', 'reloading'],
    ['drain', 'draining'],
  ]) {
    t.match(await callSocket(path, 'POST', `/v1/${name}`), { status: 200, json: { state } })
    t.match(await callSocket(path, 'POST', `/v1/${name}`, '{}', { 'content-type': 'application/json' }), {
      status: 200,
    })
    t.match(await callSocket(path, 'POST', `/v1/${name}`, '', { 'content-type': 'application/json' }), {
      status: 200,
    })
  }
})

t.test('§6 every answer ends its line', async (t) => {
  const { call } = await openControl(t)
  const operation = { id: 'order-1', target: 'rpa_db', sql: 'select 1' }
  const answers = [
    await call('GET', '/v1/status'),
    await call('POST', '/v1/operations', operation),
    await call('POST', '/v1/operations', [operation, operation]),
    await call('GET', '/v1/operations'),
    await call('GET', '/v1/operations/order-1'),
    await call('GET', '/nothing'),
  ]
  for (const { text } of answers) t.match(text, /^\{.*\}\n$/)
})

t.test('§6 every refusal has the envelope', async (t) => {
  let calls = 0
  const count = () => {
    calls++
    return 'running' as const
  }
  const { path } = await openControl(t, { ready: count, drain: count })
  const json = { 'content-type': 'application/json' }
  const cases: [string, Promise<{ status: number; json: Record<string, unknown> }>, number, string][] = [
    ['unknown path', callSocket(path, 'GET', '/v1/nothing'), 404, 'not_found'],
    ['wrong method', callSocket(path, 'DELETE', '/v1/ready'), 405, 'invalid_request'],
    ['malformed JSON', callSocket(path, 'POST', '/v1/ready', '{"a"', json), 400, 'invalid_request'],
    [
      '__proto__',
      callSocket(path, 'POST', '/v1/ready', '{"__proto__":{"a":1}}', json),
      400,
      'invalid_request',
    ],
    [
      'constructor',
      callSocket(path, 'POST', '/v1/ready', '{"constructor":{"prototype":{"a":1}}}', json),
      400,
      'invalid_request',
    ],
    ['an array', callSocket(path, 'POST', '/v1/ready', '[]', json), 400, 'invalid_request'],
    [
      'another type',
      callSocket(path, 'POST', '/v1/drain', 'a=1', { 'content-type': 'text/plain' }),
      415,
      'invalid_request',
    ],
    [
      'too large',
      callSocket(path, 'POST', '/v1/drain', '', {
        ...json,
        'content-length': String(limits.controlBodyBytes + 1),
      }),
      413,
      'invalid_request',
    ],
    ['a malformed path', callSocket(path, 'GET', '/v1/%zz'), 400, 'invalid_request'],
  ]
  for (const [name, pending, code, errorCode] of cases) {
    const { status, json } = await pending
    t.equal(status, code, name)
    t.match(json, { error: { code: errorCode, message: /\w/, hint: /\w/ } }, name)
  }
  const field = await callSocket(path, 'POST', '/v1/ready', '{"force":true}', json)
  t.match(field, { status: 400, json: { error: { code: 'invalid_request', field: 'force' } } })
  const notHttp = await sendRaw({ path }, 'hello\r\n\r\n')
  t.equal(notHttp.status, 400)
  t.match(JSON.parse(notHttp.body), { error: { code: 'invalid_request', hint: /\w/ } })
  t.equal(calls, 0, 'nothing has happened')
  t.equal(({} as Record<string, unknown>)['a'], undefined)
})

t.test('§6 a command that does not fit the state says so with its catalogue status', async (t) => {
  const { path } = await openControl(t, {
    ready() {
      throw new FlowkeepError('wrong_state', {
        operation: 'cannot take readiness',
        message: 'the flow is not starting',
        hint: 'Call it once from the flow.',
      })
    },
    reload: () => Promise.reject(new Error('secret=hunter2')),
  })
  t.match(await callSocket(path, 'POST', '/v1/ready'), {
    status: 409,
    json: { error: { code: 'wrong_state', hint: 'Call it once from the flow.' } },
  })
  const failed = await callSocket(path, 'POST', '/v1/reload')
  t.match(failed, { status: 500, json: { error: { code: 'internal' } } })
  t.notMatch(JSON.stringify(failed.json), 'hunter2')
})

t.test('§2 what is in the way at the path is refused, and left as it is', async (t) => {
  const directory = shortDirectory(t)
  const refused = async (path: string, why: RegExp) => {
    await t.rejects(
      openControl(t, { path }),
      { code: 'control_socket_unavailable', message: why, hint: /\w/ },
      path,
    )
  }
  writeFileSync(`${directory}/file`, 'mine')
  await refused(`${directory}/file`, /no socket/)
  t.equal(statSync(`${directory}/file`).size, 4)
  symlinkSync('/nowhere', `${directory}/link`)
  await refused(`${directory}/link`, /symbolic link/)
  mkdirSync(`${directory}/directory`)
  await refused(`${directory}/directory`, /no socket/)
  await refused(`${directory}/file/control.sock`, /./)
  await refused('control.sock', /not absolute/)
  await refused(`/tmp/${'x'.repeat(limits.socketPathBytes)}`, /longer than 107 bytes/)
})

t.test('§2 a socket that answers belongs to someone else', async (t) => {
  const { path } = await openControl(t)
  await t.rejects(openControl(t, { path }), {
    code: 'control_socket_unavailable',
    message: /another process/,
  })
  t.equal((await callSocket(path, 'GET', '/v1/status')).status, 200, 'and still answers')
})

t.test('R7.4 an existing directory that is for the socket alone is closed to others', async (t) => {
  const directory = shortDirectory(t)
  mkdirSync(`${directory}/own`, { mode: 0o755 })
  const { path } = await openControl(t, { path: `${directory}/own/control.sock` })
  t.equal(statSync(dirname(path)).mode & 0o777, 0o700)
})

t.test('§2 a directory of others is not closed to them, and that is said', async (t) => {
  const directory = shortDirectory(t)
  mkdirSync(`${directory}/shared`, { mode: 0o755 })
  writeFileSync(`${directory}/shared/a-file`, '')
  const warned: unknown[] = []
  await openControl(t, {
    path: `${directory}/shared/control.sock`,
    logger: { ...quiet, warn: (fields) => warned.push(fields['event']) },
  })
  t.equal(statSync(`${directory}/shared`).mode & 0o777, 0o755)
  t.strictSame(warned, ['control.directory_open'])
})

t.test('§6 a request target in any other form is not ours', async (t) => {
  const { path } = await openControl(t)
  for (const line of ['GET //v1/status', 'GET /v1/../v1/status', 'TRACE /v1/status', 'GET /v1/status/']) {
    const { status } = await sendRaw({ path }, rawRequest(line))
    t.ok([400, 404, 405].includes(status), `${line}: ${status}`)
  }
})

t.test(
  '§6 floods of headers, of a body and of connections are cut off, and the socket still answers',
  async (t) => {
    const { path } = await openControl(t)
    const headers = await sendRaw({ path }, rawRequest('GET /v1/status', 'a: b\r\n'.repeat(10_000)))
    t.equal(headers.status, 431)

    const chunk = `100000\r\n${' '.repeat(0x100000)}\r\n`
    const head = 'content-type: application/json\r\ntransfer-encoding: chunked\r\n'
    const body = await sendRaw({ path }, rawRequest('POST /v1/ready', head) + chunk.repeat(9))
    t.equal(body.status, 413)
    t.equal(JSON.parse(body.body).error.code, 'invalid_request')

    const idle = Array.from({ length: limits.controlConnections }, () => connect({ path }))
    t.teardown(() => {
      for (const socket of idle) socket.destroy()
    })
    await Promise.all(idle.map((socket) => once(socket, 'connect')))
    t.equal((await sendRaw({ path }, rawRequest('GET /v1/status'))).status, 0, 'one too many')
    const [first] = idle
    first?.end()
    first?.resume()
    if (first) await once(first, 'close')
    t.equal((await callSocket(path, 'GET', '/v1/status')).status, 200)
  },
)
