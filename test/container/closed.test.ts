// As closed as a container can be: read-only root, no capability, no new privileges, and a user nobody has heard of.

import t from 'tap'
import { createNetwork, flawsOf, startContainer } from '../harness/container.ts'
import type { ContainerSpec } from '../harness/docker.ts'
import { flowEnvironment, flowOptions, migrate } from '../harness/flow.ts'
import { buildImages, flow1Image } from '../harness/images.ts'
import { databaseUrl, startPostgres } from '../harness/postgres-container.ts'
import { until } from '../harness/until.ts'

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
  let number = 0
  for (const [name, variant] of Object.entries(variants)) {
    await t.test(name, async (t) => {
      // A database of its own: what one flow has done is done.
      number += 1
      const url = databaseUrl.replace(/\w+$/, `flows_${number}`)
      await until(
        'PostgreSQL answers',
        () => database.query(`create database flows_${number}`).catch((error: Error) => error.message),
        (answer) => answer === 'CREATE DATABASE',
      )
      await migrate(t, network, url)
      const flow = await startContainer(t, {
        image: flow1Image,
        options: flowOptions,
        network,
        environment: { ...flowEnvironment, CONTAINER_DATABASE_FLOWS_URL: url },
        ...closed,
        ...variant,
      })
      await flow.log.next(({ event, to }) => event === 'state.changed' && to === 'running')
      await until(
        'both files of the sample are stored',
        () => database.query('select count(*), sum(rows) from flow1.parts', `flows_${number}`),
        (answer) => answer === '2|9',
      )

      const self = await flow.exec('grep', '-E', '^(Uid|CapEff|CapBnd|NoNewPrivs):', '/proc/1/status')
      const uid = (variant.user ?? '10001').split(':')[0]
      t.match(self.stdout, new RegExp(`^Uid:\\t${uid}\\t`))
      t.match(self.stdout, /CapBnd:\t0+\n/)
      t.match(self.stdout, /CapEff:\t0+\n/)
      t.match(self.stdout, /NoNewPrivs:\t1\n/)
      t.not((await flow.exec('touch', '/opt/flow/new')).code, 0, 'the root is read-only')
      t.equal((await flow.exec('flowkeep', 'health')).code, 0)
      t.equal((await flow.exec('flowkeep', 'status')).code, 0)

      const { code, last } = await flow.stop()
      t.equal(code, 0)
      t.match(last, { event: 'exit', reason: 'stopped' })
      t.same(flawsOf(flow), [])
    })
  }
})
