// R2.3: the client meets servers of other versions, as in a rolling upgrade; and flows that know nothing of Flowkeep.

import t from 'tap'
import { otherPrefect, type otherVersions, prefectEnvironment } from '../../harness/prefect/environment.ts'
import { startPrefect } from '../../harness/prefect/server.ts'
import { noNamespace } from '../../harness/supervised.ts'
import { setStage } from './stage.ts'

const environment = prefectEnvironment()
const skip = noNamespace || environment.skip
t.setTimeout(280_000)
const versions: readonly (keyof typeof otherVersions)[] = ['3.8.8', '3.6.29']

if (skip === false && environment.python !== undefined) {
  const { python } = environment
  const servers = versions.map((version) => startPrefect({ python, packages: otherPrefect(python, version) }))
  for (const [index, version] of versions.entries()) {
    t.test(`R2.3 an outage of a server of version ${version}`, async (t) => {
      const server = await servers[index]
      if (!server) throw new Error('no server')
      t.teardown(() => server.stop())
      const { front, start, settled, ask, told: about } = await setStage(t, { python, server })
      t.equal(await ask('GET', '/admin/version'), version)
      const flow = await start(t)
      flow.run('cut', { customer: 'ada', items: ['tea'], hold: 'cut' })
      await flow.line('ada holds')
      front.refuse()
      flow.release('cut')
      await flow.line('cut gave 3')
      flow.run('early', { customer: 'bob', items: ['milk'] })
      await flow.line('early gave 4')
      front.heal()
      for (const name of ['cut', 'early']) {
        const run = await settled(flow, name, 'COMPLETED')
        t.same(await about.states(run), ['PENDING', 'RUNNING', 'COMPLETED'], name)
        t.same(
          (await about.tasks(run)).map(([, state]) => state),
          ['COMPLETED', 'COMPLETED'],
        )
        t.match(await about.subflow(run), { state_type: 'COMPLETED' })
        t.ok((await about.logs(run)).some((line) => line.startsWith('total of')))
      }

      if (index > 0) return
      const plain = await start(t, {}, ['--plain'])
      plain.run('plain', { customer: 'cleo', items: ['tea'] })
      await plain.line('plain gave 3')
      t.match(await settled(plain, 'plain', 'COMPLETED'), { run_count: 1 })
    })
  }
} else {
  t.test('R2.3 servers of other versions', { skip }, async () => {})
}
