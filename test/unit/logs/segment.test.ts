import t from 'tap'
import { limits } from '../../../supervisor/core/limits.ts'
import { Segment } from '../../../supervisor/logs/segment.ts'

t.test('§9 a segment takes whole records only', async (t) => {
  const segment = new Segment()
  const first = Buffer.from(`${'a'.repeat(limits.logWriteBytes - 11)}\n`)
  t.equal(segment.take(first), first.length)
  t.equal(segment.take(Buffer.from('bbb\ncc\ndddd\n')), 7, 'the third has no room any more')
  t.equal(segment.take(Buffer.from('dddd\n')), 0)
  t.equal(segment.take(Buffer.from('ee\n')), 3, 'to the last byte')
  t.equal(segment.take(Buffer.from('\n')), 0)
  t.equal(segment.waiting.length, limits.logWriteBytes)
})

t.test('§9 a record that is half out is kept when the others are dropped', async (t) => {
  const cases: [number, string][] = [
    [0, ''],
    [2, '\n'],
    [3, ''],
    [4, 'b\n'],
    [5, '\n'],
    [6, ''],
  ]
  for (const [written, kept] of cases) {
    const segment = new Segment()
    segment.take(Buffer.from('aa\nbb\ncc\n'))
    segment.advance(written)
    segment.keepTornRecord()
    t.equal(segment.waiting.toString(), kept, `${written} bytes written`)
    t.equal(segment.isEmpty, kept === '')
    segment.take(Buffer.from('dd\n'))
    t.equal(segment.waiting.toString(), `${kept}dd\n`)
  }
})
