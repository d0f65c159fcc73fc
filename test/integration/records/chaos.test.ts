// The short form of `npm run chaos -- records`: each fault at least once, and until they have bitten.

import t from 'tap'
import { faultNames, recordsChaos } from '../../chaos/records.ts'
import { noNamespace } from '../../harness/supervised.ts'

t.test(
  'R3.1 R3.3 every record has its effect exactly once, whatever dies, stops or is cut off',
  { skip: noNamespace },
  async (t) => {
    const seed = Math.floor(Math.random() * 1_000_000)
    const said: string[] = []
    const report = await recordsChaos({
      ...{ supervisors: 3, records: 3_000, batch: 20, seed, faults: 'until_bitten', workMs: 200 },
      faultEveryMs: 1_000,
      patienceMs: 45_000,
      say: (line) => void said.push(line),
    })
    t.comment(JSON.stringify({ seed, ...report }))
    const { lost, doubled, phantom, counterOff, left, failed, ended } = report
    t.same(
      { lost, doubled, phantom, counterOff, left, failed, ended },
      { lost: 0, doubled: 0, phantom: 0, counterOff: 0, left: 0, failed: 0, ended: 0 },
      said.join('\n'),
    )
    for (const name of faultNames) t.ok(report.faults[name] > 0, name)
    t.ok(report.takenBack > 0, 'records were taken back')
    t.ok(report.fenced > 0, 'a late owner was fenced')
  },
)
