import t from 'tap'
import { loadDisk } from '../../simulation/disks.ts'
import { eachFailing, scenarioWith } from './each-failure-fixture.ts'

for (const how of ['refused', 'dropBeforeCommit', 'loseAnswer', 'hang', 'zombie'] as const) {
  t.test(`R8.3 whichever request to the database fails (${how}), no promise is broken`, async (t) => {
    const failing = (request: number) => ({ requestFailsAt: { request, how } })
    const { runs, problems } = await eachFailing(({ requests }) => requests, failing, {
      createDisk: await loadDisk('memory'),
      scenario: scenarioWith(14),
    })
    t.same(problems, [])
    t.ok(runs > 20, `only ${runs} requests`)
  })
}
