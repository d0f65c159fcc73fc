// Properties of the pump for any bytes whatever, in any chunks.

import fc from 'fast-check'
import t from 'tap'
import { limits } from '../../../supervisor/core/limits.ts'
import { createRig, pumpAll, reassemble } from './pump-fixture.ts'

const runs = 150

const sizes = fc.array(fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 10, max: 40_000 })), {
  minLength: 1,
  maxLength: 6,
})

/** Bytes with much of what could go wrong, and pieces long enough to fill parts. */
const piece = fc.oneof(
  fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
  fc
    .constantFrom('\n', '\r\n', '"', '\\', '\0', '\u2028', '\u009b', '𝄞', '€', '{', '}', '{"a":1}\n')
    .map(Buffer.from),
  fc.string({ unit: 'grapheme', maxLength: 30 }).map((text) => Buffer.from(text)),
  fc
    .tuple(fc.constantFrom('x', '"', '\u0001', '€', '𝄞', 'é\\'), fc.integer({ min: 1, max: 20_000 }))
    .map(([text, times]) => Buffer.from(text.repeat(times))),
)

/** Not an object of JSON, so that the message is the whole line. */
const bytes = fc.array(piece, { maxLength: 12 }).map((pieces) => Buffer.concat(pieces))

function linesOf(input: Buffer): Buffer[] {
  const lines: Buffer[] = []
  let at = 0
  while (at < input.length) {
    const newline = input.indexOf(10, at)
    const end = newline < 0 ? input.length : newline
    lines.push(input.subarray(at, end > at && input[end - 1] === 13 ? end - 1 : end))
    at = end + 1
  }
  return lines
}

t.test('§9 every line is one valid record of at most 16 KiB, and the parts give back the text', async (t) => {
  fc.assert(
    fc.property(bytes, sizes, (input, pieces) => {
      const rig = createRig()
      pumpAll(rig, input, pieces)
      for (const line of rig.lines()) {
        if (Buffer.byteLength(line) + 1 > limits.logLineBytes) throw new Error(`${line.length} is too long`)
      }
      const records = rig.records()
      const expected = linesOf(input)
      const found = reassemble(records)
      if (found.length !== expected.length) throw new Error(`${found.length} lines for ${expected.length}`)
      for (const [index, line] of expected.entries()) {
        const text = line.toString('utf8')
        const isObject = found[index] === '' && isJsonObject(text)
        if (!isObject && found[index] !== text) throw new Error(`line ${index} differs`)
      }
      return rig.counted.reduce((sum, lines) => sum + lines, 0) === expected.length
    }),
    { numRuns: runs },
  )
  t.pass()
})

function isJsonObject(text: string): boolean {
  try {
    return typeof JSON.parse(text) === 'object'
  } catch {
    return false
  }
}

t.test('§9 the same bytes give the same records in any chunks', async (t) => {
  fc.assert(
    fc.property(bytes, sizes, (input, pieces) => {
      const whole = createRig()
      const cut = createRig()
      pumpAll(whole, input)
      pumpAll(cut, input, pieces)
      return whole.lines().join('\n') === cut.lines().join('\n')
    }),
    { numRuns: runs },
  )
  t.pass()
})

const name = fc.oneof(
  fc.constantFrom(
    'time',
    'level',
    'message',
    'component',
    'service',
    'instance',
    'stream',
    'event',
    'part',
    'last',
  ),
  fc.constantFrom(
    'timestamp',
    'asctime',
    'levelname',
    'msg',
    'pid',
    'hostname',
    'flow.event',
    '__proto__',
    'a',
  ),
  fc.string({ maxLength: 5 }),
)

const value = fc.oneof(
  fc.constantFrom(
    '2026-05-04T10:20:30.123Z',
    '2026-05-04 10:20:30,1',
    1_777_890_030,
    'INFO',
    'error',
    20,
    'x',
  ),
  fc.jsonValue({ maxDepth: 3 }),
  fc.string(),
)

/** JSON text as a program could write it: names twice, blanks, escapes. */
const objectText = fc
  .array(fc.tuple(name, value, fc.constantFrom('', ' ', '\t')), { maxLength: 8 })
  .map((members) =>
    members.map(
      ([key, item, blank]) =>
        `${blank}${JSON.stringify(key)}${blank}:${blank}${JSON.stringify(item)}${blank}`,
    ),
  )
  .map((members) => `{${members.join(',')}}`)

const ours = { service: 'flow1', instance: 'host-1', component: 'flow', stream: 'stdout' }

t.test('§9 no JSON line can take one of our names, and none of its fields is lost', async (t) => {
  fc.assert(
    fc.property(objectText, (line) => {
      const rig = createRig()
      pumpAll(rig, Buffer.from(line))
      const [record] = rig.records()
      const fields = JSON.parse(line)
      for (const [key, mine] of Object.entries(ours)) if (record?.[key] !== mine) throw new Error(key)
      if (record && ('event' in record || 'part' in record || 'last' in record)) throw new Error('posing')
      for (const [key, theirs] of Object.entries(fields)) {
        const found = [record?.[key], record?.[`flow.${key}`], record?.[`flow.flow.${key}`]]
        const isTaken = ['time', 'level', 'message'].includes(key)
        if (!isTaken && !found.some((item) => JSON.stringify(item) === sound(theirs)))
          throw new Error(`${key} lost`)
      }
      return true
    }),
    { numRuns: 500 },
  )
  t.pass()
})

function sound(theirs: unknown): string {
  const text = JSON.stringify(theirs, (_key, item) => (typeof item === 'string' ? item.toWellFormed() : item))
  return JSON.stringify(JSON.parse(text))
}

t.test('§9 the short way for usual JSON lines gives the same record as the long one', async (t) => {
  fc.assert(
    fc.property(objectText, (line) => {
      const short = createRig()
      const long = createRig()
      pumpAll(short, Buffer.from(line))
      // A field with an escape is none of the usual ones, whatever the rest is.
      const separator = line === '{}' ? '' : ','
      pumpAll(long, Buffer.from(`${line.slice(0, -1)}${separator}"zz\\u0020":0}`))
      const { 'zz ': _marker, ...record } = long.records()[0] as Record<string, unknown>
      return JSON.stringify(sorted(short.records()[0])) === JSON.stringify(sorted(record))
    }),
    { numRuns: 500 },
  )
  t.pass()
})

function sorted(record: object | undefined): [string, unknown][] {
  return Object.entries(record ?? {}).sort(([a], [b]) => (a < b ? -1 : 1))
}
