import { connect, type Socket } from 'node:net'
import t from 'tap'
import type { ErrorCode } from '../../../supervisor/core/errors.ts'
import { parseExact } from '../../../supervisor/core/json.ts'
import { limits } from '../../../supervisor/core/limits.ts'
import type { Submitted } from '../../../supervisor/core/queue.ts'
import { createFakeQueue, queueWhatHasAnId, refusal, view } from '../../harness/fake-queue.ts'
import { callSocket, rawRequest, sendRaw } from '../../harness/raw-http.ts'
import { until } from '../../harness/until.ts'
import { openDesk } from '../records/desk-fixture.ts'
import { openControl } from './control-fixture.ts'

const operation = { id: 'order-1', target: 'rpa_db', sql: 'insert into a values ($1)', params: [1] }
const ndjson = { 'content-type': 'application/x-ndjson' }
const refused = (code: ErrorCode, more: object = {}): Submitted => ({
  state: 'refused',
  id: 'order-1',
  error: { code, message: 'because', hint: 'do that' },
  ...more,
})

t.test('§6 one operation: 200 with its result, 202 once it is on disk', async (t) => {
  const answers: Submitted[] = [
    { state: 'applied', id: 'order-1', result: [{ n: 1 }] },
    { state: 'applied', id: 'order-1' },
    { state: 'queued', id: 'order-1' },
  ]
  const queue = createFakeQueue({ answer: (_raw, index) => answers[index] as Submitted })
  const { call } = await openControl(t, { operations: queue })
  for (const [status, json] of [
    [200, { state: 'applied', id: 'order-1', result: [{ n: 1 }] }],
    [200, { state: 'applied', id: 'order-1' }],
    [202, { state: 'queued', id: 'order-1' }],
  ] as const) {
    const answer = await call('POST', '/v1/operations', operation)
    t.equal(answer.status, status)
    t.strictSame(answer.json, json)
  }
  t.strictSame(queue.passedOn, [operation, operation, operation], 'passed on as they came')
})

t.test('§7 a number that no double can hold keeps its digits, there and back', async (t) => {
  const digits = '12345678901234567890'
  const work = parseExact(`{"params":[${digits},-0.10]}`)
  const queue = createFakeQueue({
    answer: () => ({ state: 'applied', id: 'order-1', result: parseExact(digits) }),
    held: [{ ...view, work }],
  })
  const { path } = await openControl(t, { operations: queue })
  const sent = `{"id":"order-1","params":[${digits},0.25]}`
  const head = (type: string) =>
    rawRequest('POST /v1/operations', `content-type: ${type}\r\ncontent-length: ${sent.length}\r\n`)
  const { body } = await sendRaw({ path }, head('application/json') + sent)
  t.match(body, `"result":${digits}`)
  await sendRaw({ path }, head('application/x-ndjson') + sent)
  t.strictSame(
    queue.passedOn.map((raw) => JSON.stringify(raw)),
    [sent, sent],
  )
  t.match((await sendRaw({ path }, rawRequest('GET /v1/operations/order-1'))).body, `[${digits},`)
})

t.test(
  '§7 one that is refused has the envelope with its own status, and says when to come back',
  async (t) => {
    const table: [Submitted, number, string | undefined][] = [
      [
        refused('invalid_request', {
          error: { code: 'invalid_request', message: 'm', field: 'sql', hint: 'h' },
        }),
        400,
        undefined,
      ],
      [refused('operation_conflict'), 409, undefined],
      [refused('operation_too_large'), 413, undefined],
      [refused('operation_refused'), 422, undefined],
      [refused('queue_full', { retryAfterSeconds: 7 }), 429, '7'],
      [refused('queue_full'), 429, String(limits.httpRetryAfterSeconds)],
      [refused('dependency_unavailable', { retryAfterSeconds: 3 }), 503, '3'],
      [refused('lane_busy', { retryAfterSeconds: 1 }), 503, '1'],
      [refused('outcome_unknown', { retryAfterSeconds: 2 }), 503, '2'],
      [refused('draining'), 503, String(limits.httpRetryAfterSeconds)],
      [refused('disk_full'), 507, undefined],
    ]
    const queue = createFakeQueue({ answer: (_raw, index) => table[index]?.[0] as Submitted })
    const { call } = await openControl(t, { operations: queue })
    for (const [answer, status, retryAfter] of table) {
      const { status: found, headers, json } = await call('POST', '/v1/operations', operation)
      const { error } = answer as Extract<Submitted, { state: 'refused' }>
      t.equal(found, status, error.code)
      t.equal(headers['retry-after'], retryAfter, error.code)
      t.strictSame(json, { error })
    }
  },
)

