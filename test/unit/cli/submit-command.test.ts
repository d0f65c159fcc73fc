import t from 'tap'
import { describeOperation } from '../../../supervisor/cli/submit-command.ts'
import type { ErrorCode } from '../../../supervisor/core/errors.ts'
import { limits } from '../../../supervisor/core/limits.ts'
import type { Submitted } from '../../../supervisor/core/queue.ts'
import { createFakeQueue, queueWhatHasAnId } from '../../harness/fake-queue.ts'
import { shortDirectory } from '../../harness/short-directory.ts'
import { openControl } from '../http/control-fixture.ts'
import { runProgram, stream } from './queue-program-fixture.ts'

const refused = (code: ErrorCode, id: string | undefined = 'a'): Submitted => ({
  state: 'refused',
  id,
  error: { code, message: `because of ${code}`, field: 'sql', hint: 'Do that.' },
})

t.test('§3 the options become one operation', async (t) => {
  const queue = createFakeQueue()
  const { path } = await openControl(t, { operations: queue })
  const submit = (...args: string[]) => runProgram(path, ['submit', ...args])
  const sql = ['--target', 'rpa_db', '--id', 'a', '--sql', 'insert into a values ($1, $2)']
  t.match(await submit(...sql, '--param', '1', '--param', '-x', '--key', 'k', '--mode', 'queue'), {
    code: 0,
    out: 'queued a\n',
    err: '',
  })
  await submit(
    ...sql,
    '--params-json',
    '[12345678901234567890, null]',
    '--expires-at',
    '2030-01-01T00:00:00Z',
  )
  await submit('--target', 'prefect', '--id', 'a', '--method', 'POST', '--path', '/x', '--body', '{"n":1}')
  await submit('--target', 'prefect', '--id', 'a', '--method', 'DELETE', '--path', '/x')
  const base = { id: 'a', target: 'rpa_db', sql: 'insert into a values ($1, $2)' }
  t.strictSame(
    queue.passedOn.map((raw) => JSON.stringify(raw)),
    [
      JSON.stringify({
        id: 'a',
        target: 'rpa_db',
        key: 'k',
        sql: base.sql,
        params: ['1', '-x'],
        mode: 'queue',
      }),
      `{"id":"a","target":"rpa_db","sql":"${base.sql}","params":[12345678901234567890,null],"expiresAt":"2030-01-01T00:00:00Z"}`,
      '{"id":"a","target":"prefect","method":"POST","path":"/x","body":{"n":1}}',
      '{"id":"a","target":"prefect","method":"DELETE","path":"/x"}',
    ],
  )
})

t.test('§7 an id is always sent, so that a lost answer can be asked for again', async (t) => {
  const queue = createFakeQueue()
  const { path } = await openControl(t, { operations: queue })
  const { out } = await runProgram(path, ['submit', '--target', 'rpa_db', '--sql', 'select 1'])
  const [{ id } = { id: '' }] = queue.passedOn as { id: string }[]
  t.match(id, /^[0-9a-f-]{36}$/)
  t.equal(out, `queued ${id}\n`)
  const nowhere = `${shortDirectory(t)}/control.sock`
  t.match(await runProgram(nowhere, ['submit', '--target', 'a', '--sql', 'x', '--id', 'b']), {
    code: 69,
    out: '',
    err: /no such socket[\s\S]*The id was b/,
  })
})

t.test('§3 the exit code says whether the same again can succeed', async (t) => {
  const table: [Submitted, number, string][] = [
    [{ state: 'applied', id: 'a', result: [1] }, 0, 'applied a\n'],
    [{ state: 'queued', id: 'a' }, 0, 'queued a\n'],
    [refused('invalid_request'), 65, ''],
    [refused('operation_conflict'), 65, ''],
    [refused('operation_too_large'), 65, ''],
    [refused('operation_refused'), 65, ''],
    [refused('queue_full'), 75, ''],
    [refused('dependency_unavailable'), 75, ''],
    [refused('lane_busy'), 75, ''],
    [refused('outcome_unknown'), 75, ''],
    [refused('draining'), 75, ''],
    [refused('disk_full'), 75, ''],
  ]
  const { path } = await openControl(t, {
    operations: createFakeQueue({ answer: (_raw, index) => table[Math.floor(index / 2)]?.[0] as Submitted }),
  })
  const args = ['submit', '--target', 'rpa_db', '--sql', 'select 1', '--id', 'a']
  for (const [answer, code, out] of table) {
    const name = answer.state === 'refused' ? answer.error.code : answer.state
    const plain = await runProgram(path, args)
    t.match(plain, { code, out }, name)
    if (code !== 0) t.match(plain.err, `sql: because of ${name}\nDo that.\n`)
    const json = await runProgram(path, [...args, '--json'])
    t.equal(json.code, code)
    if (answer.state === 'refused') t.strictSame(JSON.parse(json.err), { error: answer.error })
    else t.strictSame(JSON.parse(json.out), answer)
  }
})

