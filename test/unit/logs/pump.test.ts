import t from 'tap'
import { limits } from '../../../supervisor/core/limits.ts'
import { createRig, pumpAll, reassemble, recordsOf } from './pump-fixture.ts'

t.test('R5.3 a line of text is one record with time, level, names and stream', async (t) => {
  t.same(recordsOf('loaded 3 files\n', { stream: 'stderr' }), [
    {
      time: '2030-01-01T00:00:00.000Z',
      level: 'info',
      service: 'flow1',
      instance: 'host-1',
      component: 'flow',
      stream: 'stderr',
      message: 'loaded 3 files',
    },
  ])
})

t.test('R5.3 lines cut anywhere between chunks are whole again, also by the byte', async (t) => {
  const text = 'first\n\n{"message":"zweite Zeile: größer","n":1}\nlast "quoted"\n'
  const whole = recordsOf(text)
  t.equal(whole.length, 4)
  for (const size of [1, 2, 3, 7, 16]) {
    const rig = createRig()
    pumpAll(rig, Buffer.from(text), [size])
    t.same(rig.records(), whole, `pieces of ${size}`)
  }
})

t.test('R5.3 the last line counts without its newline, and nothing is made of nothing', async (t) => {
  const rig = createRig()
  pumpAll(rig, Buffer.from('one\ntwo'))
  t.same(reassemble(rig.records()), ['one', 'two'])
  t.same(rig.counted, [1, 1])
  rig.pump.end()
  rig.pump.push(Buffer.alloc(0))
  t.equal(rig.lines().length, 2)
})

t.test('§9 CR/LF, NUL, ANSI, C1, U+2028 and quotes: one printable record each, nothing lost', async (t) => {
  const nasty = [
    'nul \0 end',
    '\u001b[31mred\u001b[0m',
    'a\rb',
    'tab\t"q" \\',
    '\u2028\u2029',
    '\u009b2J\u007f',
  ]
  const rig = createRig()
  pumpAll(rig, Buffer.from(nasty.map((line) => `${line}\r\n`).join('')))
  t.same(reassemble(rig.records()), nasty)
  for (const line of rig.lines()) t.ok(isPrintable(line), line)
})

function isPrintable(line: string): boolean {
  return [...line].every((character) => {
    const code = character.codePointAt(0) as number
    return code >= 0x20 && !(code >= 0x7f && code <= 0x9f) && code !== 0x2028 && code !== 0x2029
  })
}

t.test('§9 each byte at each place of a line is escaped where it has to be', async (t) => {
  const lines: string[] = []
  for (let code = 0; code < 0x80; code++) {
    if (code === 0x0a) continue
    for (let place = 0; place < 12; place++) {
      const text = 'abcdefghijkl'.split('')
      text[place] = String.fromCharCode(code)
      lines.push(`${text.join('')}.`)
    }
  }
  const rig = createRig()
  pumpAll(rig, Buffer.from(lines.join('\n')))
  t.same(reassemble(rig.records()), lines)
  t.ok(rig.lines().every(isPrintable))
})

t.test('§9 bytes that are not UTF-8 become U+FFFD as a WHATWG decoder does it', async (t) => {
  const wrong = [
    [0xff],
    [0xc0, 0xaf],
    [0xe2, 0x82],
    [0xed, 0xa0, 0x80],
    [0xf0, 0x9f, 0x98],
    [0xf4, 0x90, 0x80, 0x80],
  ]
  for (const bytes of wrong) {
    const line = Buffer.concat([Buffer.from('a'), Buffer.from(bytes), Buffer.from('b')])
    t.same(recordsOf(line)[0]?.message, line.toString('utf8'), line.toString('hex'))
  }
})

t.test(
  'R6.2 a 10 MB line without a newline comes in numbered parts, as it comes, in bounded memory',
  async (t) => {
    const rig = createRig()
    const chunk = Buffer.from('ä"\u001b'.repeat(4096))
    let pushed = 0
    while (pushed < 10_000_000) {
      rig.pump.push(chunk)
      pushed += chunk.length
    }
    t.ok(rig.writtenBytes() > pushed - limits.logLineBytes, 'it comes out as it comes in')
    t.same(rig.counted, [], 'it is no line yet')
    rig.pump.push(Buffer.from('\nnext\n'))

    const records = rig.records()
    const parts = records.slice(0, -1)
    t.same(
      parts.map((record) => record['part']),
      parts.map((_, index) => index + 1),
    )
    t.same(
      parts.map((record) => record['last']),
      parts.map((_, index) => (index === parts.length - 1 ? true : undefined)),
    )
    t.ok(rig.lines().every((line) => Buffer.byteLength(line) < limits.logLineBytes))
    const [long, next] = reassemble(records)
    t.ok(long === chunk.toString().repeat(pushed / chunk.length), 'nothing is lost or changed')
    t.equal(next, 'next')
    t.same(rig.counted, [2], 'a line in parts is one line')
  },
)

