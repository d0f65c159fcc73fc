import fc from 'fast-check'
import t from 'tap'
import { canonical, type Json, parseExact, rawDigits } from '../../../supervisor/core/json.ts'
import { anyCharacter } from '../../harness/any-character.ts'

t.test('R8.3 a number that a double cannot hold keeps its digits', async (t) => {
  for (const digits of [
    '9007199254740993',
    '-12345678901234567890.123456789',
    '0.1000000000000000000001',
    '1e400',
    '1E-0400',
    '-0',
    '-0.0',
  ]) {
    t.equal(rawDigits(parseExact(digits)), digits)
    t.equal(JSON.stringify(parseExact(`{"n":[${digits}]}`)), `{"n":[${digits}]}`)
  }
})

t.test('R8.3 every other number is a plain one, however it is written', async (t) => {
  for (const [text, value] of [
    ['1', 1],
    ['1.50', 1.5],
    ['-1e3', -1000],
    ['1E+2', 100],
    ['1200e-2', 12],
    ['0.0000000000000000', 0],
    ['123456789012345680000', 123456789012345680000],
    ['0.30000000000000004', 0.30000000000000004],
    ['1e-007', 1e-7],
  ] as const) {
    t.equal(parseExact(text), value, text)
  }
})

t.test('R8.3 whatever was parsed has the value of its text', async () => {
  const sign = fc.constantFrom('', '-')
  const whole = fc.bigInt({ min: 0n, max: 10n ** 25n }).map(String)
  const fraction = fc.option(fc.stringMatching(/^\d{1,25}$/), { nil: undefined })
  const exponent = fc.option(fc.integer({ min: -12, max: 12 }), { nil: undefined })
  fc.assert(
    fc.property(sign, whole, fraction, exponent, (minus, digits, decimals, power) => {
      const text = `${minus}${digits}${decimals === undefined ? '' : `.${decimals}`}${power === undefined ? '' : `e${power}`}`
      const printed = JSON.stringify(parseExact(`[${text}]`)).slice(1, -1)
      return exactValue(printed) === exactValue(text)
    }),
    { numRuns: 500 },
  )
})

/** In units of 1e-60. */
function exactValue(text: string): bigint {
  const [mantissa = '', exponent = '0'] = text.toLowerCase().split('e')
  const [whole = '', fraction = ''] = mantissa.replace('-', '').split('.')
  const size = BigInt(whole + fraction) * 10n ** BigInt(60 + Number(exponent) - fraction.length)
  return mantissa.startsWith('-') ? -size : size
}

t.test('R8.3 JSON without long numbers is what JSON.parse makes of it', async () => {
  fc.assert(
    fc.property(fc.jsonValue({ stringUnit: anyCharacter }), (value) => {
      const text = JSON.stringify(value)
      return JSON.stringify(parseExact(text)) === text
    }),
    { numRuns: 40 },
  )
})

t.test('R7.2 names of the prototype are members like any other', async (t) => {
  for (const number of ['1', '9007199254740993']) {
    const parsed = parseExact(`{"__proto__":{"a":${number}},"constructor":{"b":2}}`)
    t.same(Object.keys(parsed as object), ['__proto__', 'constructor'])
    t.equal(canonical(parsed), `{"__proto__":{"a":${number}},"constructor":{"b":2}}`)
    t.equal(({} as Record<string, unknown>)['a'], undefined)
  }
})

t.test('R8.3 the same content has the same canonical text, another one another', async (t) => {
  const one = parseExact('{"b":[1,{"y":9007199254740993,"x":null}],"a":"é"}')
  const other = parseExact(' { "a" : "\\u00e9", "b" : [1, {"x": null, "y": 9007199254740993}] }')
  t.equal(canonical(one), canonical(other))
  t.equal(canonical(one), '{"a":"é","b":[1,{"x":null,"y":9007199254740993}]}')
  t.not(canonical(one), canonical(parseExact('{"b":[1,{"y":9007199254740992,"x":null}],"a":"é"}')))
  t.not(canonical([1, 2] as Json), canonical([2, 1] as Json), 'the order of an array counts')
})

t.test('R8.3 what is not JSON, or lies too deep, is a SyntaxError', async (t) => {
  for (const bad of ['', '{', '01', '1234567890123456789 x', '{"a":1234567890123456,}']) {
    t.throws(() => parseExact(bad), SyntaxError, bad)
  }
  const deep = `${'['.repeat(1_000_000)}1234567890123456789${']'.repeat(1_000_000)}`
  t.throws(() => parseExact(deep), SyntaxError)
})
