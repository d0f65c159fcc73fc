import t from 'tap'
import type { SqlWork } from '../../../supervisor/core/operation.ts'
import type { Delivery } from '../../../supervisor/core/target.ts'
import {
  type Asked,
  applyParameters,
  readWork,
  withoutRepetition,
} from '../../../supervisor/postgres/batch.ts'

function asked(id: string, key: string, work: SqlWork): Asked {
  const texts = readWork(work)
  if ('problem' in texts) throw new Error(texts.problem)
  const operation = { id, target: 'rpa_db', key, work, expiresAtMs: undefined }
  const delivery: Delivery = { operation, contentHash: `hash-${id}`, revision: 1 }
  return { place: 0, delivery, work, texts }
}

t.test('§7 no statement carries an id twice, and the order stays', async (t) => {
  const pieces = (ids: string) => withoutRepetition([...ids], (id) => id).map((piece) => piece.join(''))
  t.same(pieces(''), [])
  t.same(pieces('abc'), ['abc'])
  t.same(pieces('aab'), ['a', 'ab'])
  t.same(pieces('abcadba'), ['abc', 'adb', 'a'])
})

t.test('§7 a text is sent once, a lane has one number, and what is JSON stays JSON', async (t) => {
  const insert = { sql: 'insert into t values ($1, $2);', params: [1, 'a\0\ud800'] }
  const count = { sql: 'select 5 % $1', params: [null] }
  const record = { action: 'complete', recordId: '7', epoch: 2 } as const
  const [ids, hashes, revisions, lanes, works, queries, templates, forms] = applyParameters([
    asked('a', 'x', { kind: 'sql', statements: [insert, count] }),
    asked('b', '', { kind: 'sql', statements: [insert], record }),
    asked('c', 'x', { kind: 'sql', statements: [count] }),
  ]) as unknown[][]
  t.same(ids, ['a', 'b', 'c'])
  t.same(hashes, ['hash-a', 'hash-b', 'hash-c'])
  t.same(revisions, [1, 1, 1])
  t.same(lanes, [1, 2, 1])
  t.same(queries, ['insert into t values ($1, $2)', 'select 5 % $1'])
  t.same(templates, ['insert into t values (%1$s, %2$s)', 'select 5 %%%% %1$s'])
  t.same(forms, ['query', 'query'])
  t.same(works, [
    String.raw`{"statements":[{"query":1,"params":[1,"a\u0000\ud800"]},{"query":2,"params":[null]}]}`,
    String.raw`{"statements":[{"query":1,"params":[1,"a\u0000\ud800"]}],"record":{"action":"complete","recordId":"7","epoch":2}}`,
    '{"statements":[{"query":2,"params":[null]}]}',
  ])
})
