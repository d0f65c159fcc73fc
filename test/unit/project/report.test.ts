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
const stage = (...cases: TestCase[]): Stage => ({ name: 'unit', durationMs: 1234, cases })

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
