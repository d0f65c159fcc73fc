import type { RequestListener } from 'node:http'
import t from 'tap'
import { type Clock, systemClock } from '../../../supervisor/core/clock.ts'
import type { HttpWork } from '../../../supervisor/core/operation.ts'
import { Secret } from '../../../supervisor/core/secret.ts'
import type { Delivery, Outcome } from '../../../supervisor/core/target.ts'
import { createHttpTarget, type HttpTargetSettings } from '../../../supervisor/queue/http-target.ts'
import { createAuthority } from '../../harness/certificates.ts'
import {
  startAnsweringServer,
  startClosingServer,
  startHttpServer,
  startHttpsServer,
  startSilentServer,
  unusedPort,
} from '../../harness/servers.ts'
import { createTestClock } from '../../harness/test-clock.ts'

type Settings = Partial<Omit<HttpTargetSettings, 'url'>>

function targetAt(url: string, settings: Settings = {}, clock: Clock = systemClock) {
  const all = {
    ...{ url: new Secret(url), timeoutMs: 10_000, token: undefined, auth: undefined, healthPath: '/ready' },
    ...settings,
  }
  return createHttpTarget('crm', all, clock)
}

function delivery(id: string, work: Partial<HttpWork> = {}, key = ''): Delivery {
  const http: HttpWork = { kind: 'http', method: 'POST', path: '/orders', body: { id }, ...work }
  const operation = { id, target: 'crm', key, work: http, expiresAtMs: undefined }
  return { operation, contentHash: 'hash', revision: 1 }
}

const never = () => new AbortController().signal

interface Seen {
  readonly method: string
  readonly url: string
  readonly headers: Record<string, unknown>
  readonly body: string
}

interface Answer {
  readonly status: number
  readonly headers?: Record<string, string>
  readonly body?: string
}

/** Answers by the idempotency key, and remembers what came. Asked for its health it is well. */
function serving(seen: Seen[], answer: (key: string) => Answer, health = 200): RequestListener {
  return (request, response) => {
    if (request.method === 'GET') return void response.writeHead(health).end()
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { method = '', url = '', headers } = request
      seen.push({ method, url, headers, body: Buffer.concat(chunks).toString() })
      const { status, headers: more = {}, body = '' } = answer(String(headers['idempotency-key']))
      response.writeHead(status, more).end(body)
    })
  }
}

async function outcomeOf(answer: Answer, work: Partial<HttpWork> = {}, health = 200) {
  const server = await startHttpServer(serving([], () => answer, health))
  const target = targetAt(`http://${server.address}`)
  try {
    const delivered = await target.deliver([delivery('a', work)], never())
    return delivered.reached ? delivered.outcomes[0] : delivered
  } finally {
    await target.close()
    await server.close()
  }
}

t.test('R2.3 an operation is one request below the URL, with its id as idempotency key', async (t) => {
  const seen: Seen[] = []
  const server = await startHttpServer(
    serving(seen, () => ({ status: 201, body: '{"number":12345678901234567890}' })),
  )
  t.teardown(() => server.close())
  const target = targetAt(`http://${server.address}/api/`, { token: new Secret('the-token') })
  t.teardown(() => target.close())
  const batch = [delivery('a'), delivery('b', { method: 'DELETE', path: '/orders/1?x=1', body: undefined })]
  const delivered = await target.deliver(batch, never())
  t.match(delivered, { reached: true, outcomes: [{ state: 'applied' }, { state: 'applied' }] })
  t.match(JSON.stringify(delivered), '12345678901234567890', 'its digits are kept')
  t.match(seen, [
    {
      ...{ method: 'POST', url: '/api/orders', body: '{"id":"a"}' },
      headers: {
        'idempotency-key': 'a',
        'content-type': 'application/json',
        authorization: 'Bearer the-token',
      },
    },
    { method: 'DELETE', url: '/api/orders/1?x=1', body: '', headers: { 'idempotency-key': 'b' } },
  ])
  t.equal(seen[1]?.headers['content-type'], undefined)
  t.equal(server.accepted, 1, 'over one connection')
})

