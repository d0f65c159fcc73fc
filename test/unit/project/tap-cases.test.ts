import t from 'tap'
import { casesOf, type FileRun } from '../../harness/tap-cases.ts'

const run = (tap: string, end: Partial<FileRun> = {}) =>
  casesOf({ file: 'a.test.ts', tap: `TAP version 14\n${tap}`, stderr: '', code: 0, signal: null, ...end })

const shortly = (tap: string, end: Partial<FileRun> = {}) =>
  run(tap, end).map(({ outcome, name }) => `${outcome}: ${name}`)

const good = `# Subtest: good
    ok 1 - x
    # Subtest: inner
        ok 1 - y
        1..1
    ok 2 - inner # time=1ms
    1..2
ok 1 - good # time=2ms
`

const bad = `# Subtest: bad
    not ok 1 - should be equal
      ---
      compare: ===
      at:
        fileName: a.test.ts
        lineNumber: 3
        columnNumber: 35
      stack: |
        Test.<anonymous> (a.test.ts:3:35)
      diff: |
        --- expected
        +++ actual
        @@ -1,1 +1,1 @@
        -2
        +1
      ...
    1..1
not ok 2 - bad # time=1ms
`

t.test('R4.7 a case is a test at the top level of its file, however much is in it', async (t) => {
  t.same(shortly(`${good}1..1\n`), ['passed: good'])
})

t.test('R4.7 a failed case says where, what was found and what was expected', async (t) => {
  const [, failure] = run(`${good}${bad}1..2\n`, { code: 1 })
  t.equal(failure?.name, 'bad')
  t.same(failure?.details, [
    'should be equal (a.test.ts:3)',
    'diff:',
    '  --- expected',
    '  +++ actual',
    '  @@ -1,1 +1,1 @@',
    '  -2',
    '  +1',
  ])
})

t.test('R4.7 exit code 1 after a failed case is not a second failure', async (t) => {
  t.same(shortly(`${good}${bad}1..2\n`, { code: 1 }), ['passed: good', 'failed: bad'])
})

t.test('R4.7 a buffered case counts like any other', async (t) => {
  t.same(shortly('ok 1 - buffered {\n    ok 1 - x\n    1..1\n}\n1..1\n'), ['passed: buffered'])
})

t.test('R4.7 skips and to-dos are listed with their reasons', async (t) => {
  const cases = run('ok 1 - a # SKIP no engine\nok 2 - b # TODO later\nok 3 - c # SKIP\n1..3\n')
  t.same(
    cases.map(({ outcome, reason }) => `${outcome}: ${reason}`),
    ['skipped: no engine', 'skipped: to do: later', 'skipped: no reason given'],
  )
})

t.test('R4.7 a file skipped as a whole is one skip', async (t) => {
  t.match(run('1..0 # needs root\n'), [{ name: '(whole file)', outcome: 'skipped', reason: 'needs root' }])
})

t.test('R4.7 a file that ran nothing has failed', async (t) => {
  t.same(shortly('1..0 # no tests found\n'), ['failed: (whole file)'])
  t.same(shortly('1..0\n'), ['failed: (whole file)'])
  t.same(shortly(''), ['failed: (whole file)'])
})

t.test('R4.7 assertions outside of a case count as one, or one for each failure', async (t) => {
  t.same(shortly('ok 1 - a\nok 2 - b\n1..2\n'), ['passed: (assertions)'])
  t.same(shortly('ok 1 - a\nnot ok 2 - b\n1..2\n', { code: 1 }), ['failed: b'])
})

t.test('R4.7 a crash is a failure of its own and shows standard error', async (t) => {
  const cases = run(`${good}1..1\n`, { code: 7, stderr: 'Error: boom\n    at x\n' })
  t.match(cases, [{ outcome: 'passed' }, { outcome: 'failed', name: '(whole file)' }])
  t.same(cases[1]?.details, ['it ended with exit code 7', 'standard error:', '  Error: boom', '      at x'])
  t.match(run('', { code: null, signal: 'SIGSEGV' })[0]?.details[0], 'it was ended by SIGSEGV')
  t.same(shortly(`${good}1..1\n`, { code: 1 }), ['passed: good', 'failed: (whole file)'])
  // It crashed after a case had failed: no plan.
  t.same(shortly(bad, { code: 1 }), ['failed: bad', 'failed: (whole file)'])
})

t.test('R4.7 a file that took too long has failed, whatever it had passed', async (t) => {
  const [passed, failed] = run(good, { code: null, signal: 'SIGKILL', timedOutAfterMs: 60_000 })
  t.equal(passed?.outcome, 'passed')
  t.match(failed?.details[0], 'it ran for more than 60 s')
  t.same(shortly(`${bad}1..2\n`, { code: 1, timedOutAfterMs: 60_000 }).at(-1), 'failed: (whole file)')
})

t.test('R4.7 cut off in the middle of a case: what ran is not passed off as everything', async (t) => {
  const cases = shortly('# Subtest: half\n    ok 1 - x\n', { code: 0 })
  t.ok(
    cases.some((line) => line.startsWith('failed')),
    cases.join(),
  )
  t.ok(shortly('ok 1 - a\n1..2\n', { code: 0 }).some((line) => line.startsWith('failed')))
})

t.test('R4.7 bailing out is a failure', async (t) => {
  const cases = run(`${good}Bail out! no database\n`, { code: 0 })
  t.match(cases.at(-1), { outcome: 'failed', details: ['bailed out: no database'] })
})
