// The commands of every day, on a small Compose project: PostgreSQL, and two replicas of a flow without dependencies.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { capture, type Output } from '../../compose/host/run.ts'
import { checkout } from '../harness/checkout.ts'
import { docker, tryDocker } from '../harness/docker.ts'
import { ownContainers, ownerLabel, ownLabels } from '../harness/docker-owner.ts'
import { baseImage, buildImages } from '../harness/images.ts'

const project = `flowkeep-operate-${process.pid}`
const file = join(t.testdir({}), 'compose.yaml')
const labels = `labels: { ${ownerLabel}: "${ownLabels[ownerLabel]}" }`
const composeFile = `
services:
  postgres:
    image: postgres:17
    ${labels}
    environment: { POSTGRES_PASSWORD: x, POSTGRES_DB: flows }
    healthcheck: { test: [CMD, pg_isready, --host=127.0.0.1, --username=postgres], interval: 10s, start_period: 60s, start_interval: 500ms }
    tmpfs: [/var/lib/postgresql/data]
  sleeper:
    image: ${baseImage}
    ${labels}
    command: [python, -c, "import time; print('good morning'); time.sleep(600)"]
    environment: { CONTAINER_FLOW_NAME: sleeper, CONTAINER_SECURITY_ENFORCE: "off" }
    deploy: { replicas: 2 }
networks:
  default: { ${labels} }
`
const ctl = (command: string, ...args: string[]): Promise<Output> =>
  capture(process.execPath, [
    `${checkout}/compose/cli.ts`,
    command,
    '--file',
    file,
    '--project-name',
    project,
    ...args,
  ])

t.before(async () => {
  await ownContainers()
  await buildImages()
  writeFileSync(file, composeFile)
  await docker([
    'compose',
    '--file',
    file,
    '--project-name',
    project,
    'up',
    '--detach',
    '--wait',
    '--quiet-pull',
  ])
})
t.teardown(() =>
  tryDocker(['compose', '--file', file, '--project-name', project, 'down', '--volumes', '--timeout', '1']),
)

t.test(
  'R4.6 status shows every replica with what its supervisor says, and fails when one is gone',
  async (t) => {
    const { code, stdout, stderr } = await ctl('status', '--json')
    t.equal(code, 0, stdout + stderr)
    const { ok, containers } = JSON.parse(stdout) as {
      ok: boolean
      containers: {
        container: { service: string; health: string }
        supervisor?: { health: { state: string } }
      }[]
    }
    t.ok(ok)
    t.same(
      containers.map(({ container, supervisor }) => [container.service, supervisor?.health.state]),
      [
        ['postgres', undefined],
        ['sleeper', 'running'],
        ['sleeper', 'running'],
      ],
    )
    const table = await ctl('status')
    t.match(table.stdout, new RegExp(`${project}-sleeper-2 +running +healthy +running`))
    await docker(['kill', `${project}-sleeper-2`])
    const after = await ctl('status')
    t.equal(after.code, 1)
    t.match(after.stdout, `${project}-sleeper-2 ended with exit code 137`)
  },
)

t.test('R4.6 logs are one command away, as people read them', async (t) => {
  const { stdout, code } = await ctl('logs', 'sleeper')
  t.equal(code, 0)
  t.match(stdout, /^\d\d:\d\d:\d\d\.\d{3} sleeper-1 {3}info {2}good morning$/m)
  t.match(stdout, /sleeper-1 · info .*\[flow\.started\]/)
  t.notMatch(stdout, 'postgres-1')
  const unknown = await ctl('logs', 'nobody')
  t.equal(unknown.code, 64)
  t.match(unknown.stderr, /no container of a service nobody\nThere are postgres, sleeper\./)
})

t.test('R4.6 the database and the inside of a container are one command away', async (t) => {
  const query = await ctl(
    'psql',
    '--',
    '--no-align',
    '--tuples-only',
    '--command',
    'select 6 * 7, current_database()',
  )
  t.same([query.code, query.stdout.trim()], [0, '42|flows'], query.stderr)
  const inside = await ctl(
    'shell',
    'sleeper',
    '--index',
    '1',
    '--',
    'sh',
    '-c',
    'flowkeep health; id -u; exit 3',
  )
  t.equal(inside.code, 3, 'the exit code is that of the command')
  t.match(inside.stdout, /healthy[\s\S]*\n10001\n$/)
  const gone = await ctl('shell', 'sleeper', '--index', '2')
  t.equal(gone.code, 1)
  t.match(gone.stderr, /replica 2 of sleeper is not running; postgres, sleeper are/)
})
