import t from 'tap'
import { limits } from '../../../supervisor/core/limits.ts'
import { createLogSink, type LogSink } from '../../../supervisor/logs/sink.ts'
import { createTestClock, type TestClock } from '../../harness/test-clock.ts'

type Answer = number | 'all' | `E${string}`

interface Rig {
  readonly sink: LogSink
  readonly clock: TestClock
  /** Resolves when a write is in flight; its text. */
  writing(): Promise<string>
  /** Answers the write in flight: so many bytes written, or an error. */
  answer(answer: Answer): void
  /** What is out. */
  readonly written: string
  readonly writes: number
}

function createRig(): Rig {
  const clock = createTestClock()
  let inFlight: { bytes: Buffer; done: (error: Error | null, written: number) => void } | undefined
  let announce: ((text: string) => void) | undefined
  const rig = { written: '', writes: 0 }
  const sink = createLogSink({
    fd: 1,
    clock,
    write(_fd, bytes, done) {
      if (inFlight) throw new Error('two writes in flight')
      inFlight = { bytes, done }
      rig.writes++
      announce?.(bytes.toString())
      announce = undefined
    },
  })
  return Object.assign(rig, {
    sink,
    clock,
    writing: () =>
      new Promise<string>((resolve) => {
        if (inFlight) resolve(inFlight.bytes.toString())
        else announce = resolve
      }),
    answer(answer: Answer) {
      if (!inFlight) throw new Error('no write in flight')
      const { bytes, done } = inFlight
      inFlight = undefined
      if (typeof answer === 'string' && answer !== 'all') {
        return done(Object.assign(new Error(answer), { code: answer }), 0)
      }
      const length = answer === 'all' ? bytes.length : answer
      rig.written += bytes.toString('utf8', 0, length)
      done(null, length)
    },
  })
}

/** Answers every write until nothing is left. */
async function drain(rig: Rig): Promise<void> {
  while (rig.sink.bufferedBytes > 0) {
    await rig.writing()
    rig.answer('all')
  }
}

const block = (bytes: number, text = 'f') => Buffer.from(`${text.repeat(bytes - 1)}\n`)

t.test('R5.3 what one turn brings goes out in one write, in order', async (t) => {
  const rig = createRig()
  rig.sink.own('one\n')
  t.equal(rig.sink.flow(Buffer.from('two\nthree\n')), true)
  rig.sink.own('four\n')
  t.equal(rig.writes, 0)
  t.equal(await rig.writing(), 'one\ntwo\nthree\nfour\n')
  rig.sink.own('five\n')
  t.equal(rig.writes, 1, 'never a second write in flight')
  rig.answer('all')
  t.equal(await rig.writing(), 'five\n')
  rig.answer('all')
  t.same([rig.sink.bufferedBytes, rig.sink.droppedLines], [0, 0])
})

t.test('R5.3 a block may be used again once the sink has it', async (t) => {
  const rig = createRig()
  const used = Buffer.from('before\n')
  rig.sink.flow(used)
  used.fill('x')
  t.equal(await rig.writing(), 'before\n')
})

t.test('R5.3 partial writes go on where they ended', async (t) => {
  const rig = createRig()
  rig.sink.flow(Buffer.from('abcdef\n'))
  await rig.writing()
  rig.answer(2)
  t.equal(await rig.writing(), 'cdef\n')
  rig.sink.own('more\n')
  rig.answer(1)
  t.equal(await rig.writing(), 'def\nmore\n')
  rig.answer('all')
  t.equal(rig.written, 'abcdef\nmore\n')
})

t.test('R5.3 much more than one write holds comes out whole and in order', async (t) => {
  const rig = createRig()
  const blocks = Array.from({ length: 30 }, (_, index) =>
    block(100_000, String.fromCharCode(97 + (index % 26))),
  )
  for (const each of blocks) rig.sink.flow(each)
  rig.sink.flow(block(3 * limits.logWriteBytes).fill('z\n'))
  await drain(rig)
  t.ok(rig.written === `${blocks.join('')}${'z\n'.repeat((3 * limits.logWriteBytes) / 2)}`)
})

