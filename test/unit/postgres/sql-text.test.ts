import fc from 'fast-check'
import t from 'tap'
import { problemOf, readSql, type SqlText } from '../../../supervisor/postgres/sql-text.ts'

function read(sql: string): SqlText {
  const text = readSql(sql)
  if ('problem' in text) throw new Error(`${sql}: ${text.problem}`)
  return text
}

t.test('§7 one statement of any kind passes, with or without its semicolon', async (t) => {
  for (const sql of [
    'select 1',
    ' SELECT 1 ; ; -- done',
    '(select 1) union (select 2)',
    "insert into t values ('a;b', $1) returning *",
    'with x as (delete from t returning *) insert into u select * from x',
    'merge into t using u on true when matched then delete',
    "update t set a = 'it''s; commit'",
    String.raw`insert into t values (E'a\'; commit; ', U&'\0041', B'1', x'ff', N'n')`,
    'insert into t values ($$;commit;$$, $a$ $$ ; $b$ $a$, $é$;$é$)',
    'insert into "a;b""c" values ($1) /* one; /* two; */ three; */',
    "select 'a' -- ;\n 'b;c'",
    'create table t (a int)',
    'truncate t',
    'lock table t',
    'comment on table t is $$x$$',
    'do $$ begin perform 1; end $$',
    'call p()',
    'notify done',
    'select a$1, "set_config" from t',
    'insert into t (begin) values (1.5e3, .5, 1::int)',
    'select pg_advisory_xact_lock($1)',
  ]) {
    t.equal(problemOf(sql), undefined, sql)
  }
})

t.test('§7 what controls a transaction or leaves something in the session is refused', async (t) => {
  for (const verb of [
    'begin',
    'START transaction',
    'commit',
    'end',
    'rollback',
    'abort',
    'savepoint a',
    'release a',
  ]) {
    t.match(problemOf(verb), /^controls a transaction/, verb)
    t.match(problemOf(`/* ; */ -- x\n ${verb};`), /^controls a transaction/, verb)
  }
  t.match(problemOf("prepare transaction 'x'"), /^controls a transaction/)
  for (const sql of [
    'set role x',
    'SET CONSTRAINTS all deferred',
    'reset all',
    'discard all',
    'listen x',
    'unlisten *',
    'deallocate all',
    'declare c cursor for select 1',
    "load 'x'",
    'execute p(1)',
    "select set_config('role', 'x', false)",
    'select pg_catalog.pg_advisory_lock(1)',
    'update t set a = 1 where pg_try_advisory_lock (b)',
  ]) {
    t.match(problemOf(sql), /^leaves something behind in the session/, sql)
  }
})

t.test('§7 more than one statement, none, or no whole one is refused', async (t) => {
  for (const sql of [
    'select 1; select 2',
    "select 'a'; commit",
    String.raw`select 'a\'; commit; --'`,
    'select $$a$$; commit',
    'select 1 /* ; */ ; /* */ drop table t',
    "select E'a'\n'b\\''; commit",
  ]) {
    t.match(problemOf(sql), /^is more than one/, sql)
  }
  for (const sql of ['', ' ', ';', '-- select 1', '/* select 1 */ ;'])
    t.equal(problemOf(sql), 'is empty', sql)
  for (const sql of [
    "select 'a",
    'select "a',
    'select $$a',
    'select $a$ $b$',
    'select 1 /* /* */',
    "select E'a\\'",
  ]) {
    t.match(problemOf(sql), /without its end|does not end/, sql)
  }
  t.match(problemOf('select 1\0'), /NUL/)
  t.match(problemOf("select '\ud800'"), /surrogate/)
  t.match(problemOf('create table t as select $1'), /^takes no parameters/)
  t.match(problemOf('select $0'), /begin with \$1/)
  t.match(problemOf("'select'"), /^begins with/)
})

t.test('§7 parameters are found where they are parameters, and the text around them stays', async (t) => {
  t.equal(
    read(`select $1, '$2', "$3", a$4, $$ $5 $$, $6::int, $12 -- $7\n, E'\\'$8', /* $9 */ 5 % 2`).template,
    `select %1$s, '$2', "$3", a$4, $$ $5 $$, %6$s::int, %12$s -- $7\n, E'\\'$8', /* $9 */ 5 %%%% 2`,
  )
  t.equal(read('select 1 -- x').query, 'select 1', 'a comment at the end would swallow what follows')
  t.equal(read('select 1 ;').query, 'select 1')
})

t.test('§7 RETURNING counts where it is the statement’s own', async (t) => {
  const forms = {
    'insert into t values (1) returning a': 'returning',
    'with x as (delete from t returning a) select * from x': 'query',
    'with x as (delete from t returning a) insert into u select a from x returning b': 'returning',
    'select 1 as returning': 'query',
    "insert into t values ('returning')": 'query',
    'create table returning_x (a int)': 'utility',
    'values (1)': 'query',
  }
  for (const [sql, form] of Object.entries(forms)) t.equal(read(sql).form, form, sql)
})

t.test('§7 any text at all is read or refused, in bounded time', async (t) => {
  const piece = fc.constantFrom(
    "'",
    '"',
    '$',
    '$$',
    '$a$',
    ';',
    '--',
    '/*',
    '*/',
    '\\',
    'E',
    'U&',
    '\n',
    'a',
    '1',
    ' ',
    '(',
    'é',
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      const sql = pieces.join('')
      const text = readSql(sql)
      if (!('problem' in text)) t.ok(sql.includes(text.query))
    }),
  )
  const long = `select '${'x'.repeat(2_000_000)}', ${'/*'.repeat(1_000)}${'*/'.repeat(1_000)} $1`
  t.equal(problemOf(long), undefined)
  t.equal(problemOf(`select 'a' ${'--'.repeat(100_000)}`), undefined)
})
