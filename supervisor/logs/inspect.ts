// One look over the bytes of a line before it is parsed: whether it can be a JSON object at all, and whether it may hold
// what takes more care. May say so where it does not; never the other way round.

import { limits } from '../core/limits.ts'

export interface Inspection {
  /** A number that JavaScript does not keep as it was written. */
  readonly isNumberAtRisk: boolean
  /** Nesting deeper than limits.logNesting. */
  readonly isDeep: boolean
}

const kindOther = 0
const kindDigit = 1
const kindOpening = 2
const kindExponent = 3

const kinds = new Uint8Array(256).fill(kindOther)
for (const byte of Buffer.from('0123456789.')) kinds[byte] = kindDigit
for (const byte of Buffer.from('{[')) kinds[byte] = kindOpening
for (const byte of Buffer.from('eE')) kinds[byte] = kindExponent

/** Digits that every number keeps. */
const safeDigits = 15

/** Undefined when the line is no JSON object. */
export function inspect(bytes: Buffer, start: number, end: number): Inspection | undefined {
  if (!looksLikeObject(bytes, start, end)) return undefined
  let isNumberAtRisk = false
  let openings = 0
  let digits = 0
  for (let index = start; index < end; index++) {
    const kind = kinds[bytes[index] as number]
    if (kind === kindDigit) {
      digits++
      if (digits > safeDigits) isNumberAtRisk = true
    } else {
      if (kind === kindOpening) openings++
      else if (kind === kindExponent && digits > 0) isNumberAtRisk = true
      digits = 0
    }
  }
  return { isNumberAtRisk, isDeep: openings > limits.logNesting }
}

/** An opening brace, then a quote or the closing brace, and a closing brace at the end. */
function looksLikeObject(bytes: Buffer, start: number, end: number): boolean {
  const brace = skipBlanks(bytes, start, end)
  if (brace === end || bytes[brace] !== 0x7b) return false
  const inside = bytes[skipBlanks(bytes, brace + 1, end)]
  if (inside !== 0x22 && inside !== 0x7d) return false
  let last = end - 1
  while (isBlank(bytes[last])) last--
  return last > brace && bytes[last] === 0x7d
}

function skipBlanks(bytes: Buffer, from: number, end: number): number {
  let index = from
  while (index < end && isBlank(bytes[index])) index++
  return index
}

function isBlank(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x09
}