t.test('R8.1 each status has its meaning', async (t) => {
  const unreached = (reason: string, outcomeUnknown = false) => ({ reached: false, reason, outcomeUnknown })
  const cases: readonly (readonly [number, object])[] = [
    [200, { state: 'applied' }],
    [204, { state: 'applied' }],
    [302, unreached('bad_answer')],
    [400, { state: 'refused', code: 'http_400' }],
    [401, unreached('authentication')],
    [403, { state: 'forbidden', code: 'http_403' }],
    [404, { state: 'refused', code: 'http_404' }],
    [407, unreached('authentication')],
    [408, unreached('http_408')],
    [409, { state: 'refused', code: 'http_409' }],
    [425, unreached('http_425')],
    [429, unreached('http_429')],
    [500, { state: 'failed', code: 'http_500' }],
    [502, unreached('http_502', true)],
    [503, unreached('http_503')],
    [504, unreached('http_504', true)],
  ]
  for (const [status, expected] of cases)
    t.match(
      await outcomeOf({ status, headers: status === 302 ? { location: '/login' } : {} }),
      expected,
      String(status),
    )
})

t.test('R8.1 a 500 of a service that is not well itself is held against no operation', async (t) => {
  const away = await outcomeOf({ status: 500 }, {}, 503)
  t.match(away, { reached: false, reason: 'http_500', outcomeUnknown: true })
  t.match(away, { message: 'POST /orders was answered 500, and GET /ready was answered 503' })
  t.match(await outcomeOf({ status: 500 }, {}, 404), { state: 'failed' }, 'one that has no such page')
  t.match(await outcomeOf({ status: 422 }, {}, 503), { state: 'refused' }, 'what is refused is refused')
})

t.test('R8.1 Retry-After is taken over, in seconds and as a date', async (t) => {
  t.match(await outcomeOf({ status: 503, headers: { 'retry-after': '7' } }), { retryAfterMs: 7_000 })
  const date = await outcomeOf({
    status: 429,
    headers: { 'retry-after': new Date(systemClock.wallMs() + 3_600_000).toUTCString() },
  })
  const ms = date && 'retryAfterMs' in date ? Number(date.retryAfterMs) : 0
  t.ok(ms > 3_500_000 && ms <= 3_600_000)
  t.notMatch(await outcomeOf({ status: 503, headers: { 'retry-after': 'soon' } }), { retryAfterMs: Number })
})

t.test('R2.4 a service that is away: nothing arrived, or nobody knows', async (t) => {
  const port = await unusedPort()
  const refused = await targetAt(`http://127.0.0.1:${port}`).deliver([delivery('a')], never())
  t.match(refused, { reached: false, reason: 'refused', outcomeUnknown: false, message: /nothing listens/ })
  const silent = await startSilentServer()
  const asked = async () => {
    const socket = await silent.nextConnection()
    await new Promise((resolve) => socket.once('data', resolve))
  }
  const clock = createTestClock()
  const timingOut = targetAt(`http://${silent.address}`, {}, clock).deliver([delivery('a')], never())
  await asked()
  clock.advance(10_000)
  t.match(await timingOut, { reached: false, reason: 'timeout', outcomeUnknown: true })
  const stop = new AbortController()
  const givenUp = targetAt(`http://${silent.address}`).deliver([delivery('a')], stop.signal)
  await asked()
  stop.abort(new Error('stop'))
  t.match(await givenUp, { reached: false, outcomeUnknown: true })
  await silent.idle()
  await silent.close()
  const closing = await startClosingServer()
  const cut = await targetAt(`http://${closing.address}`).deliver([delivery('a')], never())
  t.match(cut, { reached: false, reason: 'bad_answer', outcomeUnknown: true })
  await closing.close()
  const garbled = await startAnsweringServer('SSH-2.0-x\r\n')
  const nonsense = await targetAt(`http://${garbled.address}`).deliver([delivery('a')], never())
  t.match(nonsense, { reached: false, reason: 'bad_answer', outcomeUnknown: true })
  await garbled.close()
})