t.test(
  '§6 several are answered in their order: 200 all applied, 202 some queued, 207 some refused',
  async (t) => {
    const by: Record<string, Submitted> = {
      a: { state: 'applied', id: 'a', result: [1] },
      q: { state: 'queued', id: 'q' },
      r: refused('queue_full', { id: 'r', retryAfterSeconds: 9 }),
      s: refused('operation_conflict', { id: undefined }),
    }
    const queue = createFakeQueue({ answer: (raw) => by[(raw as { id: string }).id] as Submitted })
    const { call, path } = await openControl(t, { operations: queue })
    const error = (code: string) => ({ code, message: 'because', hint: 'do that' })
    const lines: Record<string, object> = {
      a: { id: 'a', state: 'applied' },
      q: { id: 'q', state: 'queued' },
      r: { id: 'r', state: 'refused', error: error('queue_full') },
      s: { id: null, state: 'refused', error: error('operation_conflict') },
    }
    for (const [ids, status, retryAfter] of [
      ['aa', 200, undefined],
      ['a', 200, undefined],
      ['aqa', 202, undefined],
      ['aqrs', 207, '9'],
      ['s', 207, undefined],
      ['rr', 207, '9'],
    ] as const) {
      const several = [...ids].map((id) => ({ id }))
      const asArray = await call('POST', '/v1/operations', several)
      const asLines = await callSocket(
        path,
        'POST',
        '/v1/operations',
        several.map((each) => `${JSON.stringify(each)}\n`).join(''),
        ndjson,
      )
      for (const { status: found, json, headers } of [asArray, asLines]) {
        t.equal(found, status, ids)
        t.strictSame(json, { operations: [...ids].map((id) => lines[id]) })
        t.equal(headers['retry-after'], retryAfter, ids)
      }
    }
  },
)

t.test('§6 a line that cannot be read is refused by its number and takes no other with it', async (t) => {
  const queue = createFakeQueue()
  const { path } = await openControl(t, { operations: queue })
  const body = Buffer.concat([
    Buffer.from('{"id":"one"}\r\n'),
    Buffer.from('\n  \t\n'),
    Buffer.from('{"id":"two"\n'),
    Buffer.from([0x22, 0xff, 0x22, 0x0a]),
    Buffer.from('{"id":"thr\u0000ee"}\n'),
    Buffer.from('{"id":"four"}'),
  ])
  const { status, json } = await callSocket(path, 'POST', '/v1/operations', body, ndjson)
  t.equal(status, 207)
  const hint = /other lines/
  t.match(json, {
    operations: [
      { id: 'one', state: 'queued' },
      {
        id: null,
        state: 'refused',
        error: { code: 'invalid_request', field: 'line 4', message: /line 4: it is not JSON/, hint },
      },
      { id: null, state: 'refused', error: { field: 'line 5', message: 'line 5: it is not UTF-8', hint } },
      { id: null, state: 'refused', error: { field: 'line 6', hint } },
      { id: 'four', state: 'queued' },
    ],
  })
  t.equal((json['operations'] as unknown[]).length, 5, 'blank lines stand for nothing')
  t.strictSame(queue.passedOn, [{ id: 'one' }, { id: 'four' }])
})

