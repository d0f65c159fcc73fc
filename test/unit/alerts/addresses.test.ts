// The rows of the attack table about where alerts may be led.

import { lookup } from 'node:dns'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { post, type Resolve } from '../../../supervisor/alerts/post.ts'
import { addressKind, namesLoopback, problemOfHost } from '../../../supervisor/core/addresses.ts'
import { limits } from '../../../supervisor/core/limits.ts'
import { problemWith } from '../config/load-with.ts'

t.test('attack table: SSRF, which addresses are forbidden, in every way of writing them', async (t) => {
  const kinds = {
    allowed: [
      ...[
        '10.0.0.7',
        '172.17.0.2',
        '192.168.1.1',
        '8.8.8.8',
        '100.64.0.1',
        '2606:4700::1111',
        'fd12:3456::1',
      ],
      ...['::ffff:8.8.8.8', '64:ff9b::808:808'],
    ],
    loopback: ['127.0.0.1', '127.9.9.9', '::1'],
    forbidden: [
      ...[
        '169.254.169.254',
        '169.254.0.1',
        '0.0.0.0',
        '0.1.2.3',
        '255.255.255.255',
        '224.0.0.1',
        '240.0.0.1',
      ],
      ...['100.100.100.200', '192.0.0.192', 'fd00:ec2::254', 'fd20:ce::254'],
      ...['::', 'fe80::1', 'fe80::1%eth0', 'febf::1', 'ff02::1', '2001::1'],
      ...['::ffff:169.254.169.254', '::ffff:a9fe:a9fe', '::169.254.169.254', '64:ff9b::169.254.169.254'],
      ...['64:ff9b::a9fe:a9fe', '2002:a9fe:a9fe::1', '::ffff:127.0.0.1', '::127.0.0.1', '2002:7f00:1::'],
      ...['::ffff:0.0.0.0', 'nonsense', '', '1.2.3', '0x7f.1'],
    ],
  } as const
  for (const [kind, addresses] of Object.entries(kinds))
    for (const address of addresses) t.equal(addressKind(address), kind, address)
})

t.test('attack table: SSRF, numbers that a URL takes for an address are refused as written', async (t) => {
  for (const host of [
    ...[
      '2852039166',
      '0xa9fea9fe',
      '0251.0376.0251.0376',
      '169.254.43518',
      '127.1',
      '0x7f.0.0.1',
      '1.2.3.4.',
    ],
    ...['[::ffff:169.254.169.254]', '[fe80::1]', '169.254.169.254', '[::]', '[::ffff:7f00:1]', 'x.0x1'],
  ])
    t.type(problemOfHost(host), 'string', host)
  for (const host of ['alertmanager', 'hooks.example.com', '127.0.0.1', '[::1]', '10.1.2.3', 'a1.0xyz', 'n0'])
    t.equal(problemOfHost(host), undefined, host)
  for (const host of ['localhost', 'LOCALHOST', '127.0.0.1', '[::1]']) t.ok(namesLoopback(host), host)
  for (const host of ['localhost.example.com', '10.0.0.1', 'alertmanager']) t.notOk(namesLoopback(host), host)
})

t.test('attack table: SSRF, a configuration that names such an address is refused', async (t) => {
  for (const url of ['http://169.254.169.254/latest', 'http://2852039166/', 'https://[::ffff:a9fe:a9fe]/x']) {
    for (const name of ['CONTAINER_ALERT_WEBHOOK_URL', 'CONTAINER_ALERT_ALERTMANAGER_URL']) {
      const problem = problemWith({ [name]: url })
      t.match(problem, { variable: name, hint: /four decimal numbers/ })
      t.notMatch(JSON.stringify(problem), '169.254', 'the value is not repeated')
    }
  }
})

const soon = () => AbortSignal.timeout(10_000)
/** A resolver with its own opinion. */
function resolvesTo(...answers: string[][]): Resolve & { asked: number } {
  const resolve = ((_name: string, _options: object, done: (error: null, all: object[]) => void) => {
    const addresses = answers[Math.min(resolve.asked++, answers.length - 1)] ?? []
    done(
      null,
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    )
  }) as unknown as Resolve & { asked: number }
  resolve.asked = 0
  return resolve
}

t.test('attack table: SSRF, a name is judged by what it resolves to', async (t) => {
  let requests = 0
  const server = createServer((_request, response) => {
    requests++
    response.end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  const to = (host: string, resolve: Resolve) =>
    post({ url: new URL(`http://${host}:${port}/`), headers: {}, body: '{}' }, soon(), resolve)

  for (const addresses of [
    ...[['169.254.169.254'], ['127.0.0.1'], ['::1'], ['::ffff:127.0.0.1'], ['0.0.0.0'], ['fe80::1']],
    ...[['8.8.8.8', '169.254.169.254'], ['127.0.0.1', '8.8.8.8'], []],
  ])
    t.match(
      await to('hooks.example.com', resolvesTo(addresses)),
      { status: undefined, reason: /^not sent: / },
      addresses.join(' '),
    )
  t.equal(requests, 0)
  t.match(await to('localhost', lookup), { status: 200 }, 'a sidecar that the URL itself names')
  t.match(await to('127.0.0.1', lookup), { status: 200 })
})

t.test('attack table: SSRF, rebinding: what was judged is what is connected to', async (t) => {
  const met: string[] = []
  const server = createServer((request, response) => {
    met.push(request.socket.localAddress ?? '')
    response.end()
  })
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve))
  t.teardown(() => server.close())
  // Another answer to everyone who asks again.
  const resolve = resolvesTo(['127.0.0.1'], ['127.0.0.2'])
  const url = new URL(`http://localhost:${(server.address() as AddressInfo).port}/`)
  t.match(await post({ url, headers: {}, body: '{}' }, soon(), resolve), { status: 200 })
  t.strictSame(met, ['127.0.0.1'])
  t.equal(resolve.asked, 1)
})

t.test('attack table: SSRF, a redirect is an answer and is not followed', async (t) => {
  let inside = 0
  const target = createServer((_request, response) => {
    inside++
    response.end()
  })
  const front = createServer((_request, response) => {
    const { port } = target.address() as AddressInfo
    response.writeHead(307, { location: `http://127.0.0.1:${port}/secret` }).end()
  })
  for (const server of [target, front]) {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    t.teardown(() => server.close())
  }
  const url = new URL(`http://127.0.0.1:${(front.address() as AddressInfo).port}/`)
  t.match(await post({ url, headers: {}, body: '{}' }, soon()), { status: 307 })
  t.equal(inside, 0)
})

t.test('attack table: SSRF, an endless answer and a silent receiver are cut off', async (t) => {
  const endless = createServer((_request, response) => {
    const more = () => response.write('x'.repeat(65_536)) && setImmediate(more)
    response.on('drain', more)
    more()
  })
  const silent = createServer(() => {})
  for (const server of [endless, silent]) {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    t.teardown(() => {
      server.closeAllConnections()
      server.close()
    })
  }
  const to = (server: typeof endless, signal: AbortSignal) =>
    post(
      {
        url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`),
        headers: {},
        body: '{}',
      },
      signal,
    )
  const answer = await to(endless, soon())
  t.equal('answer' in answer && answer.answer.length, limits.alertAnswerChars)
  t.match(await to(silent, AbortSignal.timeout(100)), { status: undefined, reason: 'no answer in time' })
})
