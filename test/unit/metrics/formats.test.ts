import t from 'tap'
import { wantsOpenMetrics } from '../../../supervisor/metrics/accept.ts'
import { createLabelGuard } from '../../../supervisor/metrics/label-guard.ts'
import { toOpenMetrics } from '../../../supervisor/metrics/open-metrics.ts'
import { createFilledMetrics, samplesOf } from './metrics-fixture.ts'

t.test('R5.2 OpenMetrics is for who asks for it', async (t) => {
  const table: [string | undefined, boolean][] = [
    [undefined, false],
    ['*/*', false],
    ['text/plain', false],
    ['application/openmetrics-text', true],
    ['application/openmetrics-text; version=1.0.0; charset=utf-8', true],
    ['application/openmetrics-text; version=0.0.1', false],
    ['application/openmetrics-text;q=0', false],
    ['application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.9', false],
    // Prometheus 2 and 3
    [
      'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1',
      true,
    ],
    [
      'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2',
      true,
    ],
    [`${'application/openmetrics-text;q=x,'.repeat(200)}text/html`, false],
  ]
  for (const [accept, expected] of table)
    t.equal(wantsOpenMetrics(accept), expected, accept?.slice(0, 80) ?? 'none')
})

t.test('R5.2 a scrape in one format leaves the other as it was', async (t) => {
  const { metrics } = createFilledMetrics()
  const plain = async () => (await metrics.render(undefined)).body.match(/^# TYPE .*$/gm)
  const before = await plain()
  const { contentType, body } = await metrics.render('application/openmetrics-text')
  t.equal(contentType, 'application/openmetrics-text; version=1.0.0; charset=utf-8')
  t.match(body, /\n# TYPE flowkeep_flow_starts counter\nflowkeep_flow_starts_total 2\n/)
  t.ok(body.endsWith('\n# EOF\n'))
  t.notMatch(body, '\n\n')
  t.strictSame(await plain(), before)
  t.equal(samplesOf(body).get('flowkeep_flow_starts_total'), 2)
})

t.test('R5.2 the text becomes OpenMetrics line by line', async (t) => {
  const text = [
    '# HELP a_total Says "a".',
    '# TYPE a_total counter',
    'a_total{x="# TYPE b counter"} 1',
    '',
    '# HELP b_total_bytes B.',
    '# TYPE b_total_bytes gauge',
    'b_total_bytes 2',
    '',
  ].join('\n')
  t.strictSame(toOpenMetrics(text).split('\n'), [
    '# HELP a Says \\"a\\".',
    '# TYPE a counter',
    'a_total{x="# TYPE b counter"} 1',
    '# HELP b_total_bytes B.',
    '# TYPE b_total_bytes gauge',
    'b_total_bytes 2',
    '# EOF',
    '',
  ])
})

t.test('§10 the first values of a label are kept, the rest is one', async (t) => {
  const guard = createLabelGuard(2)
  t.strictSame(['a', 'b', 'c', 'a', '__proto__'].map(guard), ['a', 'b', 'other', 'a', 'other'])
})
