// As closed as a container can be: read-only root, no capability, no new privileges, and a user nobody has heard of.

import t from 'tap'
import { createNetwork, flawsOf, startContainer } from '../harness/container.ts'
import type { ContainerSpec } from '../harness/docker.ts'
import { buildImages, flow1Image } from '../harness/images.ts'
import { databaseUrl, startPostgres } from '../harness/postgres-container.ts'

await buildImages()

const closed = { readOnly: true, dropCapabilities: true, noNewPrivileges: true }

const variants: Readonly<Record<string, Partial<ContainerSpec>>> = {
  "R7.1 the image's own user": {},
  'R7.1 a random user and group': { user: '54321:54321' },
  "R7.1 a random user in root's group, as OpenShift does it": { user: '1000650000:0' },
  'R7.4 memory instead of the declared volumes': {
    user: '54321:54321',
    tmpfs: ['/run', '/tmp', '/var/lib/flowkeep'],
  },
}

t.test('R7.4 flow1 works with a read-only root and no privileges', async (t) => {
  const network = await createNetwork(t)
  const database = await startPostgres(t, network)
  for (const [name, variant] of Object.entries(variants)) {
    await t.test(name, async (t) => {
      const flow = await startContainer(t, {
        image: flow1Image,
        network,
        environment: { CONTAINER_DATABASE_FLOWS_URL: databaseUrl },
        ...closed,
        ...variant,
      })
      await flow.log.next(({ message, file }) => message === 'file worked through' && file === 'stock.csv')
      await flow.log.next(({ event, to }) => event === 'state.changed' && to === 'running')
      t.equal(await database.query('select count(*) from flow1.rows'), '9')

      const self = await flow.exec('grep', '-E', '^(Uid|CapEff|CapBnd|NoNewPrivs):', '/proc/1/status')
      const uid = (variant.user ?? '10001').split(':')[0]
      t.match(self.stdout, new RegExp(`^Uid:\\t${uid}\\t`))
      t.match(self.stdout, /CapBnd:\t0+\n/)
      t.match(self.stdout, /CapEff:\t0+\n/)
      t.match(self.stdout, /NoNewPrivs:\t1\n/)
      t.not((await flow.exec('touch', '/opt/flow1/new')).code, 0, 'the root is read-only')
      t.equal((await flow.exec('flowkeep', 'health')).code, 0)
      t.equal((await flow.exec('flowkeep', 'status')).code, 0)

      const { code, last } = await flow.stop()
      t.equal(code, 0)
      t.match(last, { event: 'exit', reason: 'stopped' })
      t.same(flawsOf(flow), [])
      await database.query('drop schema flow1 cascade')
    })
  }
})
