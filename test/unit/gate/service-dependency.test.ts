import type { IncomingMessage, RequestListener } from 'node:http'
import tls from 'node:tls'
import t from 'tap'
import type { CheckResult } from '../../../supervisor/core/dependency.ts'
import { Secret } from '../../../supervisor/core/secret.ts'
import { createServiceDependency, healthUrl } from '../../../supervisor/gate/service-dependency.ts'
import { createAuthority } from '../../harness/certificates.ts'
import {
  startAnsweringServer,
  startClosingServer,
  startHttpServer,
  startHttpsServer,
  startSilentServer,
  type TestServer,
  unusedPort,
} from '../../harness/servers.ts'

interface Options {
  readonly name?: string
  readonly path?: string
  readonly healthPath?: string
  readonly scheme?: string
  readonly timeoutMs?: number
  readonly token?: string
  readonly auth?: string
}

function service(address: string, options: Options = {}) {
  const {
    name = 'crm',
    path = '',
    healthPath = '/',
    scheme = 'http',
    timeoutMs = 10_000,
    token,
    auth,
  } = options
  return createServiceDependency(name, {
    ...{ url: new Secret(`${scheme}://${address}${path}`), healthPath, timeoutMs, required: true },
    token: token === undefined ? undefined : new Secret(token),
    auth: auth === undefined ? undefined : new Secret(auth),
  })
}

function said(result: CheckResult): string {
  return result.ok ? `ok: ${result.message}` : `${result.reason}: ${result.message}`
}

async function checkAgainst(server: TestServer, options: Options = {}): Promise<string> {
  try {
    const result = said(await service(server.address, options).check(new AbortController().signal))
    await server.idle()
    return result
  } finally {
    await server.close()
  }
}

function answering(status: number, headers: Record<string, string> = {}, body = ''): RequestListener {
  return (_request, response) => response.writeHead(status, headers).end(body)
}

t.test('R2.1 2xx is healthy, whatever the body', async (t) => {
  t.match(
    await checkAgainst(await startHttpServer(answering(200, {}, 'true'))),
    /^ok: http:\/\/127.* answered 200 OK$/,
  )
  t.match(await checkAgainst(await startHttpServer(answering(204))), /^ok: /)
})

t.test('§5 the health path is appended to the path of the URL', async (t) => {
  t.equal(healthUrl('http://prefect:4200/api', '/ready').href, 'http://prefect:4200/api/ready')
  t.equal(healthUrl('http://prefect:4200/api/', 'ready').href, 'http://prefect:4200/api/ready')
  t.equal(healthUrl('https://crm', '/').href, 'https://crm/')
  t.equal(healthUrl('https://crm/base', '/up?deep=1').href, 'https://crm/base/up?deep=1')
  t.throws(() => healthUrl('ftp://crm', '/'), TypeError)
})

t.test('§5 a token goes as Bearer, user and password as Basic', async (t) => {
  const asked = async (options: Options, userInfo = '') => {
    let request: IncomingMessage | undefined
    const server = await startHttpServer((incoming, response) => {
      request = incoming
      response.end()
    })
    await service(`${userInfo}${server.address}`, options).check(new AbortController().signal)
    await server.close()
    return `${request?.method} ${request?.url} ${request?.headers.authorization}`
  }
  const basic = `Basic ${Buffer.from('rpa:s3cret').toString('base64')}`
  t.equal(await asked({ token: 'tok', auth: 'rpa:s3cret', healthPath: '/up' }), 'GET /up Bearer tok')
  t.equal(await asked({ auth: 'rpa:s3cret' }), `GET / ${basic}`)
  t.equal(await asked({}, 'rpa:s3cret@'), `GET / ${basic}`)
  t.equal(await asked({}), 'GET / undefined')
})

t.test('R2.4 what a status says', async (t) => {
  for (const status of [401, 403, 407]) {
    t.match(
      await checkAgainst(await startHttpServer(answering(status))),
      new RegExp(`^authentication: .* ${status} `),
    )
  }
  for (const status of [404, 500, 503]) {
    t.match(
      await checkAgainst(await startHttpServer(answering(status))),
      new RegExp(`^bad_answer: .* ${status} `),
    )
  }
  const away = await startHttpServer(answering(503))
  t.match(
    await checkAgainst(away, { name: 'prefect' }),
    /^bad_answer: .* 503 .*its own database does not answer/,
  )
  const moved = await startHttpServer(answering(302, { location: 'https://login.example/?return=secret' }))
  const redirect = await checkAgainst(moved)
  t.match(redirect, /^bad_answer: .* a redirect to https:\/\/login\.example\/, which is not followed/)
  t.notMatch(redirect, /secret/)
})

