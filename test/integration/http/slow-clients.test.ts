import { connect, type Socket } from 'node:net'
import t from 'tap'
import { limits } from '../../../supervisor/core/limits.ts'
import { createEarlyHandler } from '../../../supervisor/http/early.ts'
import { openListener } from '../../../supervisor/http/listener.ts'
import { rawRequest, sendRaw } from '../../harness/raw-http.ts'
import { openPublic } from '../../unit/http/public-fixture.ts'

/** A client that begins a request and never ends it. */
function dawdle(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port }, () => {
      socket.write('GET /health HTTP/1.1\r\nhost: x\r\nx-slow: ')
      resolve(socket)
    })
    socket.once('error', reject)
    socket.on('data', () => {})
  })
}

t.test('§6 200 slow clients keep no probe out, and every one of them is gone in the end', async (t) => {
  const listener = await openListener('127.0.0.1', 0, createEarlyHandler('1'))
  const http = await openPublic(t, { listener, port: 0 })
  const connections = () =>
    new Promise<number>((resolve) => listener.server.getConnections((_error, count) => resolve(count)))

  const ended: Promise<void>[] = []
  for (let n = 0; n < 200; n++) {
    const socket = await dawdle(http.port)
    socket.on('error', () => {})
    ended.push(new Promise((resolve) => socket.once('close', () => resolve())))
    if (n % 20 === 0) {
      const probe = await sendRaw({ port: http.port, host: '127.0.0.1' }, rawRequest('GET /health'))
      t.equal(probe.status, 200, `with ${n + 1} of them`)
    }
  }
  t.ok((await connections()) <= limits.httpConnections)
  await Promise.all(ended)
  t.equal((await sendRaw({ port: http.port, host: '127.0.0.1' }, rawRequest('GET /health'))).status, 200)
})

t.test('§6 a client that asks regularly is not the one to go', async (t) => {
  const http = await openPublic(t)
  const regular = connect({ host: '127.0.0.1', port: http.port })
  const answers = { count: 0, notify: () => {} }
  regular.on('data', () => {
    answers.count++
    answers.notify()
  })
  let closed = false
  regular.once('close', () => {
    closed = true
  })
  for (let n = 0; n < 150; n++) {
    const socket = await dawdle(http.port)
    socket.on('error', () => {})
    t.teardown(() => socket.destroy())
    if (n % 30 !== 0) continue
    const answered = new Promise<void>((resolve) => {
      answers.notify = resolve
    })
    regular.write('GET /livez HTTP/1.1\r\nhost: x\r\n\r\n')
    await answered
  }
  t.equal(answers.count, 5)
  t.notOk(closed)
  regular.destroy()
})

t.test('§6 an endless body ends with the connection', async (t) => {
  const http = await openPublic(t)
  const socket = connect({ host: '127.0.0.1', port: http.port })
  socket.on('error', () => {})
  socket.on('data', () => {})
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  socket.write('POST /health HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n')
  const chunk = Buffer.concat([Buffer.from('100000\r\n'), Buffer.alloc(0x100000), Buffer.from('\r\n')])
  let sent = 0
  const pour = () => {
    while (!socket.destroyed && sent < 1024 && socket.write(chunk)) sent++
  }
  socket.on('drain', pour)
  pour()
  await closed
  t.ok(sent < 1024, `closed after ${sent} MiB of 1024`)
})
