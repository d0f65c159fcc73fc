// §7: parameters have the types that PostgreSQL gives them, direct and on replay, whatever JSON they come from.

import t from 'tap'
import { type Json, parseExact } from '../../../supervisor/core/json.ts'
import { migrate } from '../../../supervisor/postgres/migrate.ts'
import { PostgresTarget } from '../../../supervisor/postgres/target.ts'
import { startPostgres } from '../../harness/postgres.ts'
import { delivery, never, outcomesOf, statement, statesOf } from './deliveries.ts'
import { poolFor } from './pools.ts'

const server = await startPostgres({ user: 'rpa' })
t.teardown(() => server.stop())
const pool = poolFor(server.url())
await migrate(pool)
const target = new PostgresTarget('rpa_db', pool)
t.teardown(() => target.close())

await pool.query(`
  create type mood as enum ('sad', 'happy');
  create domain positive as integer check (value > 0);
  create domain labels as text[];
  create type pair as (a integer, b text)`)

/** Type of the column, JSON that comes in, and what PostgreSQL shows of it; null for NULL. */
const cases: readonly [type: string, json: string, shown: string | null][] = [
  ['integer', '5', '5'],
  ['integer', '"5"', '5'],
  ['bigint', '9007199254740993', '9007199254740993'],
  ['bigint', '-9223372036854775808', '-9223372036854775808'],
  ['smallint', '7', '7'],
  ['numeric', '1.10', '1.1'],
  ['numeric', '"1.10"', '1.10'],
  ['numeric', '123456789012345678901234567890.123456789', '123456789012345678901234567890.123456789'],
  ['numeric', '1e400', `1${'0'.repeat(400)}`],
  ['numeric(10,2)', '2.345', '2.35'],
  ['real', '0.1', '0.1'],
  ['double precision', '0.30000000000000004', '0.30000000000000004'],
  ['double precision', '-0.0', '0'],
  ['text', '"hello"', 'hello'],
  ['text', '"it\'s a \\\\ \\" $1 %s %% ; -- /* € 😀"', `it's a \\ " $1 %s %% ; -- /* € 😀`],
  ['text', '""', ''],
  ['text', '5', '5'],
  ['text', '12345678901234567890123', '12345678901234567890123'],
  ['text', 'true', 'true'],
  ['text', 'null', null],
  ['text', '{"a": 1}', '{"a": 1}'],
  ['text', '[1, "a"]', '[1, "a"]'],
  ['varchar(3)', '"abc"', 'abc'],
  ['char(5)', '"abc"', 'abc  '],
  ['"char"', '"x"', 'x'],
  ['bit(3)', '"101"', '101'],
  ['boolean', 'true', 'true'],
  ['boolean', '"off"', 'false'],
  ['timestamptz', '"2030-01-02T03:04:05.123456Z"', '2030-01-02 03:04:05.123456+00'],
  ['timestamptz', '"2030-01-02T03:04:05+02:00"', '2030-01-02 01:04:05+00'],
  ['timestamp', '"2030-01-02T03:04:05"', '2030-01-02 03:04:05'],
  ['date', '"2030-01-02"', '2030-01-02'],
  ['interval', '"1 day 02:00"', '1 day 02:00:00'],
  ['uuid', '"6F9619FF-8B86-D011-B42D-00CF4FC964FF"', '6f9619ff-8b86-d011-b42d-00cf4fc964ff'],
  ['bytea', '"\\\\x00ff5c"', '\\x00ff5c'],
  ['inet', '"10.0.0.1/8"', '10.0.0.1/8'],
  ['mood', '"happy"', 'happy'],
  ['positive', '3', '3'],
  ['point', '"(1,2)"', '(1,2)'],
  ['int4range', '"[1,5)"', '[1,5)'],
  ['pair', '"(1,\\"a b\\")"', '(1,"a b")'],
  ['jsonb', '{"b": [1, null, {"c": "\\\\"}], "a": 0.10}', '{"a": 0.1, "b": [1, null, {"c": "\\\\"}]}'],
  ['jsonb', '[1, "a", null]', '[1, "a", null]'],
  ['jsonb', '[]', '[]'],
  [
    'jsonb',
    '{"n": 12345678901234567890.12345678901234567890}',
    '{"n": 12345678901234567890.12345678901234567890}',
  ],
  ['jsonb', '"{\\"a\\": 1}"', '{"a": 1}'],
  ['jsonb', '5', '5'],
  ['jsonb', 'false', 'false'],
  ['jsonb', 'null', null],
  ['json', '[{"a": [1]}]', '[{"a": [1]}]'],
  ['integer[]', '[1, 2, null]', '{1,2,NULL}'],
  ['integer[]', '[]', '{}'],
  ['integer[]', '[[1, 2], [3, 4]]', '{{1,2},{3,4}}'],
  ['integer[]', '"{1,2}"', '{1,2}'],
  ['integer[]', 'null', null],
  ['bigint[]', '[9007199254740993]', '{9007199254740993}'],
  [
    'text[]',
    '["a", "b,c", "\\"", "\\\\", "{}", "", "NULL", null]',
    '{a,"b,c","\\"","\\\\","{}","","NULL",NULL}',
  ],
  ['text[]', '[{"a": 1}]', '{"{\\"a\\": 1}"}'],
  ['labels', '["x", "y"]', '{x,y}'],
  ['mood[]', '["sad"]', '{sad}'],
  ['timestamptz[]', '["2030-01-02T03:04:05Z"]', '{"2030-01-02 03:04:05+00"}'],
  ['numeric[]', '[12345678901234567890.5]', '{12345678901234567890.5}'],
  ['bytea[]', '["\\\\x5c00"]', '{"\\\\x5c00"}'],
  ['boolean[]', '[true, false]', '{t,f}'],
  ['jsonb[]', '[{"a": [1]}, [1, 2], "b", 5, null]', '{"{\\"a\\": [1]}","[1, 2]","\\"b\\"",5,NULL}'],
]

