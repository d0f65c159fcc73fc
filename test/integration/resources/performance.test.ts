// `flowkeep performance` beside a real supervisor, whose flow is held back by something that is known.

import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import t from 'tap'
import { nodeFlags } from '../../../images/node-flags.ts'
import type { PerformanceReport } from '../../../supervisor/core/performance.ts'
import { migrate } from '../../../supervisor/postgres/migrate.ts'
import { checkout } from '../../harness/checkout.ts'
import { startPostgres } from '../../harness/postgres.ts'
import { callSocket } from '../../harness/raw-http.ts'
import { noNamespace, startSupervised } from '../../harness/supervised.ts'
import { until } from '../../harness/until.ts'
import { poolFor } from '../postgres/pools.ts'

const server = await startPostgres()
t.teardown(() => server.stop())
const pool = poolFor(server.url())
await migrate(pool)
await pool.close()

t.test(
  'R6.1 R6.3 a pool that is too small is found, and the advice names its variable',
  { skip: noNamespace },
  async (t) => {
    const flow = await startSupervised(t, {
      command: ['sh', '-c', 'echo up; exec sleep 1000'],
      environment: {
        CONTAINER_DATABASE_RPA_DB_URL: server.url(),
        CONTAINER_DATABASE_RPA_DB_POOL_SIZE: '1',
        CONTAINER_PERFORMANCE_INTERVAL: '1s',
      },
    })
    await flow.record(({ to }) => to === 'running')
    const headers = { 'content-type': 'application/json' }
    let over = false
    t.teardown(() => {
      over = true
    })
    // Twelve lanes at once, each statement with thirty milliseconds of work, over one session.
    const lanes = Array.from({ length: 12 }, async (_, lane) => {
      while (!over) {
        const operation = {
          target: 'rpa_db',
          key: String(lane),
          mode: 'direct',
          sql: 'select pg_sleep(0.03)',
        }
        await callSocket(flow.socketPath, 'POST', '/v1/operations', JSON.stringify(operation), headers).catch(
          () => {},
        )
      }
    })
    const report = async () => {
      const { json } = await callSocket(flow.socketPath, 'GET', '/v1/performance')
      return json as unknown as PerformanceReport
    }
    const found = await until('it is found', report, ({ findings }) =>
      findings.some(({ id }) => id === 'sessions_too_few'),
    )
    t.match(
      found.findings.find(({ id }) => id === 'sessions_too_few'),
      { kind: 'bottleneck', advice: { setting: 'CONTAINER_DATABASE_RPA_DB_POOL_SIZE', now: '1' } },
    )
    const uses = new Map(found.uses.map((use) => [use.resource, use]))
    t.ok((uses.get('supervisor memory')?.used ?? 0) > 1e6)
    t.ok((uses.get('operations submitted')?.used ?? 0) > 0)
    t.ok((uses.get('flow threads')?.used ?? 0) >= 1)

    const command = [...nodeFlags, `${checkout}/dist/flowkeep.cjs`, 'performance']
    const env = { CONTAINER_CONTROL_SOCKET: flow.socketPath, PATH: process.env['PATH'] }
    const printed = () =>
      new Promise<{ code: unknown; stdout: string }>((resolve) => {
        execFile(process.execPath, command, { env }, (error, stdout) =>
          resolve({ code: error?.code ?? 0, stdout }),
        )
      })
    const { code } = await until('it is printed', printed, ({ stdout }) =>
      /CONTAINER_DATABASE_RPA_DB_POOL_SIZE: 1 → \d/.test(stdout),
    )
    t.equal(code, 1)
    t.match(
      (await flow.get('/metrics')).body,
      /^flowkeep_database_session_uses_total\{database="rpa_db"\} [1-9]/m,
    )
    over = true
    await Promise.all(lanes)
  },
)

t.test('R6.1 pressure of this machine is what the kernel says', async (t) => {
  const { openCgroup } = await import('../../../supervisor/resources/cgroup.ts')
  const read = () => {
    try {
      return Number(/^some .*total=(\d+)/m.exec(readFileSync('/proc/pressure/cpu', 'utf8'))?.[1]) / 1e6
    } catch {
      return undefined
    }
  }
  const before = read()
  const pressure = openCgroup().readPressure()
  const after = read()
  if (before === undefined || after === undefined) {
    t.equal(pressure?.of, undefined)
    return
  }
  const some = pressure?.cpu?.some ?? -1
  if (pressure?.of === 'machine') t.ok(some >= before && some <= after, `${before} ≤ ${some} ≤ ${after}`)
  else t.ok(some >= 0 && some <= after)
})
