// The conformance suite (test/conformance) against Flowkeep itself: no case may fail.

import t from 'tap'
import { initOf } from '../../conformance/inits.ts'
import { cannotRun, cases, run } from '../../conformance/suite.ts'

/** Those with a meaning, the borders, and some of the rest; `npm run conformance` tries all 256. */
const exitCodes = [0, 1, 2, 42, 64, 69, 70, 73, 75, 78, 126, 127, 128, 137, 143, 165, 254, 255]

const problem = cannotRun()
if (problem !== undefined) t.plan(0, problem)
else {
  const results = run(initOf('flowkeep'), cases, { exitCodes })
  for (const [index, { requirement, group, name }] of cases.entries()) {
    t.test(`${requirement} ${group}: ${name}`, async (t) => {
      const result = await results[index]
      t.equal(result?.outcome, 'pass', result?.reason ?? 'holds')
    })
  }
}