t.test('R6.5 a body without an end is neither kept nor read to its end', async (t) => {
  const server = await startHttpServer((_request, response) => {
    const pour = () => {
      while (!response.destroyed && response.write(Buffer.alloc(65_536)));
    }
    response.on('drain', pour)
    pour()
  })
  t.match(await checkAgainst(server), /^ok: /)
})

t.test('R2.4 servers that do not answer, or not in HTTP', async (t) => {
  t.match(
    await checkAgainst(await startSilentServer(), { timeoutMs: 60 }),
    /^timeout: .* accepted the connection, but did not answer within 60ms$/,
  )
  const stalled = await startHttpServer((_request, response) => response.writeHead(200).write('a'))
  t.match(await checkAgainst(stalled, { timeoutMs: 60 }), /^timeout: .* began its answer, but did not end it/)
  const cut = await startHttpServer((_request, response) => {
    response.writeHead(200, { 'content-length': '100' }).write('a')
    setImmediate(() => response.destroy())
  })
  t.match(await checkAgainst(cut), /^bad_answer: /)
  t.match(
    await checkAgainst(await startAnsweringServer('SSH-2.0-OpenSSH_9.2\r\n')),
    /^bad_answer: .* not answer like HTTP/,
  )
  t.match(await checkAgainst(await startClosingServer()), /^bad_answer: .*(closed|gave no answer)/)
  const upgrade = await startAnsweringServer(
    'HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n',
  )
  t.match(await checkAgainst(upgrade), /^bad_answer: /)
})

t.test('R2.4 refused, and a name that does not exist', async (t) => {
  const signal = new AbortController().signal
  const port = await unusedPort()
  t.match(
    said(await service(`127.0.0.1:${port}`).check(signal)),
    `refused: 127.0.0.1:${port} refused the connection`,
  )
  t.match(said(await service('no-such-host.invalid').check(signal)), /^name_resolution: /)
})

t.test('R7.3 HTTPS is verified', async (t) => {
  const authority = createAuthority()
  const start = (name: string) => startHttpsServer(authority.issue([name]), answering(200))
  t.match(
    await checkAgainst(await start('127.0.0.1'), { scheme: 'https' }),
    /^tls: .*UNABLE_TO_VERIFY_LEAF_SIGNATURE/,
  )
  t.match(await checkAgainst(await startHttpServer(answering(200)), { scheme: 'https' }), /^tls: /)
  const before = tls.getCACertificates('default')
  tls.setDefaultCACertificates([...before, authority.certificate])
  t.teardown(() => tls.setDefaultCACertificates(before))
  t.match(await checkAgainst(await start('127.0.0.1'), { scheme: 'https' }), /^ok: https:/)
  t.match(
    await checkAgainst(await start('other.example'), { scheme: 'https' }),
    /^tls: .*ERR_TLS_CERT_ALTNAME_INVALID/,
  )
})

t.test('R7.2 no credential is in any message', async (t) => {
  const echo = await startHttpServer((request, response) => {
    const [, encoded = ''] = (request.headers.authorization ?? '').split(' ')
    response.writeHead(500, `${encoded} ${Buffer.from(encoded, 'base64')}`).end()
  })
  const text = await checkAgainst(echo, { auth: 'rpa:canary-password' })
  t.match(text, /^bad_answer: .*\[redacted\]/)
  t.notMatch(text, /canary|cnBhOm/)
})

t.test('§4 an abort ends a check at once and destroys its socket', async (t) => {
  const server = await startSilentServer()
  const stop = new AbortController()
  const connected = server.nextConnection()
  const checked = service(server.address).check(stop.signal)
  await connected
  stop.abort()
  t.match(await checked, { ok: false, message: /cancelled/ })
  await server.idle()
  t.match(await service(server.address).check(AbortSignal.abort()), { ok: false, message: /cancelled/ })
  t.equal(await service(server.address).knock(new AbortController().signal), true)
  await server.close()
  t.equal(await service(server.address).knock(new AbortController().signal), false)
})
