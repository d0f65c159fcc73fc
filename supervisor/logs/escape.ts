// Text as bytes into a JSON string as bytes, without making a JavaScript string of it. Everything that could break a
// record, a terminal or a reader that splits lines in its own way is escaped: quotes, backslashes, control characters
// (so ANSI sequences, too), DEL, the C1 controls U+0080–9F, U+2028 and U+2029. Bytes that are not UTF-8 become U+FFFD,
// one for each maximal part of a sequence, as WHATWG decoders do it; the record says no more about them.

/** Bytes with the same bytes as aligned 32-bit words, for looking at four at a time. */
export interface Source {
  readonly bytes: Buffer
  readonly words: Int32Array
  /** Index of the byte that `words[0]` starts with. */
  readonly wordsFrom: number
}

const noWords = new Int32Array()

export function sourceOf(bytes: Buffer): Source {
  const wordsFrom = -bytes.byteOffset & 3
  const count = (bytes.length - wordsFrom) >> 2
  const words = count > 0 ? new Int32Array(bytes.buffer, bytes.byteOffset + wordsFrom, count) : noWords
  return { bytes, words, wordsFrom }
}

const kindPlain = 0
const kindShort = 1
const kindControl = 2
const kindHigh = 3

const kinds = new Uint8Array(256).fill(kindPlain)
kinds.fill(kindControl, 0, 0x20)
kinds[0x7f] = kindControl
kinds.fill(kindHigh, 0x80)

/** The letter after the backslash, for bytes that have such a form. */
const shortForms = new Uint8Array(128)
for (const [byte, letter] of [
  ['"', '"'],
  ['\\', '\\'],
  ['\b', 'b'],
  ['\t', 't'],
  ['\n', 'n'],
  ['\f', 'f'],
  ['\r', 'r'],
] as const) {
  kinds[byte.charCodeAt(0)] = kindShort
  shortForms[byte.charCodeAt(0)] = letter.charCodeAt(0)
}

/** Index of the first byte from `from` on that cannot stand in a JSON string as it is (a newline is one), or `end`. */
export function firstSpecial(source: Source, from: number, end: number): number {
  const { bytes, words, wordsFrom } = source
  let index = from
  while (index < end && ((index - wordsFrom) & 3) !== 0) {
    if (kinds[bytes[index] as number] !== kindPlain) return index
    index++
  }
  let word = (index - wordsFrom) >> 2
  const wordsEnd = (end - wordsFrom) >> 2
  while (word < wordsEnd && !holdsSpecial(words[word] as number)) word++
  index = Math.max(index, wordsFrom + (word << 2))
  while (index < end && kinds[bytes[index] as number] === kindPlain) index++
  return index
}

/**
 * Whether one of the word's four bytes is below 0x20, a quote, a backslash, or above 0x7e. Each term sets the top bit
 * of such a byte; a borrow between bytes can only start at a byte that is one, so it adds no wrong answer.
 */
function holdsSpecial(word: number): boolean {
  const quotes = (word ^ 0x22222222) - 0x01010101
  const backslashes = (word ^ 0x5c5c5c5c) - 0x01010101
  return ((word | (word - 0x20202020) | quotes | backslashes | (word + 0x01010101)) & 0x80808080) !== 0
}

const hexDigits = Buffer.from('0123456789abcdef')

/** Escapes into `out`, as much as fits whole. `readTo` and `wroteTo` then say how far it came. */
export class Escaper {
  readTo = 0
  wroteTo = 0

  /** @param limit the first index of `out` that must not be written */
  escape(bytes: Buffer, from: number, end: number, out: Buffer, at: number, limit: number): void {
    let read = from
    let wrote = at
    while (read < end) {
      const byte = bytes[read] as number
      const kind = kinds[byte] as number
      if (kind === kindPlain) {
        if (wrote === limit) break
        out[wrote++] = byte
        read++
      } else if (kind === kindShort) {
        if (wrote + 2 > limit) break
        out[wrote++] = 0x5c
        out[wrote++] = shortForms[byte] as number
        read++
      } else if (kind === kindControl) {
        if (wrote + 6 > limit) break
        wrote = writeUnicodeEscape(out, wrote, byte)
        read++
      } else {
        if (wrote + 6 > limit) break
        const length = sequenceLength(bytes, read, end)
        wrote = length > 0 ? writeSequence(bytes, read, length, out, wrote) : writeReplacement(out, wrote)
        read += Math.abs(length)
      }
    }
    this.readTo = read
    this.wroteTo = wrote
  }
}

function writeUnicodeEscape(out: Buffer, at: number, codeUnit: number): number {
  out[at] = 0x5c
  out[at + 1] = 0x75
  out[at + 2] = hexDigits[codeUnit >> 12] as number
  out[at + 3] = hexDigits[(codeUnit >> 8) & 15] as number
  out[at + 4] = hexDigits[(codeUnit >> 4) & 15] as number
  out[at + 5] = hexDigits[codeUnit & 15] as number
  return at + 6
}

function writeReplacement(out: Buffer, at: number): number {
  out[at] = 0xef
  out[at + 1] = 0xbf
  out[at + 2] = 0xbd
  return at + 3
}

/** A valid sequence as it is, or escaped if it is a C1 control or a line separator. */
function writeSequence(bytes: Buffer, from: number, length: number, out: Buffer, at: number): number {
  const first = bytes[from] as number
  const second = bytes[from + 1] as number
  if (first === 0xc2 && second < 0xa0) return writeUnicodeEscape(out, at, second)
  if (first === 0xe2 && second === 0x80) {
    const third = bytes[from + 2] as number
    if (third === 0xa8 || third === 0xa9) return writeUnicodeEscape(out, at, 0x2028 + (third & 1))
  }
  for (let offset = 0; offset < length; offset++) out[at + offset] = bytes[from + offset] as number
  return at + length
}

/**
 * Length of the UTF-8 sequence at `from`; where it is not one, minus the number of bytes that one U+FFFD stands for
 * (Unicode, "substitution of maximal subparts").
 */
function sequenceLength(bytes: Buffer, from: number, end: number): number {
  const first = bytes[from] as number
  if (first < 0xc2 || first > 0xf4) return -1
  const length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4
  for (let offset = 1; offset < length; offset++) {
    const byte = from + offset < end ? (bytes[from + offset] as number) : 0
    const low = offset > 1 ? 0x80 : lowestSecondByte(first)
    const high = offset > 1 ? 0xbf : highestSecondByte(first)
    if (byte < low || byte > high) return -offset
  }
  return length
}

/** Overlong forms start lower. */
function lowestSecondByte(first: number): number {
  return first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80
}

/** Surrogates and code points above U+10FFFF lie higher. */
function highestSecondByte(first: number): number {
  return first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf
}

const unprintable = /[\u007f-\u009f\u2028\u2029]/
const everyUnprintable = /[\u007f-\u009f\u2028\u2029]/g
const everyLoneSurrogate = /\\(?:\\|ud[89a-f][0-9a-f]{2})/g

/**
 * JSON text from `JSON.stringify` with the characters escaped that it leaves as they are and `Escaper` does not, and
 * without the escaped lone surrogates that many readers refuse.
 */
export function printableJson(json: string): string {
  let text = json
  if (unprintable.test(text)) {
    text = text.replace(
      everyUnprintable,
      (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
    )
  }
  // An escaped backslash is matched too, so that a `\\ud800` somebody wrote out is not taken for a surrogate.
  return text.includes('\\ud')
    ? text.replace(everyLoneSurrogate, (found) => (found === '\\\\' ? found : '\\ufffd'))
    : text
}
