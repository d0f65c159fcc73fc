// A program for tests: pumps stdin to stdout as the supervisor does, and tells of itself over IPC.
// Messages in: `ping` → {pong}; {own: text} logs a line. Out: {paused}, {gone}, {done} with figures.

import { Socket } from 'node:net'
import { systemClock } from '../../../supervisor/core/clock.ts'
import { createLogger } from '../../../supervisor/logs/logger.ts'
import { createFlowPump } from '../../../supervisor/logs/pump.ts'
import { createLogSink } from '../../../supervisor/logs/sink.ts'

const names = { service: 'flow1', instance: 'host-1' }
const sink = createLogSink({ fd: 1, clock: systemClock })
const logger = createLogger({ sink, clock: systemClock, level: 'info', redact: (text) => text, ...names })
let lines = 0
const pump = createFlowPump({
  sink,
  clock: systemClock,
  stream: 'stdout',
  counted: (count) => {
    lines += count
  },
  ...names,
})

function tell(what: string): void {
  const { bufferedBytes, droppedLines, gone } = sink
  process.send?.({ what, bufferedBytes, droppedLines, gone, lines })
}

const input = new Socket({
  fd: 0,
  readable: true,
  writable: false,
  onread: {
    buffer: Buffer.allocUnsafeSlow(64 * 1024),
    callback(length, buffer) {
      const hasRoom = pump.push((buffer as Buffer).subarray(0, length))
      if (!hasRoom) tell('paused')
      return hasRoom
    },
  },
})
sink.onRoom(() => {
  input.resume()
  if (sink.gone) tell('gone')
})
input.once('end', async () => {
  pump.end()
  const flushed = await sink.flush(60_000)
  tell(flushed ? 'flushed' : 'not flushed')
  process.disconnect?.()
})
input.resume()

process.on('message', (message: 'ping' | { own: string }) => {
  if (message === 'ping') tell('pong')
  else logger.info({ event: 'test.line' }, message.own)
})
tell('ready')
