// The usual JSON line, read without making objects and strings of it: one flat object, its text printable ASCII without
// a backslash, no name twice. Its members can go out byte for byte. Anything else is left to `recordOf`, which
// understands all of JSON and makes the same record of it (a property test compares the two).
// Each function that reads something returns the index after it, or `end` (where nothing can follow) if it is not there.

import { ourNames, slots } from './names.ts'

const membersMax = 64

const quote = 0x22
const comma = 0x2c
const minus = 0x2d
const point = 0x2e
const colon = 0x3a
const openingBrace = 0x7b
const closingBrace = 0x7d

/** A name that means something to a record. */
interface Known {
  readonly name: Buffer
  /** Undefined when it is ours alone. */
  readonly slot: number | undefined
  readonly isOurs: boolean
}

const knownByHash = new Map<number, Known>()
const slotsByName = new Map<string, number>(Object.entries(slots))
for (const text of new Set([...ourNames, ...slotsByName.keys()])) {
  const name = Buffer.from(text)
  const known = { name, slot: slotsByName.get(text), isOurs: ourNames.has(text) }
  knownByHash.set(hashOf(name, 0, name.length), known)
}

export class FlatObject {
  #bytes: Buffer = Buffer.alloc(0)
  readonly #hashes = new Int32Array(membersMax)
  #members = 0
  /** Start and end of the text in each slot; -1 where there is none. */
  readonly #texts = new Int32Array(slotsByName.size * 2)
  /** Start and end of each member that stays as it is, in turn. */
  readonly kept = new Int32Array(membersMax * 2)
  keptCount = 0

  /** Whether the line is such an object. If so, the rest tells of it. */
  read(bytes: Buffer, start: number, end: number): boolean {
    this.#bytes = bytes
    this.#members = 0
    this.keptCount = 0
    this.#texts.fill(-1)
    let at = skipBlanks(bytes, start, end)
    if (byteAt(bytes, at, end) !== openingBrace) return false
    do {
      at = this.#readMember(skipBlanks(bytes, at + 1, end), end)
    } while (byteAt(bytes, at, end) === comma)
    return byteAt(bytes, at, end) === closingBrace && skipBlanks(bytes, at + 1, end) === end
  }

  startOf(slot: number): number {
    return this.#texts[slot * 2] as number
  }

  endOf(slot: number): number {
    return this.#texts[slot * 2 + 1] as number
  }

  /** The text of a name; undefined where it is not there. */
  text(slot: number): string | undefined {
    const start = this.startOf(slot)
    return start < 0 ? undefined : this.#bytes.toString('latin1', start, this.endOf(slot))
  }

  #readMember(nameAt: number, end: number): number {
    const bytes = this.#bytes
    const nameEnd = afterString(bytes, nameAt, end)
    const colonAt = skipBlanks(bytes, nameEnd, end)
    if (byteAt(bytes, colonAt, end) !== colon) return end
    const valueAt = skipBlanks(bytes, colonAt + 1, end)
    const isText = byteAt(bytes, valueAt, end) === quote
    const valueEnd = isText ? afterString(bytes, valueAt, end) : afterScalar(bytes, valueAt, end)
    if (valueEnd === end || !this.#addName(nameAt + 1, nameEnd - 1)) return end

    const known = knownByHash.get(this.#hashes[this.#members - 1] as number)
    if (known) {
      const { name, slot } = known
      const isUsual = isText && slot !== undefined && isSame(bytes, nameAt + 1, nameEnd - 1, name)
      if (!isUsual) return end
      this.#texts[slot * 2] = valueAt + 1
      this.#texts[slot * 2 + 1] = valueEnd - 1
    }
    if (!known?.isOurs) {
      this.kept[this.keptCount * 2] = nameAt
      this.kept[this.keptCount * 2 + 1] = valueEnd
      this.keptCount++
    }
    return skipBlanks(bytes, valueEnd, end)
  }

  /** False when there is one of that name, or perhaps: two names can have the same hash. */
  #addName(start: number, end: number): boolean {
    const hash = hashOf(this.#bytes, start, end)
    if (this.#members === membersMax) return false
    for (let member = 0; member < this.#members; member++) if (this.#hashes[member] === hash) return false
    this.#hashes[this.#members++] = hash
    return true
  }
}

function byteAt(bytes: Buffer, at: number, end: number): number {
  return at < end ? (bytes[at] as number) : -1
}

function hashOf(bytes: Buffer, start: number, end: number): number {
  let hash = 0
  for (let at = start; at < end; at++) hash = (Math.imul(hash, 31) + (bytes[at] as number)) | 0
  return hash
}

function isSame(bytes: Buffer, start: number, end: number, name: Buffer): boolean {
  if (end - start !== name.length) return false
  for (let at = start; at < end; at++) if (bytes[at] !== name[at - start]) return false
  return true
}

function skipBlanks(bytes: Buffer, from: number, end: number): number {
  let at = from
  while (at < end && (bytes[at] === 0x20 || bytes[at] === 0x09)) at++
  return at
}

/** After the closing quote. */
function afterString(bytes: Buffer, from: number, end: number): number {
  if (byteAt(bytes, from, end) !== quote) return end
  let at = from + 1
  while (at < end && isPlain[bytes[at] as number] === 1) at++
  return byteAt(bytes, at, end) === quote ? at + 1 : end
}

/** Printable ASCII but for the quote and the backslash. */
const isPlain = new Uint8Array(256).fill(1, 0x20, 0x7f)
isPlain[quote] = 0
isPlain[0x5c] = 0

const literals = ['true', 'false', 'null'].map((text) => Buffer.from(text))

function afterScalar(bytes: Buffer, from: number, end: number): number {
  const first = byteAt(bytes, from, end)
  if (first === minus || isDigit(first)) return afterNumber(bytes, from, end)
  for (const literal of literals) {
    const at = Math.min(from + literal.length, end)
    if (isSame(bytes, from, at, literal)) return at
  }
  return end
}

/** By JSON's grammar: no leading zeros, at least a digit on both sides of the point and in the exponent. */
function afterNumber(bytes: Buffer, from: number, end: number): number {
  const wholeAt = bytes[from] === minus ? from + 1 : from
  let at = byteAt(bytes, wholeAt, end) === 0x30 ? wholeAt + 1 : afterDigits(bytes, wholeAt, end)
  if (byteAt(bytes, at, end) === point) at = afterDigits(bytes, at + 1, end)
  const letter = byteAt(bytes, at, end)
  if (letter === 0x65 || letter === 0x45) {
    const sign = byteAt(bytes, at + 1, end)
    at = afterDigits(bytes, sign === minus || sign === 0x2b ? at + 2 : at + 1, end)
  }
  return at
}

function afterDigits(bytes: Buffer, from: number, end: number): number {
  let at = from
  while (at < end && isDigit(bytes[at] as number)) at++
  return at === from ? end : at
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39
}
