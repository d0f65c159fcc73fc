import t from 'tap'
import type { CheckResult } from '../../../supervisor/core/dependency.ts'
import { Secret } from '../../../supervisor/core/secret.ts'
import { createDatabaseDependency } from '../../../supervisor/postgres/dependency.ts'
import {
  backendMessage,
  errorResponse,
  startAnsweringServer,
  startClosingServer,
  startEndlessServer,
  startPostgresLookalike,
  startSilentServer,
  type TestServer,
  unusedPort,
} from '../../harness/servers.ts'

const password = 'hunter2-canary'

function database(address: string, { parameters = '', connectTimeoutMs = 10_000 } = {}) {
  const url = new Secret(`postgresql://rpa:${password}@${address}/orders${parameters}`)
  return createDatabaseDependency('rpa_db', {
    url,
    connectTimeoutMs,
    healthQuery: 'select 1',
    required: true,
  })
}

function failing(result: CheckResult): string {
  return result.ok ? 'ok' : `${result.reason}: ${result.message}`
}

async function checkAgainst(server: TestServer, options = {}): Promise<string> {
  try {
    const said = failing(await database(server.address, options).check(new AbortController().signal))
    await server.idle()
    return said
  } finally {
    await server.close()
  }
}

t.test('R2.4 refused, and a name that does not exist', async (t) => {
  const signal = new AbortController().signal
  const port = await unusedPort()
  t.match(failing(await database(`127.0.0.1:${port}`).check(signal)), `refused: 127.0.0.1:${port} refused`)
  t.match(
    failing(await database(`localhost:${port}`).check(signal)),
    /^refused: localhost:\d+ refused/,
    'both families',
  )
  const unknown = failing(await database('no-such-host.invalid').check(signal))
  t.match(unknown, /^name_resolution: the name no-such-host\.invalid cannot be resolved/)
})

t.test('R2.4 a silent listener times out, with and without TLS', async (t) => {
  for (const parameters of ['?sslmode=disable', '?sslmode=require']) {
    const said = await checkAgainst(await startSilentServer(), { parameters, connectTimeoutMs: 60 })
    t.match(said, /^timeout: .* accepted the connection, but did not answer within 60ms$/, parameters)
  }
})

t.test('R2.4 a listener that says S to TLS and then nothing times out in the handshake', async (t) => {
  const said = await checkAgainst(await startAnsweringServer('S'), { connectTimeoutMs: 60 })
  t.match(said, /^timeout: .* did not finish the TLS handshake/)
})

t.test('R2.4 a server without TLS and a mode that demands it', async (t) => {
  const server = await startPostgresLookalike(errorResponse({ sqlState: '57P03', message: 'unused' }))
  t.match(
    await checkAgainst(server, { parameters: '?sslmode=require' }),
    /^tls: .* does not offer TLS.*sslmode=require/,
  )
})

t.test('R2.4 each refusal of PostgreSQL by its SQLSTATE', async (t) => {
  const cases = {
    '28P01': /^authentication: .* refused user "rpa" on database "orders": said so \(28P01\)$/,
    '28000': /^authentication: /,
    '3D000': /^missing_database: .* has no database "orders"/,
    '57P03': /^starting: .* said so \(57P03\)$/,
    '57P01': /^starting: /,
    '53300': /^bad_answer: .* said so \(SQLSTATE 53300\)$/,
  }
  for (const [sqlState, expected] of Object.entries(cases)) {
    const server = await startPostgresLookalike(errorResponse({ sqlState, message: 'said so' }))
    t.match(await checkAgainst(server), expected, sqlState)
  }
})

t.test(
  'R2.4 pg_hba.conf that wants encryption is TLS, one that wants anything else is authentication',
  async (t) => {
    const message = 'no pg_hba.conf entry for host "10.0.0.1", user "rpa", database "orders", no encryption'
    const start = () => startPostgresLookalike(errorResponse({ sqlState: '28000', message }))
    t.match(await checkAgainst(await start(), { parameters: '?sslmode=disable' }), /^tls: /)
    t.match(
      await checkAgainst(await start(), { parameters: '?sslmode=prefer' }),
      /^authentication: /,
      'TLS was not offered',
    )
    const certificate = errorResponse({
      sqlState: '28000',
      message: 'connection requires a valid client certificate',
    })
    t.match(await checkAgainst(await startPostgresLookalike(certificate)), /^tls: .*sslcert/)
  },
)

