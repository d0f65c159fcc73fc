// A real Prometheus scrapes a supervisor at work, in both formats: Prometheus asks for OpenMetrics by itself; a
// forwarder in between that changes what is asked for makes it take the plain text format.

import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { noPrometheus, startPrometheus } from '../../harness/prometheus.ts'
import { noNamespace, startSupervised } from '../../harness/supervised.ts'
import { until } from '../../harness/until.ts'

const skip = noPrometheus || noNamespace

const flow = ['sh', '-c', 'echo working; (true &); while :; do sleep 1; done']

t.test('R5.2 Prometheus scrapes it, as text and as OpenMetrics', { skip }, async (t) => {
  const supervised = await startSupervised(t, { command: flow })
  await supervised.record(({ to }) => to === 'running')
  const forwarders = {
    openmetrics: await startForwarder(t, supervised.port),
    text: await startForwarder(t, supervised.port, 'text/plain;version=0.0.4'),
  }
  const prometheus = await startPrometheus(t, [
    { job: 'openmetrics', port: forwarders.openmetrics.port },
    { job: 'text', port: forwarders.text.port },
  ])
  const query = async (expression: string): Promise<Record<string, number>> =>
    Object.fromEntries(
      (await prometheus.query(expression)).map(({ metric, value }) => [metric['job'], Number(value[1])]),
    )

  const up = await until(
    'both have been scraped',
    () => query('up'),
    (samples) => Object.values(samples).length === 2,
  )
  t.same(up, { openmetrics: 1, text: 1 })
  t.match(forwarders.openmetrics.contentTypes[0], /^application\/openmetrics-text; version=1\.0\.0/)
  t.match(forwarders.text.contentTypes[0], /^text\/plain; version=0\.0\.4/)
  for (const [series, value] of [
    ['flowkeep_state{state="running"}', 1],
    ['flowkeep_flow_running', 1],
    ['flowkeep_flow_starts_total', 1],
    ['flowkeep_log_lines_total{stream="stdout"}', 1],
    ['flowkeep_info * 0', 0],
  ] as const) {
    t.same(await query(series), { openmetrics: value, text: value }, series)
  }
  const samples = await query('scrape_samples_post_metric_relabeling')
  t.equal(samples['openmetrics'], samples['text'], 'the formats tell the same')
  t.ok((samples['text'] ?? 0) <= 500, 'R5.2 at most 500 series')
})

t.test('R5.2 promtool has nothing to say against what a supervisor serves', { skip }, async (t) => {
  const supervised = await startSupervised(t, { command: flow })
  await supervised.record(({ to }) => to === 'running')
  const { body } = await supervised.get('/metrics')
  const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
    input: body,
    encoding: 'utf8',
  })
  t.equal(`${stdout}${stderr}`, '')
  t.equal(status, 0)
})

/** Hands requests on to this port of loopback, asking for `accept` where it is given. */
async function startForwarder(
  t: TestContext,
  target: number,
  accept?: string,
): Promise<{ port: number; contentTypes: string[] }> {
  const contentTypes: string[] = []
  const server = createServer(async (request, response) => {
    const headers = { accept: accept ?? request.headers.accept ?? '' }
    const answer = await fetch(`http://127.0.0.1:${target}${request.url}`, { headers })
    const contentType = answer.headers.get('content-type') ?? ''
    contentTypes.push(contentType)
    response.writeHead(answer.status, { 'content-type': contentType }).end(await answer.text())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return { port: (server.address() as AddressInfo).port, contentTypes }
}

interface TestContext {
  teardown(fn: () => unknown): void
}
