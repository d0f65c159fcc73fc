import fc from 'fast-check'
import t from 'tap'
import { parseExact } from '../../../supervisor/core/json.ts'
import { limits } from '../../../supervisor/core/limits.ts'
import { type ParseParts, parseOperation } from '../../../supervisor/queue/parse-operation.ts'

const parts: ParseParts = {
  targets: new Map([
    ['rpa_db', { kind: 'database' }],
    ['prefect', { kind: 'service' }],
  ]),
  problemOf: (sql) => (/commit/i.test(sql) ? 'controls the transaction' : undefined),
  newId: () => 'made',
}

function parse(raw: unknown) {
  return parseOperation(raw, parts)
}

function accepted(raw: unknown) {
  const parsed = parse(raw)
  if (!parsed.ok) throw new Error(parsed.refused.error.message)
  return parsed.submission
}

function errorOf(raw: unknown) {
  const parsed = parse(raw)
  return parsed.ok ? undefined : parsed.refused.error
}

const sql = { target: 'rpa_db', sql: 'select $1', params: [1] }
const http = { target: 'prefect', method: 'POST', path: '/events', body: { id: 1 } }

t.test('R8.3 the three shapes of an operation', async (t) => {
  t.match(accepted(sql), {
    mode: 'auto',
    operation: {
      ...{ id: 'made', target: 'rpa_db', key: '', expiresAtMs: undefined },
      work: { kind: 'sql', statements: [{ sql: 'select $1', params: [1] }] },
    },
  })
  const effects = [{ sql: 'select 1' }, { sql: 'select $1', params: [null] }]
  const several = accepted({ id: 'a:1', target: 'rpa_db', key: 'k', effects, mode: 'queue' })
  t.match(several, { mode: 'queue', operation: { id: 'a:1', key: 'k' } })
  t.same(several.operation.work, {
    kind: 'sql',
    statements: [
      { sql: 'select 1', params: [] },
      { sql: 'select $1', params: [null] },
    ],
  })
  const posted = accepted({ ...http, mode: 'direct', expiresAt: '2030-01-01T01:00:00+01:00' })
  t.match(posted, { mode: 'direct', operation: { expiresAtMs: Date.parse('2030-01-01T00:00:00Z') } })
  t.same(posted.operation.work, { kind: 'http', method: 'POST', path: '/events', body: { id: 1 } })
  t.equal(accepted({ ...sql, key: null, id: undefined }).operation.key, '')
})

t.test('R2.3 an operation for a service says what is asked before it', async (t) => {
  const prior = {
    method: 'POST',
    path: '/flows/',
    body: { name: 'f' },
    standsFor: '0f8fad5b-d9cb-469f-a165-70867728950e',
  }
  t.match(accepted({ ...http, before: [prior] }).operation.work, { before: [prior], path: '/events' })
  t.notOk('before' in accepted({ ...http, before: [] }).operation.work)
  t.not(accepted({ ...http, before: [prior] }).contentHash, accepted(http).contentHash)
  const wrong: readonly (readonly [unknown, string])[] = [
    [{}, 'before'],
    [Array(limits.operationPriors + 1).fill(prior), 'before'],
    [[prior, 7], ''],
    [[{ ...prior, method: 'DELETE' }], 'before[0].method'],
    [[{ ...prior, path: '/../x' }], 'before[0].path'],
    [[{ ...prior, standsFor: 'id' }], 'before[0].standsFor'],
    [[{ ...prior, after: 1 }], 'before[0].after'],
  ]
  for (const [before, field] of wrong)
    t.match(errorOf({ ...http, before }), { code: 'invalid_request', field })
  t.match(errorOf({ ...sql, before: [prior] }), { field: 'before' })
})

t.test('R1.4 what is wrong is said by its field, with what was found and what is expected', async (t) => {
  const deep = parseExact('['.repeat(200) + ']'.repeat(200))
  const cases: readonly (readonly [unknown, string, RegExp])[] = [
    [null, '', /null/],
    [[], '', /a list/],
    ['x', '', /"x"/],
    [{ ...sql, id: '../x' }, 'id', /\.\.\/x/],
    [{ ...sql, id: 'a'.repeat(129) }, 'id', /aaa…/],
    [{ ...sql, id: '' }, 'id', /""/],
    [{ ...sql, id: 5 }, 'id', /5/],
    [{ ...sql, target: undefined }, 'target', /missing/],
    [{ ...sql, target: 'rpa' }, 'target', /"rpa" is none/],
    [{ ...sql, target: '__proto__' }, 'target', /none/],
    [{ ...sql, target: 'constructor' }, 'target', /none/],
    [{ ...sql, key: 'a\u0000' }, 'key', /key is/],
    [{ ...sql, key: '\ud800' }, 'key', /key is/],
    [{ ...sql, key: 'k'.repeat(256) }, 'key', /kkk…/],
    [{ ...sql, key: {} }, 'key', /an object/],
    [{ ...sql, mode: 'later' }, 'mode', /later/],
    [{ ...sql, expiresAt: 'tomorrow' }, 'expiresAt', /tomorrow/],
    [{ ...sql, expiresAt: '2030-01-01T00:00:00' }, 'expiresAt', /2030/],
    [{ ...sql, expiresAt: '2030-13-01T00:00:00Z' }, 'expiresAt', /2030/],
    [{ ...sql, expiresAt: 1 }, 'expiresAt', /1/],
    [{ target: 'rpa_db' }, 'sql', /neither/],
    [{ ...sql, effects: [] }, 'effects', /both/],
    [{ ...sql, method: 'POST' }, 'method', /both/],
    [{ ...sql, sql: ' ' }, 'sql', /" "/],
    [{ ...sql, sql: 'COMMIT' }, 'sql', /controls the transaction/],
    [{ ...sql, params: {} }, 'params', /an object/],
    [{ ...sql, params: Array(65_536).fill(0) }, 'params', /65536/],
    [{ ...sql, params: [deep] }, 'params', /nested/],
    [{ ...sql, body: 1 }, 'body', /not a field/],
    [{ target: 'rpa_db', effects: {} }, 'effects', /an object/],
    [{ target: 'rpa_db', effects: [] }, 'effects', /0 elements/],
    [{ target: 'rpa_db', effects: Array(1001).fill({ sql: 'x' }) }, 'effects', /1001/],
    [{ target: 'rpa_db', effects: [{ sql: 'select 1', params: [], x: 1 }] }, 'effects[0].x', /not a field/],
    [{ target: 'rpa_db', effects: [{ sql: 'x' }, { sql: 'commit' }] }, 'effects[1].sql', /controls/],
    [{ target: 'rpa_db', effects: ['x'] }, '', /effects\[0\] is "x"/],
    [{ ...http, target: 'rpa_db' }, 'method', /is a database/],
    [{ ...sql, target: 'prefect' }, 'sql', /is a service/],
    [{ ...http, method: 'GET' }, 'method', /GET/],
    [{ ...http, path: undefined }, 'path', /missing/],
    [{ ...http, params: [] }, 'params', /not a field/],
    [{ ...http, body: deep }, 'body', /nested/],
  ]
  for (const [raw, field, message] of cases) {
    const error = errorOf(raw)
    t.equal(error?.field, field, `${field}: ${error?.message}`)
    t.match(error?.message, message)
    t.ok(error?.hint)
  }
  t.match(errorOf({ ...sql, target: 'rpa' })?.hint, /rpa_db, prefect/)
  t.equal(errorOf({ ...sql, sql: 'commit' })?.code, 'operation_refused')
  t.equal(errorOf({ ...sql, mode: 1 })?.code, 'invalid_request')
})

