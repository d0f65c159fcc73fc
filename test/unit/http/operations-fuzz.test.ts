// Whatever arrives: never a 500, never a stack, every refusal in the envelope, and never an acknowledgement of what
// was not passed on to the queue.

import fc from 'fast-check'
import t from 'tap'
import { catalogue } from '../../../supervisor/core/errors.ts'
import { anyCharacter } from '../../harness/any-character.ts'
import { createFakeQueue, view } from '../../harness/fake-queue.ts'
import { callSocket, type RawAnswer, rawRequest, type SocketAnswer, sendRaw } from '../../harness/raw-http.ts'
import { createTestQueue } from '../queue/queue-fixture.ts'
import { openControl } from './control-fixture.ts'

const names = fc.constantFrom('id', 'target', 'sql', 'params', '__proto__', 'constructor', 'toString', '')
const ids = fc.constantFrom('a', 'b-1', '..', '../x', 'x'.repeat(4096), 'a\0', '😀', '\ud800', '')
const value = fc.oneof(fc.jsonValue(), ids, fc.constantFrom(1e308, -0, null, '__proto__'))
const operation = fc.oneof(
  fc.dictionary(names, value),
  fc.record({ id: ids, target: value, sql: value }),
  fc.record({
    id: ids,
    target: fc.constant('rpa_db'),
    key: value,
    sql: fc.constant('select $1'),
    params: value,
  }),
  fc.jsonValue(),
)
const text = fc.oneof(
  operation.map((each) => JSON.stringify(each)),
  fc.array(operation, { maxLength: 5 }).map((each) => JSON.stringify(each)),
  fc.constantFrom(
    '{"__proto__":{"polluted":1},"id":"a"}',
    '{"constructor":{"prototype":{"polluted":1}},"id":"a"}',
    '{"id":"a","id":"b"}',
    '\ufeff{"id":"a"}',
    `${'['.repeat(100_000)}`,
    `{"id":"a","params":${'['.repeat(50_000)}${']'.repeat(50_000)}}`,
    '{"id":"a","params":[123456789012345678901234567890.5]}',
    'NaN',
    '{"id":"a"}x',
  ),
  fc.string({ unit: anyCharacter, maxLength: 50 }),
)
const body = fc.oneof(
  text.map((each) => Buffer.from(each)),
  text.map((each) => Buffer.from(each).subarray(0, -1)),
  fc.array(text, { maxLength: 6 }).map((lines) => Buffer.from(lines.join('\n'))),
  fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
)
const type = fc.constantFrom(
  'application/json',
  'application/x-ndjson',
  'application/json; charset=utf-8',
  'application/json;',
  'text/plain',
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=x',
  '\u00ff',
  '',
)

interface Envelope {
  readonly code: string
  readonly message: string
  readonly hint: string
  readonly field?: string
}

function checkRefusal(status: number, error: Envelope | undefined): void {
  if (status >= 500) throw new Error(`status ${status}`)
  if (!error || !Object.hasOwn(catalogue, error.code))
    throw new Error(`no envelope: ${JSON.stringify(error)}`)
  if (!error.message || !error.hint) throw new Error('no message or no hint')
  checkText(JSON.stringify(error))
}

function checkText(shown: string): void {
  if (/\bat .*\.ts:\d+|node_modules|\/supervisor\//.test(shown)) throw new Error(`a stack: ${shown}`)
}

function checkSubmitted({ status, json }: SocketAnswer, passedOn: readonly unknown[]): void {
  if (status >= 400) {
    checkRefusal(status, json['error'] as Envelope)
    // What the queue itself refuses has been passed on; nothing else has.
    if (passedOn.length > 1) throw new Error('passed on and refused as a whole')
    return
  }
  const answers = 'operations' in json ? (json['operations'] as (typeof json)[]) : [json]
  const acknowledged = answers.filter(({ state }) => state !== 'refused').map(({ id }) => id)
  const taken = new Set(passedOn.map((raw) => (raw as { id?: unknown } | null)?.id))
  for (const id of acknowledged) if (!taken.has(id)) throw new Error(`${id} was acknowledged, not passed on`)
  for (const { state, error } of answers) if (state === 'refused') checkRefusal(400, error as Envelope)
  const expected = answers.some(({ state }) => state === 'refused') ? 207 : 202
  if (status !== expected) throw new Error(`${status} instead of ${expected}`)
}

t.test('§6 no body makes it fail, and none is acknowledged that was not passed on', async (t) => {
  const queue = createFakeQueue()
  const { path } = await openControl(t, { operations: queue })
  await fc.assert(
    fc.asyncProperty(body, type, async (bytes, contentType) => {
      queue.passedOn.length = 0
      const headers = contentType === '' ? {} : { 'content-type': contentType }
      checkSubmitted(await callSocket(path, 'POST', '/v1/operations', bytes, headers), queue.passedOn)
      if ('polluted' in {}) throw new Error('the prototype of objects is changed')
    }),
    { numRuns: 150 },
  )
  t.pass()
})

t.test('§7 nor does it make the real queue fail, and what is refused leaves nothing behind', async (t) => {
  const local = createTestQueue()
  const { path } = await openControl(t, { operations: local.queue })
  await fc.assert(
    fc.asyncProperty(body, type, async (bytes, contentType) => {
      const headers = contentType === '' ? {} : { 'content-type': contentType }
      const { status } = await callSocket(path, 'POST', '/v1/operations', bytes, headers)
      if (status >= 500) throw new Error(`status ${status}`)
    }),
    { numRuns: 150 },
  )
  t.match(local.queue.stats(), { operations: 0, targets: { rpa_db: { queued: 0, held: 0, dead: 0 } } })
  await local.queue.close()
})

const target = fc
  .array(
    fc.constantFrom(
      '/v1/operations',
      '/',
      '..',
      '%2e%2e',
      '%00',
      '%zz',
      '%',
      'order-1',
      'retry',
      '?',
      '&',
      'state=',
      'dead',
      'limit=',
      '9',
      'after=',
      'x'.repeat(300),
      ';',
      '#',
      '\\',
      '*',
      ':id',
      '__proto__',
    ),
    { maxLength: 8 },
  )
  .map((parts) => `/v1/operations${parts.join('')}`)

t.test('§6 no request target makes it fail, and every refusal has the envelope', async (t) => {
  const queue = createFakeQueue({ held: [view] })
  const { path } = await openControl(t, { operations: queue })
  await fc.assert(
    fc.asyncProperty(
      target,
      fc.constantFrom('GET', 'POST', 'DELETE', 'PUT', 'PATCH'),
      async (where, method) => {
        const { status, body } = await sendRaw({ path }, rawRequest(`${method} ${where}`))
        checkAnswer({ status, body })
      },
    ),
    { numRuns: 150 },
  )
  t.strictSame(
    queue.mended.filter((each) => !each.endsWith(' order-1')),
    [],
    'nothing but what exists was mended',
  )
})

function checkAnswer({ status, body }: Pick<RawAnswer, 'status' | 'body'>): void {
  if (status === 200) checkText(body)
  else checkRefusal(status, JSON.parse(body).error)
}