t.test('§3 options that do not fit together say so', async (t) => {
  const table: [Parameters<typeof describeOperation>[0], RegExp][] = [
    [{ sql: 'x' }, /--target is missing/],
    [{ target: 'a' }, /give --sql .* or --method and --path/],
    [{ target: 'a', sql: 'x', method: 'POST' }, /give --sql .* or --method and --path/],
    [{ target: 'a', method: 'POST' }, /both --method and --path/],
    [{ target: 'a', body: '1' }, /both --method and --path/],
    [{ target: 'a', sql: 'x', param: ['1'], paramsJson: '[]' }, /not both/],
    [{ target: 'a', sql: 'x', paramsJson: '{}' }, /not a JSON array/],
    [{ target: 'a', sql: 'x', paramsJson: '[1' }, /not a JSON array/],
    [{ target: 'a', method: 'POST', path: '/', body: 'text' }, /--body is not JSON/],
    [{ target: 'a', method: 'POST', path: '/', param: ['1'] }, /go with --sql/],
  ]
  for (const [options, wrong] of table)
    t.match(describeOperation(options), { wrong }, JSON.stringify(options))
  const nowhere = `${shortDirectory(t)}/control.sock`
  t.match(await runProgram(nowhere, ['submit', '--target', 'a']), { code: 64, err: /--sql.*\n.*--help/ })
  t.match(await runProgram(nowhere, ['submit', 'x']), { code: 64 })
  t.match(await runProgram(nowhere, ['submit', '-', '--id', 'a']), { code: 64 })
  t.match(await runProgram(nowhere, ['submit', '--help']), { code: 0, out: /applied ID[\s\S]*65[\s\S]*75/ })
})

t.test('§3 lines from standard input, however they are cut, in batches', async (t) => {
  const queue = createFakeQueue()
  let requests = 0
  const { path } = await openControl(t, {
    operations: {
      ...queue,
      submit(raw) {
        requests++
        return queue.submit(raw)
      },
    },
  })
  const count = limits.submitBatch + 1
  const text = Array.from({ length: count }, (_, n) => `{"id":"${n}"}\n`).join('')
  const chunks = text.match(/[\s\S]{1,777}/g) ?? []
  const ran = await runProgram(path, ['submit', '-'], { input: stream(...chunks) })
  t.match(ran, { code: 0, out: `0 applied, ${count} queued, 0 refused\n`, err: '' })
  t.strictSame(
    queue.passedOn,
    Array.from({ length: count }, (_, n) => ({ id: String(n) })),
  )
  t.equal(requests, 2)
  t.match(await runProgram(path, ['submit', '-']), { code: 0, out: '0 applied, 0 queued, 0 refused\n' })
})

t.test('§3 what is refused is told by its line in the stream, and the others are taken', async (t) => {
  const queue = createFakeQueue()
  const { path } = await openControl(t, { operations: queue })
  const long = Buffer.concat([Buffer.alloc(limits.controlBodyBytes + 1, 0x20), Buffer.from('1\n')])
  const input = () => stream('\n{"id":"a"}\n{"id":\n\n', long, '{}\n{"id":"b"}')
  const plain = await runProgram(path, ['submit', '-'], { input: input() })
  t.match(plain, { code: 65, out: '0 applied, 2 queued, 3 refused\n' })
  t.match(plain.err, /^line 3: it is not JSON.*\nline 5: it is longer than .*\nline 6: it has no id.*\n$/)
  const json = await runProgram(path, ['submit', '-', '--json'], { input: input() })
  t.match(
    json.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
    [
      { line: 2, id: 'a', state: 'queued' },
      { line: 3, id: null, state: 'refused', error: { field: 'line 3' } },
      { line: 5, state: 'refused', error: { code: 'operation_too_large' } },
      { line: 6, state: 'refused', error: { field: 'id' } },
      { line: 7, id: 'b', state: 'queued' },
    ],
  )
  t.strictSame(queue.passedOn.slice(0, 3), [{ id: 'a' }, {}, { id: 'b' }])
})

t.test('§7 after something that is not taken for now nothing more is sent', async (t) => {
  let full = false
  const queue = createFakeQueue({
    answer: (raw, index) => {
      full ||= index === limits.submitBatch - 1
      return full ? refused('queue_full') : queueWhatHasAnId(raw)
    },
  })
  const { path } = await openControl(t, { operations: queue })
  const text = Array.from({ length: limits.submitBatch * 3 }, (_, n) => `{"id":"${n}"}\n`).join('')
  const ran = await runProgram(path, ['submit', '-'], { input: stream(text) })
  t.equal(ran.code, 75)
  t.equal(queue.passedOn.length, limits.submitBatch)
  t.match(
    ran.err,
    new RegExp(`line ${limits.submitBatch} \\(a\\): because of queue_full[\\s\\S]*lines from 1 on`),
  )
  const nowhere = `${shortDirectory(t)}/control.sock`
  t.match(await runProgram(nowhere, ['submit', '-'], { input: stream('{}\n') }), {
    code: 69,
    err: /no such socket[\s\S]*No answer for line 1/,
  })
})