await pool.query(
  `create table shown (id text primary key, ${cases.map(([type], at) => `c${at} ${type}`).join(', ')})`,
)

function insert(id: string, at: number, json: Json) {
  return delivery(id, statement(`insert into shown (id, c${at}) values ($1, $2)`, id, json))
}

t.test('§7 every type, direct and in a batch, comes out as PostgreSQL shows it', async (t) => {
  await Promise.all(
    cases.map(async ([type, json], at) => {
      const direct = await target.deliver([insert(`direct-${at}`, at, parseExact(json))], never())
      t.same(statesOf(direct), ['applied'], `${type} ${json} ${JSON.stringify(direct)}`)
    }),
  )
  const batch = cases.map(([, json], at) => insert(`batch-${at}`, at, parseExact(json)))
  t.same(new Set(statesOf(await target.deliver(batch, never()))), new Set(['applied']))
  for (const [at, [type, json, shown]] of cases.entries()) {
    const { rows } = await pool.query<{ found: string | null }>(
      // format and not a cast, which takes the blanks from a char(n).
      `select case when c${at} is not null then format('%s', c${at}) end as found from shown where id = any($1)`,
      [[`direct-${at}`, `batch-${at}`]],
    )
    const wanted = type === 'boolean' && shown !== null ? shown.slice(0, 1) : shown
    t.same(
      rows.map(({ found }) => found),
      [wanted, wanted],
      `${type} from ${json}`,
    )
  }
})

t.test('§7 a parameter has the type that its place gives it', async (t) => {
  await pool.query('create table places (n integer, d date, label text)')
  const statements = [
    statement('insert into places values ($1, $2::date + $1::integer, $3)', 2, '2030-01-01', 'a%sb$1'),
    statement(`insert into places select n + $2, d, label || '$1 %' from places where n = $1`, 2, 1),
    statement('update places set label = $1 || label where n = any($2) returning n, label', 'x', [2, 3]),
  ]
  const [outcome] = outcomesOf(await target.deliver([delivery('places', statements)], never()))
  t.same(outcome, {
    state: 'applied',
    result: {
      rowCounts: [1, 1, 2],
      rows: [
        { n: 2, label: 'xa%sb$1' },
        { n: 3, label: 'xa%sb$1$1 %' },
      ],
    },
  })
  const again = outcomesOf(await target.deliver([delivery('places', statements)], never()))
  t.same(again, [{ ...outcome, earlier: true }], 'the answer to a repetition is the same')
  t.same((await pool.query(`select d::text from places where n = 2`)).rows, [{ d: '2030-01-03' }])
})

