// What nobody but an attacker sends: each is answered as the table in the design's findings says, by the early
// handler and by the routes that take over from it.

import fc from 'fast-check'
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

const twice = (header: string) => `${header}\r\n${header}\r\n`
const request = 'GET /health HTTP/1.1\r\nhost: x\r\n'

/** Bytes, and what they are answered with; 0 is a connection that is closed without a word. */
const malformed: Record<string, [string, number]> = {
  'a tunnel': [rawRequest('CONNECT example.invalid:443'), 0],
  'the preface of HTTP/2': ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
  'a version that is none': [`GET /health HTTP/9.9\r\nhost: x\r\n\r\n`, 400],
  'no host': ['GET /health HTTP/1.1\r\nconnection: close\r\n\r\n', 400],
  'a method of 5,000 letters': [rawRequest(`${'G'.repeat(5_000)} /health`), 400],
  'an expectation': [rawRequest('GET /health', 'expect: the-unexpected\r\n'), 417],
  'a folded header': [rawRequest('GET /health', 'a: b\r\n c\r\n'), 400],
  'a space before the colon': [rawRequest('GET /health', 'a : b\r\n'), 400],
  'a NUL in a header': [rawRequest('GET /health', 'a: b\0c\r\n'), 400],
  'bare line feeds': [rawRequest('GET /health').replaceAll('\r\n', '\n'), 400],
  'a negative length': [rawRequest('GET /health', 'content-length: -4\r\n'), 400],
  'a length with a sign': [rawRequest('GET /health', 'content-length: +4\r\n'), 400],
  'a length without end': [rawRequest('GET /health', `content-length: ${'9'.repeat(30)}\r\n`), 400],
  'the same length twice': [rawRequest('GET /health', twice('content-length: 4')), 400],
  'a coded body': [rawRequest('GET /health', 'transfer-encoding: gzip, chunked\r\n'), 413],
  'bytes beyond ASCII': [rawRequest('GET /h\u2028ealth'), 400],
  'a backslash': [rawRequest('GET \\health'), 400],
  'a fragment': [rawRequest('GET /health#x'), 404],
  'half an escape': [rawRequest('GET /%E0%A4%A'), 400],
  'credentials in the target': [rawRequest('GET http://user:canary@x/metrics'), 404],
  'another method in a header': [rawRequest('POST /health', 'x-http-method-override: GET\r\n'), 405],
  'another path in a header': [rawRequest('GET /nothing', 'x-original-url: /metrics\r\n'), 404],
  'names of every object': [rawRequest(`GET /health?${'__proto__[a]=b&constructor=c&'.repeat(200)}`), 200],
  'an upgrade': [`${request}connection: upgrade, close\r\nupgrade: websocket\r\n\r\n`, 200],
}

t.test('§6 what is not quite HTTP is refused, before and after the routes take over', async (t) => {
  const { port } = await openPublic(t)
  const early = await openListener('127.0.0.1', 0, createEarlyHandler('1'))
  t.teardown(() => early.close())
  for (const [what, [bytes, expected]] of Object.entries(malformed)) {
    const { status, body } = await sendRaw({ port, host: '127.0.0.1' }, bytes)
    t.equal(status, expected, what)
    t.notMatch(body, /canary|\n\s+at /, what)
    const soon = await sendRaw({ port: early.boundPort, host: '127.0.0.1' }, bytes)
    const known = expected === 200 ? [503] : [expected, 404]
    t.ok(known.includes(soon.status), `early, ${what}: ${soon.status}`)
  }
  t.equal(Object.getOwnPropertyNames(Object.prototype).includes('a'), false)
})

t.test('§6 any bytes at all: the connection ends, and the next request is answered', async (t) => {
  const { port } = await openPublic(t)
  const where = { port, host: '127.0.0.1' }
  const head = Buffer.from(rawRequest('GET /health', 'accept: text/plain\r\n'))
  const broken = fc
    .tuple(fc.nat(head.length), fc.uint8Array({ maxLength: 200 }))
    .map(([at, bytes]) => Buffer.concat([head.subarray(0, at), bytes, head.subarray(at)]))
  const anything = fc.oneof(broken, fc.uint8Array({ maxLength: 2_000 }).map(Buffer.from))
  await fc.assert(
    fc.asyncProperty(anything, async (bytes) => {
      const { status } = await sendRaw(where, bytes, true)
      return status < 500
    }),
    { numRuns: 200 },
  )
  t.equal((await sendRaw(where, rawRequest('GET /health'))).status, 200)
})

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
