import { connect } from 'node:net'
import t from 'tap'
import { limits } from '../../../supervisor/core/limits.ts'
import { createFakeQueue } from '../../harness/fake-queue.ts'
import { rawRequest } from '../../harness/raw-http.ts'
import { openControl } from '../../unit/http/control-fixture.ts'

// The real ones are 30 s and 1 s. This process has no other test.
Object.assign(limits, { controlRequestMs: 500, httpHeadersMs: 250, httpSlowCheckMs: 50 })

/** Sends the bytes one by one for as long as the other side listens. Resolves with what it said before it hung up. */
function drip(path: string, bytes: string): Promise<string> {
  return new Promise((resolve) => {
    let said = ''
    let at = 0
    const socket = connect({ path })
    const timer = setInterval(() => socket.write(bytes[at++ % bytes.length] as string), 10)
    socket.on('data', (chunk) => {
      said += chunk
    })
    socket.on('error', () => {})
    socket.once('close', () => {
      clearInterval(timer)
      resolve(said)
    })
  })
}

t.test('§6 who submits byte by byte is cut off, with nothing acknowledged or passed on', async (t) => {
  const queue = createFakeQueue()
  const { path, call } = await openControl(t, { operations: queue })
  const line = '{"id":"slow"}\n'
  const head = `content-type: application/x-ndjson\r\ncontent-length: ${10 ** 6}\r\n`
  const endless = rawRequest(
    'POST /v1/operations',
    'content-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n',
  )
  const slow = [
    drip(path, `POST /v1/operations HTTP/1.1\r\nx-slow: ${'x'.repeat(10 ** 6)}`),
    drip(path, rawRequest('POST /v1/operations', head) + line.repeat(10 ** 4)),
    drip(path, endless + `${line.length.toString(16)}\r\n${line}\r\n`.repeat(10 ** 4)),
  ]
  t.match(
    await call('POST', '/v1/operations', { id: 'quick' }),
    { status: 202 },
    'others are answered meanwhile',
  )
  for (const said of await Promise.all(slow)) t.match(said, /^(?:HTTP\/1\.1 408 |HTTP\/1\.1 400 |$)/)
  t.strictSame(queue.passedOn, [{ id: 'quick' }])
})
