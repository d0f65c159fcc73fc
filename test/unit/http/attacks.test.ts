// What nobody but an attacker sends: each is answered as the table in the design's findings says, by the early
// handler and by the routes that take over from it.

import t from 'tap'
import { createEarlyHandler } from '../../../supervisor/http/early.ts'
import { openListener } from '../../../supervisor/http/listener.ts'
import { rawRequest, sendRaw } from '../../harness/raw-http.ts'
import { openPublic } from './public-fixture.ts'

const targets: [string, number][] = [
  ['GET /health', 200],
  ['GET /%2e%2e/health', 404],
  ['GET /../health', 404],
  ['GET //health', 404],
  ['GET /health/', 404],
  ['GET /Health', 404],
  ['GET /%68ealth', 404],
  ['GET /health;x=1', 404],
  ['GET /health%00', 404],
  ['GET http://x/health', 404],
  ['GET x/health', 400],
  ['GET *', 404],
  ['GET /__proto__', 404],
  ['TRACE /health', 405],
  ['OPTIONS /health', 405],
  ['DELETE /health', 405],
  ['QUERY /metrics', 405],
  ['POST /nothing', 404],
  ['HACK /health', 400],
]

t.test('§6 path and method tricks reach nothing', async (t) => {
  const { port } = await openPublic(t)
  const early = await openListener('127.0.0.1', 0, createEarlyHandler('1'))
  t.teardown(() => early.close())
  for (const [line, expected] of targets) {
    const { status, head, body } = await sendRaw({ port, host: '127.0.0.1' }, rawRequest(line))
    t.equal(status, expected, line)
    t.match(head.toLowerCase(), 'cache-control: no-store', line)
    t.notMatch(body, /\n\s+at /, 'no stack')
    if (expected === 200) continue
    const soon = await sendRaw({ port: early.boundPort, host: '127.0.0.1' }, rawRequest(line))
    t.ok([400, 404, 405].includes(soon.status), `early ${line}: ${soon.status}`)
  }
})

t.test(
  '§6 bytes that are not HTTP, and headers beyond bounds, are refused and the connection closed',
  async (t) => {
    const { port } = await openPublic(t)
    const where = { port, host: '127.0.0.1' }
    t.equal((await sendRaw(where, 'GET /hea\0lth HTTP/1.1\r\n\r\n')).status, 400, 'NUL')
    t.equal((await sendRaw(where, '\x16\x03\x01 hello')).status, 400, 'TLS on a plain port')
    t.equal(
      (await sendRaw(where, rawRequest('GET /health', 'a: b\r\n'.repeat(10_000)))).status,
      431,
      'many headers',
    )
    t.equal((await sendRaw(where, rawRequest(`GET /${'a'.repeat(9000)}`))).status, 431, 'a long target')
    const smuggled = 'content-length: 4\r\ntransfer-encoding: chunked\r\n'
    t.equal((await sendRaw(where, rawRequest('GET /health', smuggled))).status, 400, 'two lengths')
  },
)

t.test('§6 a body is never read to its end', async (t) => {
  const { port } = await openPublic(t)
  const where = { port, host: '127.0.0.1' }
  const chunked = rawRequest('GET /health', 'transfer-encoding: chunked\r\n').replace(
    'connection: close\r\n',
    '',
  )
  const get = await sendRaw(where, chunked)
  t.equal(get.status, 413)
  t.match(get.head, /connection: close/i, 'closes although the body never ended')
  const post = await sendRaw(where, rawRequest('POST /health', 'content-length: 1073741824\r\n'))
  t.equal(post.status, 405)
})