t.test('§6 a body that is no operation is refused whole, and nothing is passed on', async (t) => {
  const queue = createFakeQueue()
  const { path } = await openControl(t, { operations: queue })
  const json = { 'content-type': 'application/json' }
  const many = JSON.stringify(Array.from({ length: limits.operationsPerRequest + 1 }, () => 0))
  const table: [string, string | Buffer | undefined, Record<string, string>, number, object][] = [
    ['no body', undefined, {}, 400, { code: 'invalid_request', field: 'body' }],
    ['an empty body', '', json, 400, { code: 'invalid_request', field: 'body' }],
    ['blank lines', '\n\n', ndjson, 400, { code: 'invalid_request', field: 'body' }],
    ['an empty array', '[]', json, 400, { code: 'invalid_request', field: 'body' }],
    ['half of it', '{"id":"x"', json, 400, { code: 'invalid_request', field: 'body' }],
    [
      'no UTF-8',
      Buffer.from([0x22, 0xc3, 0x28, 0x22]),
      json,
      400,
      { code: 'invalid_request', field: 'body' },
    ],
    ['another type', 'id=x', { 'content-type': 'text/plain' }, 415, { code: 'invalid_request' }],
    ['too many', many, json, 413, { code: 'invalid_request', message: /10000/ }],
    [
      'too many lines',
      '0\n'.repeat(limits.operationsPerRequest + 1),
      ndjson,
      413,
      { code: 'invalid_request' },
    ],
    [
      'too large',
      '',
      { ...json, 'content-length': String(limits.controlBodyBytes + 1) },
      413,
      { code: 'operation_too_large', field: 'body' },
    ],
  ]
  for (const [name, body, headers, status, error] of table) {
    const answer = await callSocket(path, 'POST', '/v1/operations', body, headers)
    t.equal(answer.status, status, name)
    t.match(answer.json, { error: { ...error, hint: /\w/ } }, name)
  }
  t.strictSame(queue.passedOn, [])
})

t.test('§6 lists are asked for page by page', async (t) => {
  const dead = { ...view, state: 'dead' as const, reason: { code: '23505', message: 'duplicate key' } }
  const queue = createFakeQueue({ held: [view, dead], next: '17' })
  const { call } = await openControl(t, { operations: queue })
  t.strictSame((await call('GET', '/v1/operations')).json, { operations: [view], next: '17' })
  t.strictSame((await call('GET', '/v1/operations?state=dead&target=rpa_db&after=17&limit=1000')).json, {
    operations: [dead],
    next: '17',
  })
  t.strictSame(queue.listed, [
    { state: 'queued', limit: limits.operationsPerPage },
    { state: 'dead', target: 'rpa_db', after: '17', limit: 1000 },
  ])
  for (const [query, field] of [
    ['state=done', 'state'],
    ['state=dead&state=held', 'state'],
    ['limit=0', 'limit'],
    ['limit=1001', 'limit'],
    ['limit=1e2', 'limit'],
    ['target=', 'target'],
    ['target=a%00b', 'target'],
    [`after=${'x'.repeat(257)}`, 'after'],
    ['__proto__=1', '__proto__'],
    ['constructor=1', 'constructor'],
    ['order=asc', 'order'],
  ] as const) {
    const { status, json } = await call('GET', `/v1/operations?${query}`)
    t.equal(status, 400, query)
    t.match(json, { error: { code: 'invalid_request', field, hint: /\w/ } }, query)
  }
  t.equal(queue.listed.length, 2)
})

t.test('§6 one is shown, tried again, discarded', async (t) => {
  const queue = createFakeQueue({ held: [view] })
  const { call } = await openControl(t, { operations: queue })
  t.strictSame((await call('GET', '/v1/operations/order-1')).json, view)
  t.match(await call('POST', '/v1/operations/order-1/retry'), {
    status: 200,
    json: { id: 'order-1', state: 'queued' },
  })
  t.match(await call('DELETE', '/v1/operations/order-1'), {
    status: 200,
    json: { id: 'order-1', state: 'discarded' },
  })
  t.strictSame(queue.mended, ['retry order-1', 'discard order-1'])
  for (const [method, path] of [
    ['GET', '/v1/operations/other'],
    ['POST', '/v1/operations/other/retry'],
    ['DELETE', '/v1/operations/other'],
  ] as const) {
    t.match(await call(method, path), { status: 404, json: { error: { code: 'not_found', hint: /\w/ } } })
  }
  t.match(await call('POST', '/v1/operations/order-1/retry', { force: true }), {
    status: 400,
    json: { error: { field: 'force' } },
  })
  t.match(await call('PUT', '/v1/operations/order-1'), {
    status: 405,
    headers: { allow: 'GET, HEAD, DELETE' },
    json: { error: { code: 'invalid_request' } },
  })
})

