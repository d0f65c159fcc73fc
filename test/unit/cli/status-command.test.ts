import { createServer } from 'node:http'
import t, { type Test } from 'tap'
import { age } from '../../../supervisor/cli/age.ts'
import { createControlClient } from '../../../supervisor/cli/control-client.ts'
import { renderStatus } from '../../../supervisor/cli/render-status.ts'
import { runStatusCommand } from '../../../supervisor/cli/status-command.ts'
import type { StatusReport } from '../../../supervisor/core/status.ts'
import { emptyStats, idleTarget } from '../../harness/fake-queue.ts'
import { shortDirectory } from '../../harness/short-directory.ts'
import { healthy } from '../http/public-fixture.ts'

const look = { color: false, width: 120 }
const status: StatusReport = {
  health: healthy,
  environment: 'production',
  startedAt: '2030-01-01T00:00:00.000Z',
  uptimeMs: 3_725_000,
  process: {
    pid: 7,
    ready: true,
    generation: 3,
    restarts: 2,
    startedAt: '2030-01-01T01:00:00.000Z',
    lastExit: { reason: 'flow_signaled', code: null, signal: 'SIGSEGV', at: '2030-01-01T00:59:59.000Z' },
  },
  resources: {
    memoryBytes: 83_886_080,
    memoryLimitBytes: 268_435_456,
    cpuSeconds: 2.5,
    cpuThrottledSeconds: null,
    oomKills: 0,
    pids: 17,
  },
  queue: null,
  records: null,
  alerts: null,
  log: { lines: 1234, dropped: 5 },
}

async function run(socketPath: string, json = false) {
  let out = ''
  let err = ''
  const exitCode = await runStatusCommand({
    ask: createControlClient(socketPath),
    json,
    look,
    write: (text) => {
      out += text
    },
    writeError: (text) => {
      err += text
    },
  })
  return { exitCode, out, err }
}

async function serve(t: Test, statusCode: number, body: string): Promise<string> {
  const path = `${shortDirectory(t)}/control.sock`
  const server = createServer((_request, response) => {
    response.writeHead(statusCode).end(body)
  })
  await new Promise<void>((resolve) => server.listen(path, resolve))
  t.teardown(() => server.close())
  return path
}

t.test('§3 the screen has everything a person asks first', async (t) => {
  t.equal(
    renderStatus(status, look),
    `flow        orders on orders-1 (production)
state       running, healthy
supervisor  1.2.3, up 1h 2m
process     pid 7, ready, since 2030-01-01T01:00:00.000Z (generation 3, restarts 2)
last exit   flow_signaled, SIGSEGV, at 2030-01-01T00:59:59.000Z

check            status   since                     took  message
───────────────  ───────  ────────────────────────  ────  ───────
database:rpa_db  healthy  2030-01-01T00:00:00.000Z  3 ms  ok

memory     80.0 MiB of 256.0 MiB
cpu        2.5 s used, – throttled
processes  17
OOM kills  0
log lines  1234 from the flow, 5 dropped
`,
  )
})

t.test('§3 §8 open alerts have their table, and whose they are and who does not know yet', async (t) => {
  const since = '2030-01-01T00:00:00.000Z'
  const own = { severity: 'critical', since, instance: null, untold: [] } as const
  const alerts: StatusReport['alerts'] = [
    { ...own, name: 'FlowkeepDependencyDown', target: 'database:rpa_db', description: 'refused' },
    {
      ...{ name: 'FlowkeepQueueFull', severity: 'warning', since, target: null, description: 'full\x1b[2J' },
      ...{ instance: 'orders-2', untold: ['webhook'] },
    },
  ]
  const screen = renderStatus({ ...status, alerts }, look)
  t.match(
    screen,
    `FlowkeepDependencyDown  critical  ${since}  database:rpa_db  refused
FlowkeepQueueFull       warning   ${since}  –                orders-2: full [2J (not told yet: webhook)
`,
  )
  t.notMatch(renderStatus({ ...status, alerts: [] }, look), /alert/, 'none, no table')
})

t.test('§3 records have their lines once there are any', async (t) => {
  const counts = {
    ...{ pending: 7, scheduled: 1, running: 3, failedKept: 2 },
    ...{ claimed: 12, completed: 9, failed: 1, fenced: 4 },
  }
  const records = {
    database: 'flows',
    state: 'ready',
    held: 3,
    ahead: 5,
    queues: { orders: counts },
  } as const
  t.match(
    renderStatus({ ...status, records }, look),
    /\nrecords {2}in flows, 3 held by the flow, 5 claimed ahead\n\nrecords of .*\n.*\norders +7 +1 +3 +2 +12 +9 +1 +4\n/,
  )
  const missing = { ...records, state: 'schema_missing', queues: {} } as const
  t.match(renderStatus({ ...status, records: missing }, look), /flowkeep migrate/)
})

t.test('§3 the queue has its lines once it is open', async (t) => {
  const targets = { rpa_db: { ...idleTarget, queued: 3, breaker: 'open' as const, reason: 'refused' } }
  const screen = renderStatus({ ...status, queue: { ...emptyStats, operations: 3, targets } }, look)
  t.match(
    screen,
    /\nqueue {2}3 of 1000000 operations, 0 B of 1 GiB\n\ntarget .*\n.*\nrpa_db +3 +0 +0 +– +open +refused\n/,
  )
})

t.test('§3 what is not known, and what tries to draw on the terminal', async (t) => {
  const screen = renderStatus(
    {
      ...status,
      health: {
        ...healthy,
        checks: { x: { status: 'degraded', message: 'a\u001b[31m\nb', since: '', durationMs: 0 } },
      },
      process: { ...status.process, pid: null, lastExit: null },
      resources: {
        ...status.resources,
        memoryBytes: null,
        memoryLimitBytes: null,
        pids: null,
        oomKills: null,
      },
    },
    look,
  )
  t.match(screen, 'process     none (generation 3, restarts 2)')
  t.match(screen, 'last exit   –')
  t.match(screen, 'memory     –, no limit')
  t.notMatch(screen, '\u001b')
  t.match(screen, 'a [31m b')
})

t.test('§3 ages in two units', async (t) => {
  const table: [number, string][] = [
    [0, '0s'],
    [999, '0s'],
    [59_000, '59s'],
    [60_000, '1m'],
    [3_725_000, '1h 2m'],
    [86_400_000, '1d'],
    [90_061_000, '1d 1h'],
  ]
  for (const [ms, text] of table) t.equal(age(ms), text)
})

t.test('§3 status over the socket, for a person and as JSON', async (t) => {
  const path = await serve(t, 200, JSON.stringify(status))
  t.match(await run(path), { exitCode: 0, out: /^flow {8}orders/, err: '' })
  t.strictSame(JSON.parse((await run(path, true)).out), status)
})

t.test('§3 when no supervisor answers it says so and what to do', async (t) => {
  const absent = await run(`${shortDirectory(t)}/control.sock`)
  t.equal(absent.exitCode, 69)
  t.equal(absent.out, '')
  t.match(absent.err, /there is no such socket[\s\S]*CONTAINER_CONTROL_SOCKET/)
  const json = JSON.parse((await run(`${shortDirectory(t)}/control.sock`, true)).err)
  t.match(json, { error: { code: 'supervisor_unreachable', message: /\w/, hint: /\w/ } })
  t.match(await run(await serve(t, 500, '{}')), { exitCode: 69, err: /HTTP status 500/ })
  t.match(await run(await serve(t, 200, 'no json')), { exitCode: 69 })
})