t.test('§9 around the bound: one record below it, two above it, in one chunk or several', async (t) => {
  const [empty] = createLines('')
  const closing = 48
  const most = limits.logLineBytes - (Buffer.byteLength(empty as string) - 2) - closing
  for (const length of [
    most - 3,
    most - 2,
    most - 1,
    most,
    most + 1,
    limits.logLineBytes,
    limits.logLineBytes + 1,
  ]) {
    const text = 'x'.repeat(length)
    for (const sizes of [[3 * length], [1000], [limits.logLineBytes, 1]]) {
      const rig = createRig()
      pumpAll(rig, Buffer.from(`${text}\r\n${text}\n`), sizes)
      t.same(reassemble(rig.records()), [text, text])
      t.ok(rig.lines().every((line) => Buffer.byteLength(line) < limits.logLineBytes))
      t.equal(rig.lines().length === 2, length <= most, `${length} bytes`)
    }
  }
})

function createLines(text: string): string[] {
  const rig = createRig()
  pumpAll(rig, Buffer.from(`${text}\n`))
  return rig.lines()
}

t.test('§9 no character and no escape is cut in two at the border of parts', async (t) => {
  for (let shift = 0; shift < 7; shift++) {
    const text = 'x'.repeat(shift) + '€𝄞\u0001\u2028"'.repeat(5000)
    const rig = createRig()
    pumpAll(rig, Buffer.from(text), [4096 + shift])
    t.same(reassemble(rig.records()), [text])
    t.ok(rig.records().every((record) => record.message.isWellFormed() && !record.message.includes('\ufffd')))
  }
})

t.test(
  'R6.5 back-pressure: push says when the sink has no room, and takes the chunk all the same',
  async (t) => {
    const rig = createRig()
    t.equal(rig.pump.push(Buffer.from('a\n')), true)
    rig.hasRoom = false
    t.equal(rig.pump.push(Buffer.from('b\n')), false)
    rig.hasRoom = true
    t.equal(rig.pump.push(Buffer.from('c\n')), true)
    t.same(reassemble(rig.records()), ['a', 'b', 'c'])
  },
)

t.test(
  '§9 a chunk that makes many megabytes of records is handed over in blocks of whole records',
  async (t) => {
    const rig = createRig()
    rig.pump.push(Buffer.from('\n'.repeat(65_536)))
    t.equal(rig.records().length, 65_536)
    t.same(rig.counted, [65_536])
  },
)

t.test('§4 the latest lines are kept for the exit message, each cut short', async (t) => {
  const rig = createRig()
  t.same(rig.pump.lastLines(), [])
  rig.pump.push(Buffer.from('1\n2\n3'))
  t.same(rig.pump.lastLines(), ['1', '2'])
  rig.pump.push(Buffer.from('3\r\n\n'))
  t.same(rig.pump.lastLines(), ['1', '2', '33', ''])
  const many = Array.from({ length: 50 }, (_, index) => `line ${index}`)
  rig.pump.push(Buffer.from(`${many.join('\n')}\n`))
  t.same(rig.pump.lastLines(), many.slice(-limits.lastLogLines))
  pumpAll(rig, Buffer.from('ö'.repeat(40_000)), [1000])
  t.equal(rig.pump.lastLines().at(-1), 'ö'.repeat(limits.lastLogLineChars))
  t.equal(rig.pump.lastLines().length, limits.lastLogLines)
})

t.test('§9 a very long instance name leaves room for the text', async (t) => {
  const records = recordsOf(`${'y'.repeat(20_000)}\n`, { instance: 'i'.repeat(20_000) })
  t.same(reassemble(records), ['y'.repeat(20_000)])
})

t.test('R5.3 chunks at any alignment in their memory', async (t) => {
  const memory = Buffer.alloc(64)
  for (let offset = 0; offset < 8; offset++) {
    for (let length = 0; length < 20; length++) {
      const text = 'abcdefghijklmnopqrs'.slice(0, length)
      memory.write(`${text}\n`, offset)
      const rig = createRig()
      rig.pump.push(memory.subarray(offset, offset + length + 1))
      t.equal(rig.records()[0]?.message, text)
    }
  }
})