t.test('§6 one that does not fit the state says so', async (t) => {
  const queue = { ...createFakeQueue(), retry: () => Promise.reject(refusal('wrong_state')) }
  const { call } = await openControl(t, { operations: queue })
  t.match(await call('POST', '/v1/operations/x/retry'), {
    status: 409,
    json: { error: { code: 'wrong_state' } },
  })
})

t.test('§6 odd ids are refused as ids', async (t) => {
  const queue = createFakeQueue({ held: [view] })
  const { path } = await openControl(t, { operations: queue })
  for (const id of [
    '%00',
    '%2e%2e%2f',
    '..%2fstatus',
    'a%20b',
    '%F0%9F%98%80',
    'x'.repeat(129),
    'x'.repeat(4096),
    '%0d%0a',
    '$(id)',
  ]) {
    for (const line of [
      `GET /v1/operations/${id}`,
      `POST /v1/operations/${id}/retry`,
      `DELETE /v1/operations/${id}`,
    ]) {
      const { status, body } = await sendRaw({ path }, rawRequest(line))
      t.equal(status, 400, line.slice(0, 40))
      t.match(JSON.parse(body), { error: { code: 'invalid_request', field: 'id' } }, line.slice(0, 40))
    }
  }
  for (const id of ['%zz', '%c3%28', '../status', 'a/b', '']) {
    const { status, body } = await sendRaw({ path }, rawRequest(`DELETE /v1/operations/${id}`))
    t.ok([400, 404, 405].includes(status), `${id}: ${status}`)
    t.match(JSON.parse(body), { error: { code: /^(?:not_found|invalid_request)$/ } }, id)
  }
  t.strictSame(queue.mended, [])
})

t.test('§7 a request that ends half-way is not acknowledged and not passed on', async (t) => {
  const queue = createFakeQueue()
  const { path } = await openControl(t, { operations: queue })
  const body = JSON.stringify(operation)
  const head = `content-type: application/json\r\ncontent-length: ${body.length}\r\n`
  const half = await sendRaw({ path }, rawRequest('POST /v1/operations', head) + body.slice(0, -5), true)
  t.equal(half.status, 400)
  const chunked = `${rawRequest('POST /v1/operations', 'content-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n')}${body.length.toString(16)}\r\n${body}\r\n`
  t.equal((await sendRaw({ path }, chunked, true)).status, 400)
  t.strictSame(queue.passedOn, [])
})

t.test('§6 a queue that answers too few is a fault of ours, and nothing is acknowledged', async (t) => {
  const queue = { ...createFakeQueue(), submit: async () => [queueWhatHasAnId({ id: 'a' })] }
  const { call } = await openControl(t, { operations: queue })
  const { status, json } = await call('POST', '/v1/operations', [{ id: 'a' }, { id: 'b' }])
  t.equal(status, 500)
  t.match(json, { error: { code: 'internal' } })
})

for (const route of ['operations', 'records/enqueue']) {
  t.test(`R6.5 bodies of ${route} are bounded, and there is room again once they are gone`, async (t) => {
    const queue = createFakeQueue()
    const { path, call } = await openControl(t, { operations: queue, records: openDesk().desk })
    const size = limits.controlBodyBytes
    const begun = rawRequest(
      `POST /v1/${route}`,
      `content-type: application/json\r\ncontent-length: ${size}\r\n`,
    )
    const holders: Socket[] = []
    t.teardown(() => {
      for (const socket of holders) socket.destroy()
    })
    for (let n = 0; n < limits.controlBodiesBytes / size; n++) {
      const socket = connect({ path })
      socket.on('error', () => {})
      holders.push(socket)
      // All but the last byte, and no more comes.
      await new Promise<void>((resolve) => socket.write(begun + ' '.repeat(size - 1), () => resolve()))
    }
    const big = { id: 'a', params: ['x'.repeat(100)] }
    const refused = await until(
      'there is no room',
      () => call('POST', '/v1/operations', big),
      ({ status }) => status !== 202,
    )
    t.match(refused, {
      status: 429,
      headers: { 'retry-after': /^\d+$/ },
      json: { error: { code: 'queue_full' } },
    })
    for (const socket of holders) socket.destroy()
    const taken = await until(
      'there is room',
      () => call('POST', '/v1/operations', big),
      ({ status }) => status !== 429,
    )
    t.equal(taken.status, 202)
  })
}