t.test('R7.4 a path stays below the URL of its service', async (t) => {
  const bad = [
    '',
    'events',
    '//host',
    '/a/../b',
    '/..',
    '/.',
    '/%2e%2E/x',
    '/.%2e',
    '/a\\b',
    '/a#b',
    '/a b',
    '/\n',
    '/ä',
  ]
  for (const path of [...bad, `/${'a'.repeat(2048)}`])
    t.equal(errorOf({ ...http, path })?.field, 'path', path)
  for (const path of ['/', '/a//b', '/a?b=../c', '/a.b/..c', '/%20'])
    t.equal(accepted({ ...http, path }).operation.id, 'made', path)
})

t.test('R8.3 an operation has at most 8 MiB, and numbers keep their digits', async (t) => {
  const large = { ...sql, params: ['x'.repeat(limits.operationBytes)] }
  t.equal(errorOf(large)?.code, 'operation_too_large')
  const exact = (text: string) => accepted(parseExact(`{"target":"rpa_db","sql":"x","params":[${text}]}`))
  t.not(exact('9007199254740993').contentHash, exact('9007199254740992').contentHash)
})

t.test(
  'R7.4 prototype tricks change nothing, and are refused as the unknown fields that they are',
  async (t) => {
    for (const name of ['__proto__', 'constructor', 'prototype', 'toString']) {
      const raw = parseExact(`{"target":"rpa_db","sql":"select 1","${name}":{"mode":"queue"}}`)
      t.equal(errorOf(raw)?.field, name)
    }
    const inherited = Object.create({ target: 'rpa_db', sql: 'select 1' })
    t.equal(errorOf(inherited)?.field, 'target')
    const nested = parseExact('{"target":"rpa_db","sql":"x","params":[{"__proto__":{"polluted":1}}]}')
    const { contentHash } = accepted(nested)
    t.not(contentHash, accepted({ target: 'rpa_db', sql: 'x', params: [{}] }).contentHash)
    t.notOk('polluted' in {})
  },
)

t.test('R3.1 the hash is of target, key and work, in whatever order their fields come', async (t) => {
  const hash = (raw: object) => accepted(raw).contentHash
  const one = { target: 'rpa_db', key: 'k', sql: 'x', params: [{ a: 1, b: [2, { c: 3, d: 4 }] }] }
  const same = { params: [{ b: [2, { d: 4, c: 3 }], a: 1 }], sql: 'x', key: 'k', target: 'rpa_db' }
  t.equal(hash(one), hash(same))
  t.equal(hash(one), hash({ ...one, id: 'other', mode: 'queue', expiresAt: '2030-01-01T00:00:00Z' }))
  const { key: _key, ...withoutKey } = one
  for (const other of [{ ...one, key: 'l' }, withoutKey, { ...one, sql: 'y' }, { ...one, params: [] }])
    t.not(hash(one), hash(other))
  const body = { target: 'prefect', method: 'POST', path: '/x' }
  t.not(hash(body), hash({ ...body, body: null }))
})

t.test('R8.3 whatever comes in, it is parsed or refused, never thrown', async (t) => {
  const field = fc.constantFrom(
    ...['id', 'target', 'key', 'sql', 'params', 'effects', 'method', 'path', 'body', 'mode', 'expiresAt'],
  )
  const value = fc.oneof(fc.json().map(parseExact), fc.constantFrom('rpa_db', 'prefect', 'POST', '/x'))
  const raw = fc.oneof(fc.anything(), fc.dictionary(field, value))
  fc.assert(
    fc.property(raw, (input) => {
      const parsed = parse(input)
      return parsed.ok || (parsed.refused.error.message !== '' && parsed.refused.error.hint !== '')
    }),
    { numRuns: 500 },
  )
  t.pass()
})
