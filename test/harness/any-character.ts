// Text of any characters for fast-check: its own unit `binary` is the same, and builds a table of all of them first,
// which takes longer than most tests.

import fc from 'fast-check'

const surrogates = { first: 0xd800, count: 0x800 }
const characters = 0x110000 - surrogates.count

/** Any Unicode scalar value. */
export const anyCharacter = fc.oneof(
  fc.integer({ min: 0, max: 0x7f }).map((code) => String.fromCodePoint(code)),
  fc
    .integer({ min: 0, max: characters - 1 })
    .map((place) => String.fromCodePoint(place < surrogates.first ? place : place + surrogates.count)),
)
