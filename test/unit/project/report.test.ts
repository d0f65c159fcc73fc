import t from 'tap'
import { exitCodeOf, report } from '../../harness/report.ts'
import type { Stage, TestCase } from '../../harness/test-case.ts'

const passed: TestCase = { file: 'a.test.ts', name: 'good', outcome: 'passed', details: [] }
const failed: TestCase = { file: 'b.test.ts', name: 'bad', outcome: 'failed', details: ['1 is not 2'] }
const skipped: TestCase = {
  file: 'c.test.ts',
  name: 'later',
  outcome: 'skipped',
  reason: 'no engine',
  details: [],
}
const stage = (...cases: TestCase[]): Stage => ({ name: 'unit', durationMs: 1234, cases, times: [] })

t.test('R4.7 failures come first, then skips with their reasons, then times, the counts last', async (t) => {
  t.same(report([stage(passed, skipped, failed)]), [
    '',
    'FAILED',
    '✗ b.test.ts › bad',
    '    1 is not 2',
    '',
    'SKIPPED',
    '- c.test.ts › later: no engine',
    '',
    'unit     1.2 s  1 passed, 1 failed, 1 skipped',
    '',
    '1 passed, 1 failed, 1 skipped',
  ])
})

t.test('R4.7 the slowest files of a tier are named', async (t) => {
  const times = [100, 3000, 200, 2000].map((durationMs, index) => ({ file: `${index}.test.ts`, durationMs }))
  t.match(report([{ ...stage(passed), times }]).slice(1, -2), [
    'unit     1.2 s  1 passed, 0 failed, 0 skipped',
    '    3.0 s in 1.test.ts',
    '    2.0 s in 3.test.ts',
    '    0.2 s in 2.test.ts',
  ])
})

t.test('R4.7 the last line counts every stage', async (t) => {
  t.equal(report([stage(passed), stage(passed, skipped)]).at(-1), '2 passed, 0 failed, 1 skipped')
  t.equal(report([]).at(-1), '0 passed, 0 failed, 0 skipped')
})

t.test('R4.7 a run is good only if something passed and nothing failed', async (t) => {
  t.equal(exitCodeOf([stage(passed, skipped)]), 0)
  t.equal(exitCodeOf([stage(passed, failed)]), 1)
  t.equal(exitCodeOf([stage(skipped)]), 1)
  t.equal(exitCodeOf([]), 1)
})