t.test('§7 digits of a result are kept, and rows beyond the bounds are counted', async (t) => {
  await pool.query('create table wide (n numeric, filler text)')
  const digits = '12345678901234567890.123456789'
  const insertDigits = delivery(
    'digits',
    statement('insert into wide values ($1) returning n', parseExact(digits)),
  )
  const [outcome] = outcomesOf(await target.deliver([insertDigits], never()))
  t.equal(JSON.stringify(outcome), `{"state":"applied","result":{"rowCounts":[1],"rows":[{"n":${digits}}]}}`)
  const many = delivery(
    'many',
    statement(`insert into wide select n, repeat('x', 40) from generate_series(1, 3000) n returning *`),
  )
  const [big] = outcomesOf(await target.deliver([many], never()))
  const { rowCounts, rows, rowsOmitted } = (big as { result: unknown }).result as {
    rowCounts: number[]
    rows: unknown[]
    rowsOmitted: number
  }
  t.same(rowCounts, [3000])
  t.ok(rows.length > 0 && JSON.stringify(rows).length < 70_000)
  t.equal(rows.length + rowsOmitted, 3000)
})

t.test('§7 values that do not fit are refused with their SQLSTATE, as are too few or too many', async (t) => {
  await pool.query('create table strict (n integer, label text)')
  const sql = 'insert into strict values ($1, $2)'
  const wrong: [string, Json[], string][] = [
    [sql, ['x', 'y'], '22P02'],
    [sql, [3_000_000_000, 'y'], '22003'],
    [sql, [1], '07001'],
    [sql, [1, 'a', 'b'], '07001'],
    [sql, [1, 'a\0b'], '22P05'],
    [sql, [1, '\ud800'], '22P02'],
    [sql, [{ a: 1 }, 'y'], '22P02'],
    ['select $1 + $2', [1, 2], '42725'],
    ['select nothing from strict where n = $1', [1], '42703'],
    ['this is no sql', [], '42601'],
  ]
  const outcomes = outcomesOf(
    await target.deliver(
      wrong.map(([text, params], at) => delivery(`wrong-${at}`, statement(text, ...params))),
      never(),
    ),
  )
  t.same(
    outcomes.map((outcome) => [outcome.state, 'code' in outcome && outcome.code]),
    wrong.map(([, , code]) => ['refused', code]),
  )
  t.same((await pool.query('select from flowkeep.inbox where operation_id like $1', ['wrong-%'])).rowCount, 0)
})

t.test('§7 a backslash in a string is one, also where a database is set to the ways of old', async (t) => {
  await pool.query(
    `create role old login superuser password 'p'; alter role old set standard_conforming_strings = off`,
  )
  const old = new PostgresTarget('rpa_db', poolFor(server.url().replace('//rpa:only-for-tests', '//old:p')))
  const sql = String.raw`insert into strict values ($1, 'a\') returning label || $2 as label`
  const [outcome] = outcomesOf(await old.deliver([delivery('backslash', statement(sql, 1, '\\'))], never()))
  t.match(outcome, { state: 'applied', result: { rows: [{ label: String.raw`a\\` }] } })
  await old.close()
})

t.test('§7 nothing is left prepared in the session', async (t) => {
  const single = poolFor(server.url(), { size: 1 })
  const alone = new PostgresTarget('rpa_db', single)
  await single.query('prepare flowkeep_types as select 1')
  const taken = await alone.deliver([delivery('left', statement('select $1::int', 1))], never())
  t.same(statesOf(taken), ['applied'], 'also where a call that was cut off has left it')
  t.equal((await single.query('select from pg_prepared_statements')).rowCount, 0)
  await alone.close()
})
