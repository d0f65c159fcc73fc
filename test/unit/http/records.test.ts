// The records on the control socket, over a real socket, with the desk and a database in memory behind it.

import { connect } from 'node:net'
import t, { type Test } from 'tap'
import { type OpenDesk, openDesk, settleDown } from '../records/desk-fixture.ts'
import { type OpenControl, openControl } from './control-fixture.ts'

async function open(
  t: Test,
): Promise<OpenDesk & OpenControl & { post(path: string, body: unknown): Promise<Answer> }> {
  const desk = openDesk()
  const control = await openControl(t, { records: desk.desk })
  return {
    ...desk,
    ...control,
    async post(path, body) {
      const { status, text, headers } = await control.call('POST', `/v1/records/${path}`, body)
      return { status, text, json: JSON.parse(text), headers }
    },
  }
}

interface Answer {
  readonly status: number
  readonly text: string
  readonly json: unknown
  readonly headers: unknown
}

t.test('R3.1 enqueue, claim and settle answer as agreed, and payloads keep every digit', async (t) => {
  const { post, now } = await open(t)
  const payload = '{"amount":12345678901234567890.10,"n":1.10}'
  const enqueued = await post(
    'enqueue',
    `{"queue":"q","records":[{"payload":${payload},"key":"k"},{"payload":null}]}`,
  )
  t.match(enqueued, { status: 200, json: { ids: ['1', '2'], duplicates: 0 } })
  const claimed = await post('claim', { queue: 'q', limit: 2 })
  t.equal(claimed.status, 200)
  t.match(claimed.text, `"payload":{"amount":12345678901234567890.10,"n":1.1}`)
  t.match(claimed.json, {
    records: [
      { id: '1', key: 'k', attempt: 1, epoch: 1, leaseExpiresAt: /^\d{4}-.*Z$/ },
      { id: '2', key: null, payload: null },
    ],
  })
  t.match(await post('1/complete', { epoch: 1 }), { status: 200, json: { state: 'applied' } })
  t.match(await post('2/complete', { epoch: 9 }), {
    status: 409,
    json: { error: { code: 'epoch_stale', hint: /./ } },
  })
  t.match(await post('2/fail', { epoch: 1, reason: 'no', retry: false }), {
    status: 202,
    json: { state: 'queued' },
  })
  now.answer = { state: 'applied', id: 'any' }
  t.match(await post('2/release', { epoch: 1 }), { status: 200, json: { state: 'applied' } })
})

t.test('R3.1 several completions are answered one by one', async (t) => {
  const { post, store } = await open(t)
  store.add('q', 2)
  await post('claim', { queue: 'q' })
  const body = [
    { id: '1', epoch: 1 },
    { id: '2', epoch: 9 },
  ]
  t.match(await post('complete', body), {
    status: 207,
    json: {
      records: [
        { id: '1', state: 'applied' },
        { id: '2', state: 'refused', error: { code: 'epoch_stale' } },
      ],
    },
  })
  t.match(await post('complete', [{ id: '2', epoch: 1 }]), { status: 200 })
})

t.test('R2.5 refusals say when to come back', async (t) => {
  const { post, now, call } = await open(t)
  now.closed = 'draining'
  const refused = await post('claim', { queue: 'q' })
  t.match(refused, { status: 503, json: { error: { code: 'draining', message: /./, hint: /./ } } })
  t.match(refused.headers, { 'retry-after': /\d/ })
  t.match(await post('claim', '{"queue":'), {
    status: 400,
    json: { error: { code: 'invalid_request', field: 'body' } },
  })
  t.match(await post('claim', {}), { status: 400, json: { error: { field: 'queue' } } })
  t.match(await call('GET', '/v1/records/claim'), { status: 405 })
  t.match(await post('1/destroy', {}), { status: 404 })
})

t.test('R3.3 records for a client that has hung up go back', async (t) => {
  const { path, store, desk } = await open(t)
  const arrival = Promise.withResolvers<void>()
  const asked = Promise.withResolvers<void>()
  store.beforeClaim = () => {
    asked.resolve()
    return arrival.promise
  }
  store.add('q', 1)
  const socket = connect(path)
  const body = '{"queue":"q"}'
  socket.write(
    `POST /v1/records/claim HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  )
  await asked.promise
  const closed = new Promise((resolve) => socket.once('close', resolve))
  socket.destroy()
  await closed
  // The supervisor's end notices in a later turn of the loop.
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve))
  arrival.resolve()
  await settleDown()
  t.equal(desk.stats().held, 0)
})
