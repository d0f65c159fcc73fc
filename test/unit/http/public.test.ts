import t from 'tap'
import type { CheckStatus } from '../../../supervisor/core/health.ts'
import { createEarlyHandler } from '../../../supervisor/http/early.ts'
import { openListener } from '../../../supervisor/http/listener.ts'
import { healthy, openPublic, quiet } from './public-fixture.ts'

t.test('R5.1 /health is 200 for healthy and degraded, 503 with Retry-After for unhealthy', async (t) => {
  let status: CheckStatus = 'healthy'
  const { port } = await openPublic(t, { health: () => ({ ...healthy, status }) })
  for (const [given, code] of [
    ['healthy', 200],
    ['degraded', 200],
    ['unhealthy', 503],
  ] as const) {
    status = given
    const answer = await fetch(`http://127.0.0.1:${port}/health`)
    t.equal(answer.status, code, given)
    t.equal(answer.headers.has('retry-after'), code === 503)
    t.match(answer.headers.get('content-type'), 'application/json')
    t.equal(answer.headers.get('cache-control'), 'no-store')
    t.strictSame(await answer.json(), { ...healthy, status })
  }
})

t.test('R5.1 /readyz and /startupz follow their own questions, /livez none', async (t) => {
  let ready = false
  let started = false
  const { port } = await openPublic(t, {
    health: () => ({ ...healthy, status: 'unhealthy', state: 'gating' }),
    ready: () => ready,
    started: () => started,
  })
  const codes = async () =>
    Promise.all(
      ['/livez', '/readyz', '/startupz'].map(
        async (path) => (await fetch(`http://127.0.0.1:${port}${path}`)).status,
      ),
    )
  t.strictSame(await codes(), [200, 503, 503])
  started = true
  t.strictSame(await codes(), [200, 503, 200])
  ready = true
  t.strictSame(await codes(), [200, 200, 200])
  const live = (await (await fetch(`http://127.0.0.1:${port}/livez`)).json()) as typeof healthy
  t.match(live, { status: 'healthy', state: 'gating', checks: {} })
})

t.test('§6 HEAD has the headers and no body', async (t) => {
  const { port } = await openPublic(t)
  for (const path of ['/health', '/metrics', '/readyz']) {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method: 'HEAD' })
    t.equal(answer.status, 200, path)
    t.ok(Number(answer.headers.get('content-length')) > 0)
    t.equal(await answer.text(), '')
  }
})

t.test('R5.2 /metrics passes on what the scraper accepts and the type it gets', async (t) => {
  const accepted: (string | undefined)[] = []
  const { port } = await openPublic(t, {
    async metrics(accept) {
      accepted.push(accept)
      return { contentType: 'application/openmetrics-text; version=1.0.0; charset=utf-8', body: '# EOF\n' }
    },
  })
  const answer = await fetch(`http://127.0.0.1:${port}/metrics`, {
    headers: { accept: 'application/openmetrics-text' },
  })
  t.equal(answer.headers.get('content-type'), 'application/openmetrics-text; version=1.0.0; charset=utf-8')
  t.equal(await answer.text(), '# EOF\n')
  t.strictSame(accepted, ['application/openmetrics-text'])
})

t.test('§6 a failure inside is a 500 without a stack or a message, and logged', async (t) => {
  const logged: string[] = []
  const { port } = await openPublic(t, {
    logger: { ...quiet, error: (fields) => logged.push(String(fields['error'])) },
    metrics: () => Promise.reject(new Error('password=hunter2')),
  })
  const answer = await fetch(`http://127.0.0.1:${port}/metrics`)
  t.equal(answer.status, 500)
  t.notMatch(await answer.text(), /hunter2|at /)
  t.strictSame(logged, ['password=hunter2'])
})

t.test('§6 it takes over the early listener without closing a connection', async (t) => {
  const early = await openListener('127.0.0.1', 0, createEarlyHandler('1'))
  t.equal((await fetch(`http://127.0.0.1:${early.boundPort}/health`)).status, 503)
  const http = await openPublic(t, { listener: early, port: early.port })
  t.equal(http.port, early.boundPort)
  t.equal((await fetch(`http://127.0.0.1:${early.boundPort}/health`)).status, 200)
})

t.test('R1.5 it moves to another port and answers there only', async (t) => {
  const http = await openPublic(t)
  const before = http.port
  const free = await openListener('127.0.0.1', 0, () => {})
  const wanted = free.boundPort
  await free.close()
  await http.rebind('127.0.0.1', wanted)
  t.equal(http.port, wanted)
  t.equal((await fetch(`http://127.0.0.1:${wanted}/health`)).status, 200)
  await t.rejects(fetch(`http://127.0.0.1:${before}/health`))
})

t.test('R1.5 the same port on another host can be had although the old one covers it', async (t) => {
  const http = await openPublic(t, { host: '0.0.0.0' })
  await http.rebind('127.0.0.1', http.port)
  t.equal(http.host, '127.0.0.1')
  t.equal((await fetch(`http://127.0.0.1:${http.port}/health`)).status, 200)
  const port = http.port
  await t.rejects(http.rebind('192.0.2.1', port), { code: 'port_unavailable' })
  t.equal((await fetch(`http://127.0.0.1:${port}/health`)).status, 200, 'it is back where it was')
})

t.test('R1.5 a port that cannot be had leaves it where it was', async (t) => {
  const http = await openPublic(t)
  const taken = await openListener('127.0.0.1', 0, () => {})
  t.teardown(() => taken.close())
  await t.rejects(http.rebind('127.0.0.1', taken.boundPort), { code: 'port_unavailable' })
  t.equal((await fetch(`http://127.0.0.1:${http.port}/health`)).status, 200)
})