t.test('R2.3 a status counts also where the body is cut off or endless', async (t) => {
  const cut = await startHttpServer((_request, response) => {
    response.writeHead(200, { 'content-length': '100' }).write('x')
    setImmediate(() => response.destroy())
  })
  const target = targetAt(`http://${cut.address}`)
  t.same(await target.deliver([delivery('a')], never()), { reached: true, outcomes: [{ state: 'applied' }] })
  await cut.close()
  const endless = await startHttpServer((_request, response) => {
    const pour = () => {
      while (!response.destroyed && response.write('x'.repeat(65_536)));
    }
    response.on('drain', pour)
    response.writeHead(200)
    pour()
  })
  const other = targetAt(`http://${endless.address}`)
  t.same(await other.deliver([delivery('a')], never()), { reached: true, outcomes: [{ state: 'applied' }] })
  await endless.idle()
  await endless.close()
})

t.test('R8.3 lanes go in parallel; within one, nothing follows what was not applied', async (t) => {
  const seen: Seen[] = []
  const statuses: Record<string, number> = { 'k-bad': 500, 'l-poison': 422, 'm-slow': 503 }
  const server = await startHttpServer(serving(seen, (key) => ({ status: statuses[key] ?? 200 })))
  t.teardown(() => server.close())
  const target = targetAt(`http://${server.address}`)
  t.teardown(() => target.close())
  const ids = ['k-one', 'k-bad', 'l-poison', 'k-two', 'l-two', 'm-slow', 'm-two']
  const delivered = await target.deliver(
    ids.map((id) => delivery(id, {}, id.slice(0, 1))),
    never(),
  )
  const outcomes: readonly Outcome[] = delivered.reached ? delivered.outcomes : []
  t.same(
    outcomes.map(({ state }) => state),
    ['applied', 'failed', 'refused', 'skipped', 'applied', 'unreached', 'skipped'],
  )
  t.same(seen.map(({ headers }) => headers['idempotency-key']).sort(), [
    'k-bad',
    'k-one',
    'l-poison',
    'l-two',
    'm-slow',
  ])
})

t.test('R7.3 R7.2 a certificate that is not known is refused, and no secret is in a message', async (t) => {
  const { certificate } = { certificate: createAuthority() }
  const server = await startHttpsServer(certificate, (_request, response) => response.end())
  t.teardown(() => server.close())
  const tls = await targetAt(`https://${server.address}`).deliver([delivery('a')], never())
  t.match(tls, { reached: false, reason: 'tls', outcomeUnknown: false })
  const echo = await startHttpServer((request, response) => {
    response.writeHead(400).end(`bad header: ${request.headers.authorization} for user:p4ssw0rd`)
  })
  t.teardown(() => echo.close())
  const auth = new Secret('user:p4ssw0rd')
  const target = targetAt(`http://${echo.address}`, { auth })
  t.teardown(() => target.close())
  const text = JSON.stringify(await target.deliver([delivery('a')], never()))
  t.match(text, '[redacted]')
  t.notMatch(text, 'p4ssw0rd')
  t.notMatch(text, Buffer.from('user:p4ssw0rd').toString('base64'))
})

t.test("R2.3 Prefect's set_state says in its body whether it was taken", async (t) => {
  const path = '/flow_runs/1/set_state'
  const transition = (id: string) => ({ state: { state_details: { transition_id: id } } })
  const set = (answer: object, body = transition('t1')) =>
    outcomeOf({ status: 200, body: JSON.stringify(answer) }, { path, body })
  const details = { reason: 'the run is over' }
  t.match(await set({ status: 'ACCEPT' }), { state: 'applied' })
  t.match(await set({ status: 'REJECT', details }), {
    state: 'refused',
    code: 'prefect_reject',
    message: 'the run is over',
  })
  t.match(await set({ status: 'ABORT', details }), { state: 'refused', code: 'prefect_abort' })
  t.match(await set({ status: 'WAIT', details }), { state: 'failed', code: 'prefect_wait' })
  t.match(await set({ status: 'REJECT', ...transition('t1') }), { state: 'applied', earlier: true })
  t.match(await set({ status: 'REJECT', ...transition('t2') }), { state: 'refused' })
  const elsewhere = await outcomeOf({ status: 200, body: '{"status":"REJECT"}' }, { path: '/orders' })
  t.match(elsewhere, { state: 'applied' })
})

