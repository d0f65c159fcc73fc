// The short form of `npm run chaos -- soak`: nothing lost or done twice, and nothing left open. That memory stays flat
// takes longer to see; the long form does.

import t from 'tap'
import { soak } from '../../chaos/soak.ts'
import { checkout } from '../../harness/checkout.ts'
import { noNamespace } from '../../harness/supervised.ts'

t.test(
  'R6.2 R3.1 operations and lines of log in quantity: all of them, each once',
  { skip: noNamespace },
  async (t) => {
    const report = await soak({
      ...{ operations: 10_000, lines: 50_000, say: () => {} },
      program: `${checkout}/dist/flowkeep.cjs`,
    })
    t.match(report, { lost: 0, doubled: 0, linesMissing: 0, lines: 50_000 })
    t.ok(report.openFiles.end <= report.openFiles.begin + 20, JSON.stringify(report.openFiles))
  },
)
