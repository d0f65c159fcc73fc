// The demo's own reader, on which its count of lost lines rests: no line may vanish in it, whatever a file holds and
// however its bytes arrive.

import fc from 'fast-check'
import t from 'tap'
import { awkwardFiles } from '../../demo/awkward-files.ts'
import { linesOf } from '../../demo/data-file.ts'
import { CsvReader, type Reject, type Row } from '../../demo/flow/csv-reader.ts'
import { parseRecord } from '../../demo/flow/csv-record.ts'
import { realFiles } from '../../demo/real-files.ts'

function read(chunks: readonly Buffer[], start = { line: 1, offset: 0 }): (Row | Reject)[] {
  const reader = new CsvReader(start)
  return [...chunks.flatMap((chunk) => reader.push(chunk)), ...reader.end()]
}

function cut(bytes: Buffer, at: readonly number[]): Buffer[] {
  const places = [0, ...at.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
  return places.slice(1).map((end, index) => bytes.subarray(places[index], end))
}

/** Bytes in which quotes, commas and line breaks are frequent. */
const nastyBytes = fc
  .array(fc.oneof(fc.constantFrom(...Buffer.from('"",,\n\n\r\0ab')), fc.nat(255)), { maxLength: 300 })
  .map((bytes) => Buffer.from(bytes))
const cuts = fc.array(fc.nat(300), { maxLength: 5 })

t.test('R3.4 each line belongs to exactly one record, whatever the bytes are', async () => {
  fc.assert(
    fc.property(nastyBytes, (bytes) => {
      let next = 1
      for (const { line, lines } of read([bytes])) {
        if (line !== next || lines < 1) return false
        next += lines
      }
      return next - 1 === linesOf({ bytes }).length
    }),
    { numRuns: 500 },
  )
})

t.test('R3.4 where the bytes are cut makes no difference', async (t) => {
  fc.assert(
    fc.property(nastyBytes, cuts, (bytes, at) => {
      t.same(read(cut(bytes, at)), read([bytes]))
    }),
  )
})

t.test('R8.2 reading goes on after any record as if it had never stopped', async (t) => {
  fc.assert(
    fc.property(nastyBytes, fc.nat(), (bytes, choice) => {
      const all = read([bytes])
      if (all.length === 0) return
      const index = choice % all.length
      const { line, lines, endOffset } = all[index] as Row
      const rest = read([bytes.subarray(endOffset)], { line: line + lines, offset: endOffset })
      t.same(rest, all.slice(index + 1))
    }),
  )
})

t.test('R3.4 fields come back as they were written', async (t) => {
  const field = fc.string({ unit: fc.constantFrom('"', ',', '\n', '\r', 'a', 'é', ' '), maxLength: 6 })
  fc.assert(
    fc.property(fc.array(field, { minLength: 1, maxLength: 5 }), (fields) => {
      const text = fields.map((value) => `"${value.replaceAll('"', '""')}"`).join(',')
      t.same(parseRecord(text), fields)
    }),
  )
})

t.test('R3.4 strict where guessing would store what nobody wrote', async (t) => {
  for (const text of ['a"b', '"a"b,c', 'a,"b" ,c', '"a""b"c']) t.equal(parseRecord(text), 'broken', text)
  for (const text of ['"', 'a,"b', 'a,"b""', '"a,b\nc']) t.equal(parseRecord(text), 'open', text)
  t.same(parseRecord('a,,\r'), ['a', '', ''])
})

t.test('R3.4 every awkward file is read as whoever made it says', async (t) => {
  for (const { name, bytes, hasHeader, rejects } of awkwardFiles) {
    const reasons = read([bytes]).flatMap((record) => ('reason' in record ? record.reason : []))
    // What the number of columns decides is not known here.
    const { column_count: _columns, no_header: _header, ...expected } = rejects
    const found = Object.fromEntries(
      reasons.map((one) => [one, reasons.filter((other) => other === one).length]),
    )
    t.same(found, expected, name)
    t.equal(hasHeader, bytes.length > 0 && name !== 'broken-header.csv')
  }
})

t.test('R3.4 the real files are sound, one record for each line', async (t) => {
  const files = realFiles()
  t.equal(files.length, 23)
  for (const { name, bytes, rows } of files) {
    const [header, ...records] = read([bytes])
    const columns = header && 'fields' in header ? header.fields.length : 0
    t.equal(records.length, rows, name)
    t.ok(
      records.every((record) => 'fields' in record && record.lines === 1 && record.fields.length === columns),
    )
  }
})
