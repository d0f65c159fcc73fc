// JSON as it comes over the control socket. A number that a double cannot hold keeps its digits: Python's integers and
// decimals have no bounds, and a record number that changes on the way would be a silent corruption. Such a number is
// a `JSON.rawJSON` value, which `JSON.stringify` prints as it came; every other one is a plain number.

export type Json = null | boolean | number | string | readonly Json[] | JsonObject

export interface JsonObject {
  readonly [name: string]: Json
}

/** What Node.js 26 has and TypeScript's library does not know yet. */
const exact = JSON as unknown as {
  rawJSON(text: string): Json
  isRawJSON(value: unknown): value is { readonly rawJSON: string }
  parse(
    text: string,
    revive: (name: string, value: Json, context: { readonly source?: string }) => Json,
  ): Json
}

/** Fifteen digits always fit a double; more of them, a long exponent or a negative zero may not. */
const mayLoseDigits = /[\d.]{16}|[eE][+-]?\d{3}|-0/

/**
 * `JSON.parse` that loses no digits. A member called `__proto__` is a member like any other.
 * @throws SyntaxError also where arrays and objects lie too deep inside each other
 */
export function parseExact(text: string): Json {
  if (!mayLoseDigits.test(text)) return JSON.parse(text) as Json
  try {
    return exact.parse(text, (_name, value, { source }) =>
      typeof value !== 'number' || source === undefined || isExact(value, source)
        ? value
        : exact.rawJSON(source),
    )
  } catch (error) {
    if (error instanceof RangeError) throw new SyntaxError('the JSON is nested too deeply', { cause: error })
    throw error
  }
}

/** The digits of a number that no double can hold; undefined for every other value. */
export function rawDigits(value: unknown): string | undefined {
  return exact.isRawJSON(value) ? value.rawJSON : undefined
}

/** The same text for the same content, in whatever order the names of its objects came. */
export function canonical(json: Json): string {
  return JSON.stringify(json, (_name, value: Json) => (isPlainObject(value) ? sorted(value) : value))
}

function isPlainObject(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !exact.isRawJSON(value)
}

function sorted(object: JsonObject): JsonObject {
  // Without a prototype, so that a member called `__proto__` does not vanish in a setter.
  const copy: Record<string, Json> = Object.create(null)
  for (const name of Object.keys(object).sort()) copy[name] = object[name] as Json
  return copy
}

function isExact(value: number, source: string): boolean {
  if (Object.is(value, -0) || !Number.isFinite(value)) return false
  return decimal(source) === decimal(String(value))
}

/** Sign, digits and exponent of a number's text: the same for every way to write the same number. */
function decimal(text: string): string {
  const [mantissa = '', exponent = '0'] = text.split(/e/i)
  return mantissa.startsWith('-')
    ? `-${normalised(mantissa.slice(1), Number(exponent))}`
    : normalised(mantissa, Number(exponent))
}

function normalised(mantissa: string, exponent: number): string {
  const [whole = '', fraction = ''] = mantissa.split('.')
  const digits = (whole + fraction).replace(/^0+/, '')
  let end = digits.length
  while (end > 0 && digits[end - 1] === '0') end--
  if (end === 0) return '0'
  return `${digits.slice(0, end)}e${exponent - fraction.length + digits.length - end}`
}
