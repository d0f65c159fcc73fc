// Files as they turn up in real life: some awkward and sound, most with something wrong in them.

import type { DataFile } from './data-file.ts'
import type { RejectReason } from './flow/csv-reader.ts'

const header = 'id,name,amount'

export const awkwardFiles: readonly DataFile[] = [
  file('awkward-sound.csv', {
    // Byte order mark, CRLF, line breaks, quotes and spaces in fields, empty fields, no newline at the end.
    bytes: `\ufeff${header}\r\n1,"two\r\nlines",1\r\n2,"""said"", and, went",2\r\n,,\r\n" 4 , ",\t,  \r\n4,"a\n\nb\nc",\r\n5,naïve 漢字 🐦,5`,
    rows: 6,
  }),
  file('broken-header.csv', {
    bytes: `id,"na"me,amount\n1,one,1\n2,two,2\n`,
    hasHeader: false,
    rejects: { broken_quotes: 1, no_header: 2 },
  }),
  file('broken-quotes.csv', {
    // The open quote of line 6 must not swallow the lines after it.
    bytes: `${header}\n1,one,1\n2,"tw"o,2\n3,thr"ee,3\n4,four,4\n5,"five,5\n6,six,6\n7,"sev,en",7\n8,eight,8\n`,
    rows: 5,
    rejects: { broken_quotes: 2, open_quote: 1 },
  }),
  file('column-count.csv', {
    bytes: `${header}\n1,one,1\n2,two\n3,three,3,3\n\n5,five,5\n\r\n7,seven,7\n`,
    rows: 3,
    rejects: { column_count: 2, blank_line: 2 },
  }),
  file('empty.csv', { bytes: '', hasHeader: false }),
  file('header-only.csv', { bytes: `${header}\n` }),
  file('invalid-utf8.csv', {
    bytes: Buffer.concat([
      Buffer.from(`${header}\n1,one,1\n2,caf`),
      Buffer.from([0xe9]), // é as Latin-1 has it
      Buffer.from(`,2\n3,`),
      Buffer.from([0xed, 0xa0, 0x80]), // half of a surrogate pair
      Buffer.from(`,3\n4,four,4\n`),
    ]),
    rows: 2,
    rejects: { invalid_utf8: 2 },
  }),
  file('nul-bytes.csv', {
    bytes: `${header}\n1,one,1\n2,t\0wo,2\n\0\0\0\0\n4,four,4\n`,
    rows: 2,
    rejects: { nul_byte: 2 },
  }),
  file('very-long-line.csv', {
    bytes: `${header}\n1,one,1\n2,${'x'.repeat(5_000_000)},2\n3,${'y'.repeat(60_000)},3\n4,four,4\n`,
    rows: 3,
    rejects: { too_long: 1 },
  }),
]

interface Content {
  readonly bytes: string | Buffer
  readonly hasHeader?: boolean
  readonly rows?: number
  readonly rejects?: Partial<Record<RejectReason, number>>
}

function file(name: string, { bytes, hasHeader = true, rows = 0, rejects = {} }: Content): DataFile {
  return { name, bytes: Buffer.from(bytes), hasHeader, rows, rejects }
}
