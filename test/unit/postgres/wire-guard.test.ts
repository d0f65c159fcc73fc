import fc from 'fast-check'
import t from 'tap'
import { createMessageScanner } from '../../../supervisor/postgres/wire-guard.ts'
import { backendMessage, errorResponse } from '../../harness/servers.ts'

const ready = backendMessage('Z', Buffer.from('I'))
const error = errorResponse({ sqlState: '57P03', message: 'the database system is starting up' })

function scanAll(...chunks: Buffer[]): void {
  const scan = createMessageScanner(1000)
  for (const chunk of chunks) scan(chunk)
}

t.test('§5 sound messages pass, however the network cuts them up', async (t) => {
  const stream = Buffer.concat([ready, error, ready, backendMessage('N', Buffer.from('\0'))])
  for (let at = 0; at <= stream.length; at++) {
    t.doesNotThrow(() => scanAll(stream.subarray(0, at), stream.subarray(at)))
  }
  t.doesNotThrow(() => scanAll(...Array.from(stream, (_, at) => stream.subarray(at, at + 1))))
})

t.test('R2.4 what would make the parser wait for gigabytes, throw or loop is refused', async (t) => {
  const refused = { name: 'Error', message: /./ }
  t.throws(() => scanAll(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')), refused)
  t.throws(() => scanAll(backendMessage('D', Buffer.alloc(1000))), refused, 'longer than all that may come')
  t.throws(() => scanAll(Buffer.from([0x5a, 0, 0, 0, 3])), refused, 'shorter than its own length field')
  t.throws(() => scanAll(backendMessage('E', Buffer.alloc(0))), refused, 'an error with no terminator')
  t.throws(() => scanAll(backendMessage('E', Buffer.from('SFATAL\0'))), refused)
  t.throws(() => scanAll(backendMessage('E', Buffer.from('SFATAL'))), refused)
  t.throws(() => scanAll(backendMessage('E', Buffer.from('S'))), refused)
  t.throws(() => scanAll(backendMessage('N', Buffer.from('SFATAL\0\0trailing'))), refused)
})

t.test('R2.4 any bytes at all are passed or refused, in bounded time', async () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 10 }), (chunks) => {
      try {
        scanAll(...chunks.map((chunk) => Buffer.from(chunk)))
      } catch (thrown) {
        if (!(thrown instanceof Error) || thrown.constructor.name !== 'ProtocolError') throw thrown
      }
    }),
  )
})