t.test('§9 a full pipe is tried again after a pause that grows, up to its bound', async (t) => {
  const rig = createRig()
  rig.sink.own('line\n')
  const pauses: (number | undefined)[] = []
  for (let attempt = 0; attempt < 9; attempt++) {
    await rig.writing()
    rig.answer('EAGAIN')
    pauses.push(rig.clock.nextInMs)
    rig.clock.advance(rig.clock.nextInMs ?? 0)
  }
  t.same(pauses, [1, 2, 4, 8, 16, 32, 50, 50, 50])
  await rig.writing()
  rig.answer(2)
  await rig.writing()
  rig.answer('EAGAIN')
  t.equal(rig.clock.nextInMs, 1, 'progress makes it short again')
  rig.clock.advance(1)
  rig.answer('all')
  t.same([rig.written, rig.sink.droppedLines], ['line\n', 0])
})

t.test('§9 the flow pauses at the bound and goes on when half is out; nothing is dropped', async (t) => {
  const rig = createRig()
  let roomAt: number | undefined
  rig.sink.onRoom(() => {
    roomAt = rig.sink.bufferedBytes
  })
  let sent = 0
  while (rig.sink.flow(block(64 * 1024))) sent++
  t.equal(sent, limits.logBufferBytes / (64 * 1024), 'the first beyond the bound says so')
  t.equal(rig.sink.flow(block(64 * 1024)), false, 'and is taken, as all are')
  while (roomAt === undefined) {
    await rig.writing()
    t.ok(rig.sink.bufferedBytes > limits.logBufferBytes / 2)
    rig.answer('all')
  }
  t.ok(roomAt <= limits.logBufferBytes / 2)
  t.equal(rig.sink.flow(block(10)), true)
  await drain(rig)
  t.equal(rig.written.length, (sent + 2) * 64 * 1024 + 10)
  t.equal(rig.sink.droppedLines, 0)
})

t.test('§9 our own lines have a reserve beyond it; what is over is dropped, counted and told', async (t) => {
  const rig = createRig()
  const told: number[] = []
  rig.sink.onDropped((lines) => {
    told.push(lines)
    rig.sink.own(`dropped ${lines}\n`)
  })
  while (rig.sink.flow(block(200_000))) {}
  const own = block(1024, 'o').toString()
  const fitting = limits.logOwnReserveBytes / own.length
  for (let line = 0; line < fitting + 3; line++) rig.sink.own(own)
  t.equal(rig.sink.droppedLines, 3)
  t.ok(
    rig.sink.bufferedBytes <= limits.logBufferBytes + limits.logOwnReserveBytes + 200_000,
    'memory is bounded',
  )
  await drain(rig)
  t.same(told, [3])
  t.equal(rig.written.split('ooo\n').length - 1, fitting)
  t.match(rig.written, /dropped 3\n$/)
  while (rig.sink.flow(block(200_000))) {}
  for (let line = 0; line < fitting; line++) rig.sink.own(own)
  t.equal(rig.sink.droppedLines, 3, 'the reserve is free again')
})

for (const code of ['EPIPE', 'EIO', 'EBADF'] as const) {
  t.test(`§9 ${code}: stdout is gone, the flow runs on, everything is counted, nothing spins`, async (t) => {
    const rig = createRig()
    let rooms = 0
    rig.sink.onRoom(() => rooms++)
    while (rig.sink.flow(block(100_000))) {}
    rig.sink.own('own\n')
    await rig.writing()
    rig.answer(7)
    const before = Math.ceil(limits.logBufferBytes / 100_000) + 1
    await rig.writing()
    const flushed = rig.sink.flush(60_000)
    rig.answer(code)
    t.equal(await flushed, false)
    t.equal(rig.sink.gone, true)
    t.same([rooms, rig.sink.bufferedBytes, rig.clock.armed], [1, 0, 0])
    t.equal(rig.sink.droppedLines, before)
    t.equal(rig.sink.flow(Buffer.from('a\nb\n')), true)
    rig.sink.own('c\n')
    t.equal(rig.sink.droppedLines, before + 3)
    t.equal(await rig.sink.flush(60_000), false)
    t.equal(rig.writes, 2)
  })
}

