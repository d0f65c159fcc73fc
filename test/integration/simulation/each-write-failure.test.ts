import t from 'tap'
import { loadDisk } from '../../simulation/disks.ts'
import { eachFailing, scenarioWith } from './each-failure-fixture.ts'

for (const how of ['before', 'after', 'full'] as const) {
  t.test(`R8.3 whichever write to the disk fails (${how}), no promise is broken`, async (t) => {
    const disk = await loadDisk('store')
    const failing = (call: number) => ({ diskFailsAt: { call, how } })
    const { runs, problems } = await eachFailing(({ calls }) => calls, failing, {
      createDisk: disk,
      scenario: scenarioWith(4),
    })
    t.same(problems, [])
    t.ok(runs > 30, `only ${runs} writes`)
  })
}
