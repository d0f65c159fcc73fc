// What a run under faults would say nothing without: it finds what is broken.

import t from 'tap'
import { plantedBugs } from '../../chaos/operations/planted-bugs.ts'
import { run } from '../../chaos/operations/run.ts'

for (const { name, about, cycles, found } of plantedBugs) {
  t.test(`R8.3 found: ${about}`, async (t) => {
    const { report } = await run(
      {
        ...{ seed: 3, scenarios: [], cycles, minutes: undefined },
        ...{ supervisors: 1, writers: 4, bug: name, json: undefined, keep: false },
      },
      (line) => t.comment(line),
      new AbortController().signal,
    )
    t.equal(report.outcome, 'failed', report.reasons.join('; '))
    t.ok(report.violations[found], `${JSON.stringify(report.violations)} says ${found}`)
  })
}
