// Every row of runbooks/health.md, injected into one real supervisor with a real PostgreSQL. /health is looked at twenty
// times a second meanwhile: from well to what the row says and back, nothing else, so flapping fails it.

import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { migrate } from '../../../supervisor/postgres/migrate.ts'
import { checkout } from '../../harness/checkout.ts'
import { startPostgres } from '../../harness/postgres.ts'
import { callSocket } from '../../harness/raw-http.ts'
import { noNamespace, startSupervised } from '../../harness/supervised.ts'
import { until } from '../../harness/until.ts'
import { poolFor } from '../postgres/pools.ts'

interface Row {
  readonly condition: string
  /** As in the body of /health. */
  readonly check: string
  readonly message?: RegExp
  inject(): unknown
  heal?(): unknown
  readonly degradedOnTheWay?: true
  /** The flow is started again. */
  readonly restarts?: true
}

interface Seen {
  readonly status: string
  readonly code: number
  readonly checks: Readonly<Record<string, { status: string; message: string }>>
}

const documented = new Map(
  readFileSync(join(checkout, 'runbooks/health.md'), 'utf8')
    .split('\n')
    .map((line) => line.split('|').map((cell) => cell.trim()))
    .filter((cells) => cells.length === 7)
    .map(([, condition = '', , check, overall, code]) => [condition, { check, overall, code: Number(code) }]),
)
documented.delete('condition')
documented.delete('---')

const server = await startPostgres({ user: 'rpa' })
t.teardown(() => server.stop())
const pool = poolFor(server.url())
await migrate(pool)
await pool.close()
await server.query(`create role checked login password 'right'`)
const database = new URL(server.url())
database.username = 'checked'
database.password = 'right'

let service: 'well' | 'ill' | 'ill once' | 'silent' = 'well'
const http = createServer((_request, response) => {
  if (service === 'silent') return
  response.writeHead(service === 'well' ? 200 : 503).end()
  if (service === 'ill once') service = 'well'
})
await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
t.teardown(() => {
  http.closeAllConnections()
  http.close()
})
const { port } = http.address() as AddressInfo