t.test('§9 a full disk is waited for', async (t) => {
  const rig = createRig()
  rig.sink.flow(Buffer.from('a\nb\n'))
  for (let waitedMs = 0; waitedMs < limits.logFailedWriteMs; ) {
    await rig.writing()
    rig.answer('ENOSPC')
    const pauseMs = rig.clock.nextInMs as number
    waitedMs += pauseMs
    if (waitedMs < limits.logFailedWriteMs) rig.clock.advance(pauseMs)
  }
  t.equal(rig.sink.droppedLines, 0)
  rig.clock.advance(1_000)
  await rig.writing()
  rig.answer('all')
  t.same([rig.written, rig.sink.droppedLines, rig.clock.armed], ['a\nb\n', 0, 0])
})

t.test('§9 each success begins the wait anew', async (t) => {
  const rig = createRig()
  rig.sink.flow(Buffer.from('a\nb\n'))
  for (const written of [1, 1, 'all'] as const) {
    await rig.writing()
    rig.answer('ENOSPC')
    rig.clock.advance(limits.logFailedWriteMs - 1)
    rig.answer(written)
  }
  t.same([rig.written, rig.sink.droppedLines], ['a\nb\n', 0])
})

t.test('§9 a disk that stays full: lines are dropped and counted, but none is torn', async (t) => {
  const rig = createRig()
  const told: number[] = []
  let rooms = 0
  rig.sink.onRoom(() => rooms++)
  rig.sink.onDropped((lines) => told.push(lines))
  rig.sink.own('first line\n')
  rig.sink.flow(Buffer.from('second\nthird\n'))
  while (rig.sink.flow(block(limits.logWriteBytes))) {}
  const taken = rig.sink.bufferedBytes
  await rig.writing()
  rig.answer(4)
  while (rig.sink.droppedLines === 0) {
    await rig.writing()
    rig.answer('ENOSPC')
    if (rig.sink.droppedLines === 0) rig.clock.advance(rig.clock.nextInMs as number)
  }
  t.equal(rig.sink.droppedLines, 2 + Math.ceil((taken - 24) / limits.logWriteBytes))
  t.equal(rig.sink.bufferedBytes, 't line\n'.length, 'the rest of the line that is half out')
  t.same([rooms, rig.clock.armed], [1, 1], 'the flow runs on, and the disk is tried again')
  const dropped = rig.sink.droppedLines

  rig.sink.flow(Buffer.from('later\n'))
  rig.clock.advance(1_000)
  t.equal(await rig.writing(), 't line\nlater\n')
  rig.answer('ENOSPC')
  t.equal(rig.sink.droppedLines, dropped + 1, 'no second wait while it stays full')
  rig.clock.advance(1_000)
  rig.answer('all')
  t.equal(rig.written, 'first line\n')
  t.same(told, [dropped + 1])
})

t.test('R5.5 flush is true when all is out, and false when the time is over', async (t) => {
  const rig = createRig()
  t.equal(await rig.sink.flush(1_000), true, 'there is nothing')
  rig.sink.own('line\n')
  const early = rig.sink.flush(1_000)
  await rig.writing()
  rig.clock.advance(1_000)
  t.equal(await early, false)
  const late = rig.sink.flush(1_000)
  rig.answer(2)
  await rig.writing()
  rig.answer('all')
  t.equal(await late, true)
  t.equal(rig.clock.armed, 0)
})

t.test('R5.5 flush is false when lines were dropped meanwhile', async (t) => {
  const rig = createRig()
  rig.sink.own('line\n')
  const flushed = rig.sink.flush(60_000)
  while (rig.sink.droppedLines === 0) {
    await rig.writing()
    rig.answer('ENOSPC')
    if (rig.sink.droppedLines === 0) rig.clock.advance(rig.clock.nextInMs as number)
  }
  t.equal(await flushed, false)
})