const standIn = '0f8fad5b-d9cb-469f-a165-70867728950e'
const flowStandIn = '7c9e6679-7425-40de-944b-e07fc1f90ae7'
const priors: NonNullable<HttpWork['before']> = [
  { method: 'POST', path: '/flows/', body: { name: 'f' }, standsFor: flowStandIn },
  { method: 'POST', path: '/flow_runs/', body: { flow_id: flowStandIn, key: standIn }, standsFor: standIn },
]

t.test('R2.3 what an operation needs is made before it, and made-up ids become the real ones', async (t) => {
  const seen: Seen[] = []
  const padding = 'x'.repeat(300 * 1024)
  const answers: Record<string, unknown> = {
    [flowStandIn]: { id: 'flow-1', padding },
    [standIn]: { id: 'run-1' },
  }
  const server = await startHttpServer(
    serving(seen, (key) => ({ status: 201, body: JSON.stringify(answers[key] ?? { ok: true }) })),
  )
  t.teardown(() => server.close())
  const target = targetAt(`http://${server.address}`)
  t.teardown(() => target.close())
  const work = { before: priors, path: `/flow_runs/${standIn}/labels`, body: { run: standIn, n: 0.1 } }
  const delivered = await target.deliver([delivery('a', work)], never())
  t.match(delivered, { reached: true, outcomes: [{ state: 'applied', result: { ok: true } }] })
  t.same(
    seen.map(({ url, body }) => [url, body]),
    [
      ['/flows/', '{"name":"f"}'],
      ['/flow_runs/', `{"flow_id":"flow-1","key":"${standIn}"}`],
      ['/flow_runs/run-1/labels', '{"run":"run-1","n":0.1}'],
    ],
  )
})

t.test('R2.3 where what comes before fails, the operation itself is not tried', async (t) => {
  const cases: readonly (readonly [Answer, object])[] = [
    [{ status: 503 }, { reached: false, reason: 'http_503' }],
    [{ status: 401 }, { reached: false, reason: 'authentication' }],
    [{ status: 422, body: '{}' }, { outcomes: [{ state: 'refused', code: 'http_422' }] }],
    [{ status: 500 }, { outcomes: [{ state: 'failed', code: 'http_500' }] }],
    [{ status: 200, body: '{"id":"../x"}' }, { outcomes: [{ state: 'failed', code: 'no_id' }] }],
    [{ status: 200, body: '{"id":7}' }, { outcomes: [{ state: 'failed', code: 'no_id' }] }],
  ]
  for (const [answer, expected] of cases) {
    const seen: Seen[] = []
    const server = await startHttpServer(serving(seen, () => answer))
    const target = targetAt(`http://${server.address}`)
    t.match(await target.deliver([delivery('a', { before: priors })], never()), expected)
    t.same(
      seen.map(({ url }) => url),
      ['/flows/'],
    )
    await target.close()
    await server.close()
  }
})

t.test('R2.3 that a run crashed is no news where it has ended otherwise', async (t) => {
  const path = `/flow_runs/${standIn}/set_state`
  const body = '{"status":"ABORT","details":{"reason":"Run is already in terminal state COMPLETED."}}'
  const asked = (type: string) => outcomeOf({ status: 200, body }, { path, body: { state: { type } } })
  t.match(await asked('CRASHED'), { state: 'applied', earlier: true })
  t.match(await asked('RUNNING'), { state: 'refused', code: 'prefect_abort' })
})

t.test('R8.3 what is meant for a database is refused, and a closed target keeps no connection', async (t) => {
  const server = await startHttpServer(serving([], () => ({ status: 200 })))
  t.teardown(() => server.close())
  const target = targetAt(`http://${server.address}`)
  const { operation } = delivery('a')
  const sql = { ...operation, work: { kind: 'sql', statements: [] } } as const
  const wrong = await target.deliver([{ operation: sql, contentHash: 'h', revision: 1 }], never())
  t.match(wrong, { outcomes: [{ state: 'refused', code: 'wrong_kind' }] })
  await target.deliver([delivery('a')], never())
  await target.close()
  await server.idle()
  t.match(await target.deliver([delivery('b')], never()), { outcomes: [{ state: 'applied' }] })
  await server.idle()
  t.same(await target.cancel([delivery('c')], never()), { reached: true, outcomes: ['cancelled'] })
})
