// Settings and secrets as Kubernetes mounts them: `settings` and `url` are links to `..data/…`, and `..data` is a link
// to a directory of one version, swapped by a rename. With a real PostgreSQL whose password is changed.

import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { migrate } from '../../../supervisor/postgres/migrate.ts'
import { startPostgres } from '../../harness/postgres.ts'
import { callSocket } from '../../harness/raw-http.ts'
import { noNamespace, startSupervised } from '../../harness/supervised.ts'
import { until } from '../../harness/until.ts'
import { poolFor } from '../postgres/pools.ts'

const skip = noNamespace
const worker = ['sh', '-c', 'trap "exit 0" TERM; echo up; while :; do sleep 0.05; done']

const server = await startPostgres()
t.teardown(() => server.stop())
await server.createDatabase('app')
const pool = poolFor(server.url('app'))
await migrate(pool)
await pool.close()
await server.query(`create role rotated login superuser password 'first'`)
await server.query('create table public.effects (n int)', [], 'app')

function urlWith(password: string): string {
  const url = new URL(server.url('app'))
  url.username = 'rotated'
  url.password = password
  return url.href
}

interface Files {
  readonly settings: string
  readonly url: string
}

/** @returns swaps all files at once */
function mounted(directory: string, first: Files): (next: Partial<Files>) => void {
  let version = 0
  let files = first
  const swap = (next: Partial<Files>) => {
    files = { ...files, ...next }
    const name = `..version_${++version}`
    mkdirSync(join(directory, name))
    for (const [file, text] of Object.entries(files)) writeFileSync(join(directory, name, file), text)
    symlinkSync(name, join(directory, '..data_tmp'))
    renameSync(join(directory, '..data_tmp'), join(directory, '..data'))
    rmSync(join(directory, `..version_${version - 1}`), { recursive: true, force: true })
  }
  swap({})
  for (const file of Object.keys(first)) symlinkSync(`..data/${file}`, join(directory, file))
  return swap
}

async function start(t: Test, password: string, settings: string) {
  const directory = t.testdir({})
  const swap = mounted(directory, { settings, url: `${urlWith(password)}\n` })
  const flow = await startSupervised(t, {
    command: worker,
    environment: {
      CONTAINER_CONFIG_FILE: join(directory, 'settings'),
      CONTAINER_DATABASE_RPA_DB_URL_FILE: join(directory, 'url'),
    },
  })
  await flow.record(({ to }) => to === 'running')
  const starts = () => flow.records.filter(({ event }) => event === 'flow.started').length
  const submit = async (n: number) => {
    const body = JSON.stringify({
      ...{ target: 'rpa_db', mode: 'direct' },
      ...{ sql: 'insert into effects values ($1)', params: [n] },
    })
    const headers = { 'content-type': 'application/json' }
    const answer = await callSocket(flow.socketPath, 'POST', '/v1/operations', body, headers)
    return answer.status
  }
  return { flow, swap, starts, submit }
}

const userSessions = async () => {
  const { rows } = await server.query(
    `select count(*)::int as n from pg_stat_activity where usename = 'rotated' and application_name = 'flowkeep'`,
  )
  return rows[0].n as number
}

t.test(
  'R1.5 R7.2 a rotated password reaches new connections while the flow runs on, where it is kept',
  { skip },
  async (t) => {
    await server.query(`alter role rotated password 'first'`)
    const { flow, swap, starts, submit } = await start(t, 'first', 'CONTAINER_FLOW_RELOAD=keep\n')
    t.equal(await submit(1), 200)

    // The file comes first, as it may: nobody takes the new password yet.
    swap({ url: `${urlWith('second')}\n` })
    t.match(await flow.record('config.reload_refused'), {
      code: 'dependency_unavailable',
      message: /authentication/,
    })
    t.equal(await submit(2), 200, 'the old one still holds')
    await server.query(`alter role rotated password 'second'`)
    t.match(await flow.record('config.reloaded'), {
      ...{ by: 'files', flow: 'kept' },
      changed: ['databases.rpa_db.url'],
    })
    t.equal(flow.records.filter(({ event }) => event === 'config.reload_refused').length, 1, 'said once')
    t.equal(await submit(3), 200)
    await server.query(`select pg_terminate_backend(pid) from pg_stat_activity where usename = 'rotated'`)
    await until(
      'an operation goes through on a new session',
      () => submit(4),
      (status) => status === 200,
    )
    const health = async () => JSON.parse((await flow.get('/health')).body)
    t.match(await health(), { status: 'healthy' })
    t.equal((await health()).checks.configuration, undefined)
    t.equal(starts(), 1, 'the flow was never restarted')
    t.notMatch(JSON.stringify(flow.records), /second/)

    // A person who asks for it gets the restart.
    await flow.post('/v1/reload')
    await flow.record(({ event, generation }) => event === 'flow.started' && generation === 2)
    flow.signal('SIGTERM')
    await flow.exited
    await until('no session is left', userSessions, (open) => open === 0)
  },
)

t.test(
  'R1.5 a storm of swaps is one reload and one restart, and a bad version in it changes nothing',
  { skip },
  async (t) => {
    await server.query(`alter role rotated password 'first'`)
    const { flow, swap, starts, submit } = await start(t, 'first', 'CONTAINER_STOP_GRACE=5s\n')
    for (let n = 0; n < 200; n++) {
      swap({
        settings:
          n % 2 === 0
            ? 'CONTAINER_STOP_GRACE=wrong\n'
            : `CONTAINER_STOP_GRACE=6s\nCONTAINER_GATE_TIMEOUT=${n + 1}s\n`,
      })
    }
    t.match(await flow.record('config.reloaded'), {
      ...{ by: 'files', flow: 'restarted' },
      changed: ['gate.timeout', 'stop.grace'],
    })
    await flow.record(({ event, generation }) => event === 'flow.started' && generation === 2)
    t.equal(flow.records.filter(({ event }) => event === 'config.reloaded').length, 1)
    t.equal(flow.records.filter(({ event }) => event === 'config.reload_refused').length, 0)

    await flow.record(({ to, on, from }) => to === 'running' && from === 'starting' && on === 'flow_ready')
    await until(
      'it runs again',
      () => flow.get('/readyz'),
      ({ status }) => status === 200,
    )
    swap({ settings: 'CONTAINER_STOP_GRACE=wrong\n', url: 'nonsense\n' })
    t.match(await flow.record('config.reload_refused'), { code: 'config_invalid' })
    t.equal(starts(), 2)
    t.equal(await submit(5), 200, 'the pools are as they were')
    t.match(JSON.parse((await flow.get('/health')).body), {
      status: 'degraded',
      checks: { configuration: { status: 'degraded', message: /CONTAINER_STOP_GRACE/ } },
    })
  },
)