t.test('R2.4 a server that is something else', async (t) => {
  const http = 'HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n'
  const answers = {
    http: Buffer.from(http),
    'a parser that would throw': backendMessage('R', Buffer.from([0, 0, 0, 99])),
    'a parser that would loop': backendMessage('E', Buffer.from('S')),
    'an unknown message': backendMessage('?', Buffer.from('what')),
    'a row nobody asked for': backendMessage('D', Buffer.from([0, 0])),
    'a row cut short': backendMessage('T', Buffer.from([127, 255])),
  }
  for (const [what, answer] of Object.entries(answers)) {
    for (const parameters of ['?sslmode=disable', '?sslmode=prefer', '?sslmode=require']) {
      const said = await checkAgainst(await startAnsweringServer(answer), { parameters })
      t.match(said, /^bad_answer: /, `${what} ${parameters}`)
    }
  }
  for (const parameters of ['?sslmode=disable', '?sslmode=require']) {
    t.match(
      await checkAgainst(await startClosingServer(), { parameters }),
      /^bad_answer: .*closed the connection/,
    )
  }
})

t.test('R6.5 an endless answer is cut off, not collected', async (t) => {
  const zeros = Buffer.alloc(65_536)
  const notices = Buffer.concat(new Array(500).fill(backendMessage('N', Buffer.from('Mnoise\0\0'))))
  for (const [opening, chunk] of [
    [backendMessage('S', Buffer.from('a\0b\0')), notices],
    [Buffer.from([0x44, 0x3f, 0xff, 0xff, 0xff]), zeros],
  ] as const) {
    const server = await startEndlessServer(opening, chunk)
    t.match(
      await checkAgainst(server, { parameters: '?sslmode=disable' }),
      /^bad_answer: .* does not answer like Post/,
    )
  }
})

t.test('R2.4 asked for a password that the URL does not have', async (t) => {
  const mechanisms = Buffer.concat([Buffer.from([0, 0, 0, 10]), Buffer.from('SCRAM-SHA-256\0\0')])
  const challenge = Buffer.concat([Buffer.from([0, 0, 0, 11]), Buffer.from('r=x,s=c2FsdA==,i=4096')])
  let asked = false
  const server = await startPostgresLookalike((socket) => {
    socket.write(backendMessage('R', asked ? challenge : mechanisms))
    asked = true
  })
  const url = new Secret(`postgresql://rpa@${server.address}/orders`)
  const settings = { url, connectTimeoutMs: 10_000, healthQuery: 'select 1', required: true }
  const result = await createDatabaseDependency('rpa_db', settings).check(new AbortController().signal)
  t.match(failing(result), /^authentication: .* asks for a password, and the URL has none/)
  await server.close()
})

t.test('R7.2 the password is in no message, even when the server repeats it', async (t) => {
  const message = `password authentication failed: "${password}" is wrong`
  const said = await checkAgainst(await startPostgresLookalike(errorResponse({ sqlState: '28P01', message })))
  t.match(said, /^authentication: .*\[redacted\]/)
  t.notMatch(said, new RegExp(password))
  t.throws(() => database('h', { parameters: '?sslmode=on' }), { code: 'config_invalid' })
})

t.test('§4 an abort ends a check at once and destroys its socket', async (t) => {
  for (const parameters of ['?sslmode=disable', '?sslmode=require']) {
    const server = await startSilentServer()
    const stop = new AbortController()
    const connected = server.nextConnection()
    const checked = database(server.address, { parameters }).check(stop.signal)
    await connected
    stop.abort()
    t.match(await checked, { ok: false, message: /cancelled/ })
    await server.idle()
    await server.close()
  }
  t.match(await database('127.0.0.1:1').check(AbortSignal.abort()), { ok: false, message: /cancelled/ })
})

t.test('R2.4 certificate files that cannot be read', async (t) => {
  const parameters = '?sslmode=verify-ca&sslrootcert=/nowhere/ca.crt'
  const said = failing(await database('127.0.0.1:1', { parameters }).check(new AbortController().signal))
  t.match(said, /^tls: a certificate or key file .*\/nowhere\/ca\.crt/)
})

t.test('R2.5 a knock tells whether something listens', async (t) => {
  const signal = new AbortController().signal
  const server = await startSilentServer()
  t.equal(await database(server.address).knock(signal), true)
  await server.idle()
  await server.close()
  t.equal(await database(server.address).knock(signal), false)
  t.equal(await database('no-such-host.invalid').knock(signal), false)
  t.equal(await database('127.0.0.1:1').knock(AbortSignal.abort()), false)
  const socket = new Secret('postgresql:///x?host=/nowhere&user=rpa')
  const local = { url: socket, connectTimeoutMs: 1000, healthQuery: 'select 1', required: true }
  const unix = createDatabaseDependency('local', local)
  t.equal(await unix.knock(signal), false)
  t.match(failing(await unix.check(signal)), /^refused: there is no socket at \/nowhere/)
})
