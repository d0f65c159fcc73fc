// End to end: the stack from nothing, work for all three flows, a lost container, PostgreSQL and Prefect cut off, one
// flow on four containers, and down again. Every record is accounted for, on every side.

import { writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import t from 'tap'
import type { Container } from '../../compose/operate/project.ts'
import { pages } from '../../compose/stack/project.ts'
import { checkout } from '../harness/checkout.ts'
import { docker, execute } from '../harness/docker.ts'
import { buildImages } from '../harness/images.ts'
import { countRows, inputDirectory, malformedFiles, realFiles } from '../harness/input-directory.ts'
import { prefectRuns } from '../harness/prefect-runs.ts'
import { prepareStack, type Stack, up } from '../harness/stack.ts'
import { until } from '../harness/until.ts'
import { userList } from '../harness/user-list.ts'

await buildImages()

const replicas = 2
/** On a machine that does nothing else it takes a fraction of this. */
t.setTimeout(1_100_000)
const patience = { deadlineMs: 240_000, betweenMs: 1_000 }
const firstOrders = 400

t.test('R6.1 R8.2 R9.4 the whole stack, through faults, from nothing to nothing', async (t) => {
  const rowFiles = realFiles.filter((file) => /birdstrikes|stocks/.test(file))
  const listFiles = realFiles.filter((file) => /airports|seattle-weather\.csv|flights-airport/.test(file))
  const flow1Input = inputDirectory(t, [...rowFiles, ...malformedFiles])
  const flow2Input = inputDirectory(t, listFiles)
  const users = userList(1_500)
  writeFileSync(join(flow2Input, 'users.csv'), users.text, { mode: 0o644 })
  const stack = await prepareStack(t, { replicas, flow1Input, flow2Input, orders: firstOrders })
  const { query } = stack
  const counts = () =>
    query(
      'select (select count(*) from flow1.rows), (select count(*) from flow2.verdicts), (select count(*) from flow3.orders)',
    )
  const placed = () => query('select count(*) from flow3.orders').then(Number)
  let orders = firstOrders
  let lostInstance = ''
  /** More orders, of a seed of their own. */
  const order = async (seed: number, count: number) => {
    const [container] = await stack.running('flow3')
    const feed = ['python', '-m', 'flow3.feed', '--seed', String(seed), '--orders', String(count)]
    const { code, stdout, stderr } = await stack.exec(container as string, ...feed)
    if (code !== 0) throw new Error(`flow3.feed: exit code ${code}: ${stdout}${stderr}`)
    orders += count
  }

  await t.test('R6.1 it comes up in order, and everything in it is healthy', async (t) => {
    await stack.compose(...up)
    const isMigration = ({ service }: Container) => service === 'migrate'
    t.match((await stack.containers()).filter(isMigration), [{ state: 'exited', exitCode: 0 }])
    await until(
      'everything is healthy at one time',
      async () => (await stack.containers()).filter((container) => !isMigration(container)),
      (containers) => containers.every(({ health }) => health === 'healthy'),
      patience,
    )
    t.equal((await stack.running()).length, 3 * replicas)
    for (const { service, port, path } of pages) {
      t.equal(
        (await fetch(`${await stack.address(service, port)}${path}`)).status,
        200,
        `the page of ${service}`,
      )
    }
    await until(
      'all three flows work',
      counts,
      (answer) => answer.split('|').every((count) => Number(count) > 0),
      patience,
    )
  })

  await t.test('R7.1 its containers are as closed as host security wants them', async (t) => {
    const running = (await stack.containers()).filter(({ state }) => state === 'running')
    const names = running.map(({ name }) => name)
    const command = [`${checkout}/compose/cli.ts`, 'security', '--json', '--fail-on', 'low']
    const { code, stdout, stderr } = await execute(process.execPath, [...command, '--container', ...names])
    t.equal(code, 0, stderr)
    const { findings } = JSON.parse(stdout) as { findings: { subject: string; id: string; status: string }[] }
    t.equal(new Set(findings.map(({ subject }) => subject)).size, names.length)
    t.same(
      findings.filter(({ status }) => status === 'unknown'),
      [],
    )
  })

  await t.test('R8.3 a container is lost; what it held is done by others', async (t) => {
    await order(2, 200)
    const [lost] = await stack.running('flow3')
    lostInstance = (await docker(['inspect', '--format', '{{.Config.Hostname}}', lost as string])).trim()
    await docker(['kill', lost as string])
    t.notOk((await stack.running()).includes(lost as string))
    await until('the other one places every order', placed, (count) => count === orders, patience)
  })

  await t.test('R3.1 PostgreSQL is cut off: degraded, in service, and back by itself', async (t) => {
    const heal = await stack.cutOff('postgres', 'database')
    await eachFlowSees(stack, 'database:flows', 'unhealthy')
    t.equal(await statusThroughHaproxy(stack, '/flow1/readyz'), 200, 'it stays in service')
    const [flow1] = await stack.running('flow1')
    t.equal(await reload(stack, flow1 as string), 503, 'it keeps the settings that it has')
    await until(
      'Alertmanager has it from the container itself',
      () => alerts(stack),
      (names) => names.includes('FlowkeepConfigurationRefused'),
      patience,
    )
    await heal()
    await eachFlowSees(stack, 'database:flows', 'healthy')
    t.equal(await reload(stack, flow1 as string), 200)
  })

  await t.test(
    'R3.4 Prefect is cut off: the flows work on, and their runs are there afterwards',
    async (t) => {
      const heal = await stack.cutOff('prefect', 'prefect')
      await eachFlowSees(stack, 'service:prefect', 'unhealthy')
      await order(3, 100)
      await until('orders are placed without Prefect', placed, (count) => count === orders, patience)
      t.equal(await statusThroughHaproxy(stack, '/flow3/readyz'), 200)
      await heal()
      await eachFlowSees(stack, 'service:prefect', 'healthy')
    },
  )

  await t.test('R8.1 one flow goes on in four containers, found by HAProxy and Prometheus', async (t) => {
    await stack.compose(...up, '--no-recreate', '--scale', 'flow3=4')
    t.equal((await stack.running('flow3')).length, 4)
    await until(
      'Prometheus scrapes all four',
      () => prometheus(stack, 'sum(up{job="flowkeep",flow="flow3"})'),
      (answer) => answer === 4,
      patience,
    )
    await until(
      'HAProxy has all four in service',
      async () =>
        (await fetchText(stack, 'haproxy', 8080, '/stats;csv')).match(/^flow3,flow3-\d+,.*,UP,/gm)?.length,
      (count) => count === 4,
      patience,
    )
    await order(4, 200)
    await until('every order is placed', placed, (count) => count === orders, patience)
  })

  const waiting = 'select count(*) from flowkeep.processing_queue'
  await until(
    'no record waits',
    () => query(waiting),
    (answer) => answer === '0',
    patience,
  )

  await t.test('R9.4 every record is accounted for, and none twice', async (t) => {
    const history = await query(
      'select queue, outcome, count(*), count(distinct id) from flowkeep.record_history group by queue, outcome order by queue',
    )
    const rows = history.split('\n').map((row) => row.split('|'))
    t.same(
      rows.map(([queue, outcome]) => `${queue} ${outcome}`),
      ['flow1 completed', 'flow2 completed', 'flow3 completed'],
    )
    for (const [queue, , records, distinct] of rows) t.equal(records, distinct, `${queue}: each ended once`)
    const expected = [
      'select count(*) + sum(parts) from flow1.files',
      'select count(*) + sum(parts) from flow2.lists',
      'select count(*) from flow3.orders',
    ]
    for (const [index, sql] of expected.entries())
      t.equal(rows[index]?.[2], await query(sql), `${sql}: one effect for each`)

    t.same(
      (await query('select file, count(*) from flow1.rows group by file')).split('\n').sort(),
      [
        ...rowFiles.map((file) => `${basename(file)}|${countRows(file)}`),
        'broken-quotes.csv|3',
        'not-text.csv|1',
        'wrong-fields.csv|2',
      ].sort(),
    )
    t.equal(await query('select count(*) from flow1.rejects'), '9')
    t.same(
      (await query('select file, verdict, count(*) from flow2.verdicts group by 1, 2')).split('\n').sort(),
      [
        ...listFiles.map(
          (file) =>
            `${basename(file)}|${basename(file) === 'flights-airport.csv' ? 'unchecked' : 'valid'}|${countRows(file)}`,
        ),
        `users.csv|valid|${users.valid}`,
        `users.csv|invalid|${users.invalid}`,
      ].sort(),
    )
    t.equal(
      await query(
        "select count(*) from flow2.verdicts where verdict <> 'valid' and cardinality(reasons) = 0",
      ),
      '0',
      'R9.4 with its reason',
    )
  })

  await t.test('R9.4 the totals and the inventory are those of the orders', async (t) => {
    const script = [
      'import json, sys',
      'from flow3.effects import effects_of',
      'from flow3.orders import orders',
      'from flow3.schema import PLACE',
      'from decimal import Decimal',
      'sound = [p for s, n in json.loads(sys.argv[1]) for o in orders(s, n) for sql, p in effects_of(o["number"], o, "") if sql == PLACE]',
      'sound = [p for p in sound if "A-9999" not in p[2]]',
      'print(len(sound), sum(Decimal(p[1]) for p in sound), sum(sum(p[2].values()) for p in sound), sep="|")',
    ].join('\n')
    const [container] = await stack.running('flow3')
    const seeds = JSON.stringify([
      [1, firstOrders],
      [2, 200],
      [3, 100],
      [4, 200],
    ])
    const { stdout } = await stack.exec(container as string, 'python', '-c', script, seeds)
    t.equal(
      await query("select count(*), sum(total), sum(pieces) from flow3.orders where verdict = 'accepted'"),
      stdout.trim(),
    )
    t.equal(await query('select sum(delivered - on_hand) from flow3.inventory'), stdout.trim().split('|')[2])
  })

  await t.test('R8.5 Prefect has every run once, and none is left running', async (t) => {
    await eachFlowQueued(stack, 0)
    const sql = ['flow1.parts', 'flow1.files', 'flow2.parts', 'flow2.lists', 'flow3.orders'].map(
      (table) => `select run from ${table}`,
    )
    const told = (await query(sql.join(' union '))).split('\n')
    const ended = new Set(['COMPLETED', 'CRASHED', 'FAILED'])
    const runs = await until(
      'every run has ended',
      () => prefectRuns(stack),
      (found) => found.every(({ state }) => ended.has(state)),
      patience,
    )
    const names = runs.map(({ name }) => name)
    t.equal(new Set(names).size, names.length, 'no run is there twice')
    t.same(
      told.filter((run) => !names.includes(run)),
      [],
      'whatever is stored, its run is there',
    )
    const lost = runs.filter(({ run, state }) => run.includes(lostInstance) && state !== 'COMPLETED')
    t.ok(lost.length <= 1, 'the container that was lost left one at most')
  })

  await t.test('R6.4 what Prometheus says is what the database says', async (t) => {
    for (const flow of ['flow1', 'flow2']) {
      const completed = Number(
        await query(`select count(*) from flowkeep.record_history where queue = '${flow}'`),
      )
      const scraped = await until(
        `all that ${flow} completed is scraped`,
        () => prometheus(stack, `sum(flowkeep_records_completed_total{queue="${flow}",flow="${flow}"})`),
        (answer) => answer === completed,
        patience,
      )
      t.equal(scraped, completed, `${flow}: as many as in the database`)
    }
    for (const gauge of ['records_pending', 'operations_queued', 'operations_dead']) {
      await until(
        `nothing is left in ${gauge}`,
        () => prometheus(stack, `sum(flowkeep_${gauge})`),
        (answer) => answer === 0,
        patience,
      )
    }
  })

  await t.test('R8.5 what was alerted is over', () =>
    until(
      'Alertmanager does not show it any more',
      () => alerts(stack),
      (names) => !names.includes('FlowkeepConfigurationRefused'),
      patience,
    ),
  )

  await t.test(
    'R6.3 R2.7 it stops in order: each flow says why it ended, and every line of its log is JSON',
    async (t) => {
      const containers = (await stack.containers()).filter(({ service }) => /^flow\d$/.test(service))
      await stack.compose('stop')
      for (const { name } of containers) {
        const lines = (await execute('docker', ['logs', name])).stdout.trimEnd().split('\n')
        const garbled = lines.filter((line) => !isObject(line))
        t.same(garbled, [], name)
        t.match(JSON.parse(lines.at(-1) ?? 'null'), { event: 'exit', reason: 'stopped', code: 0 }, name)
      }
    },
  )

  await t.test('R6.1 nothing of it is left', async (t) => {
    await stack.compose('down', '--volumes')
    const filter = ['--filter', `label=com.docker.compose.project=${stack.project}`, '--quiet']
    t.equal(await docker(['container', 'ls', '--all', ...filter]), '')
    t.equal(await docker(['network', 'ls', ...filter]), '')
    t.equal(await docker(['volume', 'ls', ...filter]), '')
  })
})

async function eachFlowSees(stack: Stack, check: string, status: string): Promise<void> {
  for (const container of await stack.running()) {
    await until(
      `${container} finds ${check} ${status}`,
      async () => {
        const { stdout } = await stack.exec(container, 'flowkeep', 'health', '--json')
        return JSON.parse(stdout).report?.checks?.[check]?.status
      },
      (found) => found === status || (status === 'unhealthy' && found === 'degraded'),
      patience,
    )
  }
}

async function eachFlowQueued(stack: Stack, expected: number): Promise<void> {
  for (const container of await stack.running()) {
    await until(
      `${container} has ${expected} operations in its queue`,
      async () => JSON.parse((await stack.exec(container, 'flowkeep', 'queue', 'stats', '--json')).stdout),
      ({ operations }) => operations === expected,
      patience,
    )
  }
}

/** Asks the supervisor of a container to read its settings anew.  @returns the status of its answer */
async function reload(stack: Stack, container: string): Promise<number> {
  const script =
    "require('node:http').request({ socketPath: '/run/flowkeep/control.sock', method: 'POST', path: '/v1/reload' }, (answer) => { console.log(answer.statusCode); answer.resume() }).end()"
  const { stdout } = await stack.exec(container, '/opt/flowkeep/bin/node', '-e', script)
  return Number(stdout)
}

/** Names of what is alerted now. */
async function alerts(stack: Stack): Promise<string[]> {
  const found = JSON.parse(await fetchText(stack, 'alertmanager', 9093, '/api/v2/alerts?active=true')) as {
    labels: { alertname: string }
  }[]
  return found.map(({ labels }) => labels.alertname)
}

async function fetchText(stack: Stack, service: string, port: number, path: string): Promise<string> {
  const response = await fetch(`${await stack.address(service, port)}${path}`)
  return response.text()
}

async function statusThroughHaproxy(stack: Stack, path: string): Promise<number> {
  return (await fetch(`${await stack.address('haproxy', 8080)}${path}`)).status
}

/** The one number that a query comes to; undefined without a sample. */
async function prometheus(stack: Stack, query: string): Promise<number | undefined> {
  const text = await fetchText(stack, 'prometheus', 9090, `/api/v1/query?query=${encodeURIComponent(query)}`)
  const value = JSON.parse(text).data?.result?.[0]?.value?.[1]
  return value === undefined ? undefined : Number(value)
}

function isObject(line: string): boolean {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
  } catch {
    return false
  }
}