t.test(
  'R2.4 R2.5 §6 each fault is told as it is, once, and its end too',
  { skip: noNamespace },
  async (t) => {
    const directory = t.testdir({ settings: 'CONTAINER_STOP_GRACE=9s\n', checks: {} })
    const settings = join(directory, 'settings')
    const program = join(directory, 'checks', 'valve')
    const says = (script: string) => {
      writeFileSync(`${program}.next`, `#!/bin/sh\n${script}\n`)
      chmodSync(`${program}.next`, 0o755)
      writeFileSync(program, readFileSync(`${program}.next`))
      chmodSync(program, 0o755)
    }
    says('echo open')
    const flow = await startSupervised(t, {
      command: ['sh', '-c', 'echo up; while :; do sleep 0.1; done'],
      environment: {
        CONTAINER_DATABASE_RPA_DB_URL: database.href,
        CONTAINER_DATABASE_RPA_DB_CONNECT_TIMEOUT: '3s',
        CONTAINER_SERVICE_LEDGER_URL: `http://127.0.0.1:${port}`,
        CONTAINER_SERVICE_LEDGER_TIMEOUT: '3s',
        CONTAINER_CONFIG_FILE: settings,
        CONTAINER_HEALTHCHECKS_DIRECTORY: join(directory, 'checks'),
        CONTAINER_HEALTH_INTERVAL: '500ms',
        CONTAINER_HEALTH_TIMEOUT: '3s',
        CONTAINER_QUEUE_MAX_OPERATIONS: '3',
        CONTAINER_RESTART_POLICY: 'on-failure',
        // Long enough to be seen between two looks, also on a fast machine.
        CONTAINER_RESTART_BACKOFF_MIN: '1s',
        CONTAINER_STOP_DRAIN: '3s',
      },
    })
    await flow.record(({ to }) => to === 'running')
    const look = async (): Promise<Seen> => {
      const { status: code, body } = await flow.get('/health')
      return { code, ...JSON.parse(body) }
    }
    const submit = (target: string, key: string) => {
      const work = target === 'rpa_db' ? { sql: 'select 1' } : { method: 'POST', path: '/', body: {} }
      const operation = JSON.stringify({ target, key, mode: 'queue', ...work })
      return callSocket(flow.socketPath, 'POST', '/v1/operations', operation, {
        'content-type': 'application/json',
      })
    }
    const starts = () => flow.records.filter(({ event }) => event === 'flow.started').length
    const leader = () => flow.records.findLast(({ event }) => event === 'flow.started')?.['pid'] as number
    /** The flow's pid is that of its namespace; from here it is a child of the supervisor. */
    const killFlow = () => {
      const children = readFileSync(`/proc/${flow.pid}/task/${flow.pid}/children`, 'utf8').trim().split(' ')
      const inside = (pid: string) =>
        /^NSpid:.*\s(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
      const pid = children.find((child) => Number(inside(child)) === leader())
      process.kill(Number(pid), 'SIGKILL')
    }

    const rows: Row[] = [
      {
        condition: 'a database refuses connections',
        check: 'database:rpa_db',
        message: /^refused: /,
        inject: () => server.halt('immediate'),
        heal: () => server.start(),
      },
      {
        condition: 'a database accepts connections and does not answer',
        check: 'database:rpa_db',
        message: /timed out|timeout/,
        inject: () => server.freeze(),
        heal: () => server.thaw(),
      },
      {
        condition: 'a database refuses the password',
        check: 'database:rpa_db',
        message: /^authentication: /,
        inject: () => server.query(`alter role checked password 'wrong'`),
        heal: () => server.query(`alter role checked password 'right'`),
      },
      {
        condition: 'a service answers 503',
        check: 'service:ledger',
        message: /503/,
        inject: () => (service = 'ill'),
        heal: () => (service = 'well'),
      },
      {
        condition: 'a service does not answer',
        check: 'service:ledger',
        message: /timed out|timeout/,
        inject: () => (service = 'silent'),
        heal() {
          service = 'well'
          http.closeAllConnections()
        },
      },
      {
        condition: 'the local queue is full',
        check: 'queue',
        message: /^takes nothing new: 3 of 3 operations waiting/,
        // Operations for a service that is ill wait; by itself that is degraded.
        degradedOnTheWay: true,
        async inject() {
          service = 'ill'
          for (let key = 1; key <= 3; key++) t.equal((await submit('ledger', `lane ${key}`)).status, 202)
        },
        heal: () => (service = 'well'),
      },
      {
        condition: 'a program of the image says degraded',
        check: 'valve',
        message: /^half open/,
        inject: () => says('echo half open; exit 1'),
        heal: () => says('echo open'),
      },
      {
        condition: 'a program of the image says unhealthy',
        check: 'valve',
        message: /^stuck/,
        inject: () => says('echo stuck; exit 2'),
        heal: () => says('echo open'),
      },
      {
        condition: 'a program of the image does not end',
        check: 'valve',
        message: /timed out/,
        inject: () => says('exec sleep 1000'),
        heal: () => says('echo open'),
      },
      {
        condition: 'new settings were refused',
        check: 'configuration',
        message: /CONTAINER_STOP_GRACE/,
        inject: () => writeFileSync(settings, 'CONTAINER_STOP_GRACE=wrong\n'),
        heal: () => writeFileSync(settings, 'CONTAINER_STOP_GRACE=9s\n'),
      },
      {
        condition: 'the supervisor was stopped for a long time (SIGSTOP) and goes on',
        check: 'database:rpa_db',
        message: /^stale: no result for \d+s/,
        async inject() {
          flow.signal('SIGSTOP')
          // Three intervals and the longest a check may take, after which a result says nothing any more.
          await new Promise((resolve) => setTimeout(resolve, 5_500))
          flow.signal('SIGCONT')
        },
      },
      {
        condition: 'the flow was killed, and starts again',
        check: 'flow',
        inject: killFlow,
        restarts: true,
      },
    ]

    await until('it is well', look, ({ status }) => status === 'healthy')
    const timings: string[] = []
    for (const row of rows) {
      const { condition, check, message = /./ } = row
      const expected = documented.get(condition)
      t.ok(expected, `${condition} is in the table`)
      if (!expected) continue
      const before = starts()
      const sequence: string[] = []
      const observe = async () => {
        const seen = await look()
        if (sequence.at(-1) !== `${seen.status} ${seen.code}`) sequence.push(`${seen.status} ${seen.code}`)
        return seen
      }
      await observe()
      const startedMs = performance.now()
      await row.inject()
      const shown = await until(`${condition}: it is shown`, observe, (seen) => {
        const of = seen.checks[check]
        return (
          seen.status === expected.overall && of?.status === expected.check && message.test(of?.message ?? '')
        )
      })
      const shownMs = performance.now() - startedMs
      t.equal(shown.code, expected.code, condition)
      const healedAtMs = performance.now()
      await row.heal?.()
      await until(`${condition}: it is over`, observe, ({ status }) => status === 'healthy')
      timings.push(
        `${condition}: shown after ${seconds(shownMs)}, over after ${seconds(performance.now() - healedAtMs)}`,
      )
      const told = `${expected.overall} ${expected.code}`
      const seen = sequence.filter((one) => !row.degradedOnTheWay || one !== 'degraded 200')
      t.same(seen, ['healthy 200', told, 'healthy 200'], `${condition}: ${sequence.join(', ')}`)
      t.equal(starts() - before, row.restarts ? 1 : 0, `${condition}: starts of the flow`)
    }

    await t.test('one blip shows nothing', async (t) => {
      const asked = () => service
      service = 'ill once'
      const statuses = new Set<string>()
      await until(
        'the blip is over',
        async () => {
          statuses.add((await look()).status)
          return asked()
        },
        (now) => now === 'well',
      )
      // Two more rounds of the check, so that a late showing would be seen.
      const last = async () => JSON.stringify((await look()).checks['service:ledger'])
      const unchanged = await last()
      const untilMs = performance.now() + 1_500
      await until(
        'two intervals have passed',
        async () => {
          statuses.add((await look()).status)
          return performance.now()
        },
        (now) => now > untilMs,
      )
      t.same([...statuses], ['healthy'])
      t.match(JSON.parse(unchanged), {
        status: documented.get('one check of a service fails, and the next one does not')?.check,
      })
    })

    await flow.post('/v1/drain')
    const draining = await look()
    const expected = documented.get('the container drains')
    t.match(draining, {
      status: expected?.overall,
      code: expected?.code,
      checks: { flow: { status: expected?.check } },
    })
    t.equal(flow.records.filter(({ event }) => event === 'lifecycle.unexpected').length, 0)
    for (const line of timings) t.comment(line)
  },
)

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}
