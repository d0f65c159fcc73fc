// The pump and the sink on a real stdout: a pipe whose reader stands still or goes away, a full device.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, createReadStream, mkdtempSync, openSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { limits } from '../../../supervisor/core/limits.ts'
import { createLogSink } from '../../../supervisor/logs/sink.ts'
import { createTestClock } from '../../harness/test-clock.ts'

const program = fileURLToPath(new URL('pump-program.ts', import.meta.url))

interface Told {
  readonly what: string
  readonly bufferedBytes: number
  readonly droppedLines: number
  readonly gone: boolean
  readonly lines: number
}

interface Rig {
  readonly child: ChildProcess
  readonly readEnd: number
  /** Resolves with the next message of that kind, also one that is there already. */
  told(...what: string[]): Promise<Told>
}

/** The program with its stdout on a pipe that nobody reads yet. */
function start(t: Test, isBlocking: boolean): Rig {
  const directory = mkdtempSync(join(tmpdir(), 'flowkeep-logs-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const fifo = join(directory, 'stdout')
  execFileSync('mkfifo', [fifo])
  const readEnd = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK)
  const writeEnd = openSync(fifo, constants.O_WRONLY | (isBlocking ? 0 : constants.O_NONBLOCK))
  const child = spawn(process.execPath, [program], { stdio: ['pipe', writeEnd, 'inherit', 'ipc'] })
  closeSync(writeEnd)
  t.teardown(() => child.kill('SIGKILL'))

  const messages: Told[] = []
  let arrived = (): void => {}
  child.on('message', (message: Told) => {
    messages.push(message)
    arrived()
  })
  return {
    child,
    readEnd,
    async told(...what) {
      for (;;) {
        const index = messages.findIndex((message) => what.includes(message.what))
        if (index >= 0) return messages.splice(0, index + 1).at(-1) as Told
        await new Promise<void>((resolve) => {
          arrived = resolve
        })
      }
    },
  }
}

const count = 200_000
const line = (number: number) => `line ${number} ${'x'.repeat(90)}`

function feed(child: ChildProcess): void {
  child.stdin?.on('error', () => {})
  for (let number = 0; number < count; number += 1000) {
    child.stdin?.write(Array.from({ length: 1000 }, (_, index) => `${line(number + index)}\n`).join(''))
  }
  child.stdin?.end()
}

for (const isBlocking of [true, false]) {
  const kind = isBlocking ? 'blocking' : 'non-blocking'
  t.test(`§9 a reader of a ${kind} stdout that stands still: the loop turns, then all arrives`, async (t) => {
    const { child, readEnd, told } = start(t, isBlocking)
    await told('ready')
    feed(child)
    const paused = await told('paused')
    t.ok(paused.bufferedBytes > limits.logBufferBytes)
    for (let ping = 0; ping < 20; ping++) {
      child.send('ping')
      const pong = await told('pong')
      t.equal(pong.lines, paused.lines, 'the flow is not read')
      t.ok(pong.bufferedBytes <= paused.bufferedBytes, 'memory stays bounded')
    }
    child.send({ own: 'while it stood still' })
    child.send('ping')
    await told('pong')

    const records: string[] = []
    const ours: string[] = []
    for await (const text of createInterface({ input: createReadStream('', { fd: openAgain(readEnd) }) })) {
      const record = JSON.parse(text)
      if (record.component === 'flow') records.push(record.message)
      else ours.push(record.message)
    }
    t.match(await told('flushed', 'not flushed'), { what: 'flushed', droppedLines: 0, lines: count })
    t.equal(records.length, count)
    t.ok(records.every((message, number) => message === line(number)))
    t.same(ours, ['while it stood still'])
  })
}

/** The same pipe, without O_NONBLOCK: a stream would take EAGAIN for an error. */
function openAgain(readEnd: number): number {
  const again = openSync(`/proc/self/fd/${readEnd}`, constants.O_RDONLY)
  closeSync(readEnd)
  return again
}

t.test('§9 a reader that goes away: the flow runs on to its end, and what is lost is counted', async (t) => {
  const { child, readEnd, told } = start(t, true)
  await told('ready')
  feed(child)
  await told('paused')
  closeSync(readEnd)
  t.match(await told('gone'), { gone: true, bufferedBytes: 0 })
  const exited = once(child, 'exit')
  const end = await told('flushed', 'not flushed')
  t.match(end, { what: 'not flushed', lines: count })
  t.ok(end.droppedLines > count / 2)
  t.same(await exited, [0, null])
})

t.test('§9 a full device: waited for, then dropped and counted', async (t) => {
  const fd = openSync('/dev/full', 'w')
  t.teardown(() => closeSync(fd))
  const clock = createTestClock()
  const sink = createLogSink({ fd, clock })
  const flushed = sink.flush(1)
  sink.own('lost\n')
  while (sink.droppedLines === 0) {
    clock.advance(clock.nextInMs ?? 0)
    await new Promise((resolve) => setImmediate(resolve))
  }
  t.same([sink.droppedLines, sink.bufferedBytes, sink.gone], [1, 0, false])
  t.ok(clock.monotonicMs() >= limits.logFailedWriteMs)
  t.equal(await flushed, true, 'it was asked before there was anything')
})
