// The monitoring of the fleet as it ships: every alert rule under promtool and in a real Prometheus, every query of the
// dashboard against a real supervisor at work, and a page for each alert.

import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import t from 'tap'
import { nodeFlags } from '../../../images/node-flags.ts'
import { alertCatalogue } from '../../../supervisor/alerts/catalogue.ts'
import { noAlertmanager } from '../../harness/alertmanager.ts'
import { checkout } from '../../harness/checkout.ts'
import { startPostgres } from '../../harness/postgres.ts'
import { noPrometheus, startPrometheus } from '../../harness/prometheus.ts'
import { noNamespace, type Supervised, startSupervised } from '../../harness/supervised.ts'
import { until } from '../../harness/until.ts'

const skip = noPrometheus || noNamespace
const monitoring = join(checkout, 'compose', 'monitoring')
const rulesFile = join(monitoring, 'prometheus', 'rules', 'flowkeep.yml')
const rulesTest = join(checkout, 'test', 'fixtures', 'prometheus', 'flowkeep.test.yml')
const dashboardText = readFileSync(join(monitoring, 'grafana', 'flowkeep.json'), 'utf8')
const pages = join(checkout, 'runbooks', 'alerts')
const program = new URL('../../../dist/flowkeep.cjs', import.meta.url).pathname

interface Panel {
  readonly title: string
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
  readonly targets?: readonly { readonly expr: string }[]
}

interface Rule {
  readonly type: string
  readonly name: string
  readonly query: string
  readonly health: string
  readonly lastError?: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
}

const panels = (JSON.parse(dashboardText) as { panels: Panel[] }).panels
/** Answered by nothing unless something goes wrong. */
const emptyWhenWell = [
  /flowkeep_security_findings/,
  /records_(?:failed|fenced)/,
  /memory_limit/,
  /cpu_throttled/,
]

t.test('R5.2 every alert rule fires when it should and not before, under promtool', { skip }, async (t) => {
  const { status, stdout, stderr } = spawnSync('promtool', ['test', 'rules', rulesTest], { encoding: 'utf8' })
  t.equal(status, 0, `${stdout}${stderr}`)
  const names = [...readFileSync(rulesFile, 'utf8').matchAll(/- alert: (\w+)/g)].map(([, name]) => name)
  t.ok(names.length > 20)
  const tested = readFileSync(rulesTest, 'utf8')
  for (const name of names) {
    t.match(
      tested,
      new RegExp(`alertname: ${name}\\n\\s+exp_alerts:\\n\\s+- exp_labels`),
      `${name} is seen firing`,
    )
    if (name !== 'FlowkeepWatchdog' && name !== 'FlowkeepSecurityFindings')
      t.match(tested, new RegExp(`alertname: ${name}, exp_alerts: \\[\\]`), `${name} is seen silent`)
  }
})

t.test('R5.2 the configurations of Alertmanager are sound', { skip: noAlertmanager }, async (t) => {
  const files = ['alertmanager.yml', 'alertmanager.example.yml'].map((name) => join(monitoring, name))
  const { status, stdout, stderr } = spawnSync('amtool', ['check-config', ...files], { encoding: 'utf8' })
  t.equal(status, 0, `${stdout}${stderr}`)
})

t.test(
  'R5.2 rules and dashboard in a real Prometheus that scrapes a real supervisor',
  { skip },
  async (t) => {
    const flow = await startWorkingFlow(t)
    const prometheus = await startPrometheus(
      t,
      [{ job: 'flowkeep', port: flow.port, labels: { flow: 'flow1' } }],
      [rulesFile],
    )
    await until(
      'it has been scraped for a while',
      () => prometheus.query('count_over_time(up{job="flowkeep"}[1m])'),
      ([sample]) => Number(sample?.value[1]) > 5,
    )

    await t.test('every rule is evaluated, and has its page', async (t) => {
      const { groups } = (await prometheus.api('rules')) as { groups: { rules: Rule[] }[] }
      const rules = groups.flatMap(({ rules }) => rules)
      const known: Record<string, { severity: string; title: string }> = alertCatalogue
      for (const { name, health, lastError, labels, annotations } of rules) {
        t.equal(health, 'ok', `${name}: ${lastError}`)
        t.equal(annotations['runbook'], `runbooks/alerts/${name}.md`)
        const page = readFileSync(join(pages, `${name}.md`), 'utf8')
        const same = known[name]
        t.ok(page.startsWith(`# \`${name}\`\n\n${same?.title ?? annotations['summary']}.\n`), name)
        t.match(page, `| Severity | ${labels['severity']} |\n`, name)
        if (same)
          t.strictSame([labels['severity'], annotations['summary']], [same.severity, same.title], name)
      }
      t.strictSame(
        readdirSync(pages).sort(),
        [...new Set([...rules.map(({ name }) => name), ...Object.keys(known)])]
          .map((name) => `${name}.md`)
          .sort(),
        'no page without an alert',
      )
      const firing = await prometheus.query('ALERTS{alertstate="firing"}')
      t.strictSame(
        firing.map(({ metric }) => metric['alertname']),
        ['FlowkeepWatchdog'],
        'a supervisor at work fires nothing',
      )
    })

    await t.test('every query of the dashboard is answered', async (t) => {
      const queries = panels.flatMap(({ title, targets = [] }) =>
        targets.map(({ expr }) => [title, expr] as const),
      )
      t.ok(queries.length > 30)
      for (const [title, expr] of queries) {
        const samples = await prometheus.query(
          expr.replaceAll('$__rate_interval', '30s').replace(/\$(?:job|flow|instance)\b/g, '.+'),
        )
        if (!emptyWhenWell.some((pattern) => pattern.test(expr)))
          t.ok(samples.length > 0, `${title}: ${expr}`)
      }
    })

    await t.test('every metric that rules, dashboard and runbooks name is one that there is', async (t) => {
      const { body } = await flow.get('/metrics')
      const existing = new Set([...body.matchAll(/^# TYPE (\w+) /gm)].map(([, name]) => name))
      const runbooks = readdirSync(join(checkout, 'runbooks'), { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.md'))
        .map((name) => readFileSync(join(checkout, 'runbooks', name), 'utf8'))
      for (const text of [dashboardText, readFileSync(rulesFile, 'utf8'), ...runbooks]) {
        for (const [name] of text.matchAll(/\bflowkeep_[a-z_]+[a-z]\b(?!-)/g)) t.ok(existing.has(name), name)
      }
    })
  },
)

t.test('R5.2 the dashboard is one that Grafana shows: panels do not cover each other', async (t) => {
  for (const [index, a] of panels.entries()) {
    t.ok(a.title !== '' && a.gridPos.x + a.gridPos.w <= 24, a.title)
    for (const b of panels.slice(index + 1)) {
      const apart =
        a.gridPos.x + a.gridPos.w <= b.gridPos.x ||
        b.gridPos.x + b.gridPos.w <= a.gridPos.x ||
        a.gridPos.y + a.gridPos.h <= b.gridPos.y ||
        b.gridPos.y + b.gridPos.h <= a.gridPos.y
      t.ok(apart, `${a.title} and ${b.title}`)
    }
  }
})

/** With a database, an operation applied, and records enqueued, claimed and completed. */
async function startWorkingFlow(t: Parameters<typeof startSupervised>[0]): Promise<Supervised> {
  const postgres = await startPostgres()
  t.teardown(() => postgres.stop('immediate'))
  const environment = { CONTAINER_DATABASE_FLOWS_URL: postgres.url() }
  const env = { CONTAINER_FLOW_NAME: 'x', ...environment }
  spawnSync(process.execPath, [...nodeFlags, program, 'migrate'], { env })
  const flow = await startSupervised(t, {
    command: ['sh', '-c', 'echo working; while :; do sleep 1; done'],
    environment: {
      ...environment,
      CONTAINER_FLOW_STUCK_AFTER: '1h',
      CONTAINER_ALERT_WEBHOOK_URL: 'http://127.0.0.1:9/',
      CONTAINER_DISK_LOW_PERCENT: '0',
    },
  })
  await flow.record(({ to }) => to === 'running')
  await ask(flow, '/v1/operations', { target: 'flows', sql: 'select 1' })
  await ask(flow, '/v1/records/enqueue', { queue: 'orders', records: [{ payload: 1 }, { payload: 2 }] })
  const { records } = (await ask(flow, '/v1/records/claim', {
    queue: 'orders',
    limit: 1,
    waitMs: 5_000,
  })) as {
    records: { id: string; epoch: string }[]
  }
  await ask(flow, `/v1/records/${records[0]?.id}/complete`, { epoch: records[0]?.epoch })
  await until(
    'the records are counted',
    () => flow.get('/metrics'),
    ({ body }) => /^flowkeep_records_pending\{/m.test(body),
  )
  return flow
}

function ask({ socketPath }: Supervised, path: string, body: object): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const call = request({
      socketPath,
      path,
      method: 'POST',
      headers: { 'content-type': 'application/json' },
    })
    call.once('error', reject)
    call.once('response', (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        text += chunk
      })
      response.on('end', () => {
        if ((response.statusCode ?? 0) < 300) resolve(JSON.parse(text))
        else reject(new Error(`${path}: ${response.statusCode} ${text}`))
      })
    })
    call.end(JSON.stringify(body))
  })
}
