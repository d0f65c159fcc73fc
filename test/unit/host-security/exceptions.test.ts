import t from 'tap'
import { acceptByFlags, exceptionsIn, parseAcceptFlags } from '../../../compose/security/exceptions.ts'
import type { Finding } from '../../../compose/security/finding.ts'
import { workloadsOf } from '../../../compose/security/from-compose.ts'
import { workloadOf } from '../../../compose/security/from-inspect.ts'
import { findingsOf } from '../../../compose/security/look.ts'
import { countsOf, failuresOf, renderReport } from '../../../compose/security/report.ts'
import { toSarif } from '../../../compose/security/sarif.ts'
import type { Workload } from '../../../compose/security/workload.ts'
import { containerOf, engine, imageFacts, projectOf } from './good.ts'

const label = (id: string) => `org.flowkeep.security.accept.${id}`
const images = new Map([['example:1', imageFacts]])
const subject = { section: 'services', subject: 'app', services: ['app'], file: 'compose.yaml' } as const

function findingsFor(labels: Record<string, string>, restart = 'unless-stopped'): Finding[] {
  const workload = workloadsOf(projectOf({ restart, labels }), engine, images, new Map())[0] as Workload
  return findingsOf(workload, subject)
}

const byId = (findings: readonly Finding[], id: string) => findings.find((finding) => finding.id === id)

t.test('R7.1 an exception counts with a reason only, and is shown with it', async (t) => {
  const accepted = findingsFor({ [label('CIS-5.15')]: 'it has to come back' })
  t.equal(byId(accepted, 'CIS-5.15')?.accepted, 'it has to come back')
  t.equal(byId(accepted, 'FK-exceptions')?.status, 'pass')
  t.same(failuresOf(accepted, 'low'), [])
  const options = { failOn: 'low', verbose: false, sarif: undefined } as const
  const text = renderReport(accepted, options, { color: false, width: 160 })
  t.match(text, /accepted {2}CIS-5.15 .*\n {4}app: unless-stopped .*\n {4}accepted: it has to come back/)
  t.match(text.split('\n').at(-1), /No failure of severity low or worse\. In all 0 failed, .* 1 accepted/)
  const silent = findingsFor({ [label('CIS-5.15')]: ' ' })
  t.same(
    failuresOf(silent, 'low')
      .map(({ id }) => id)
      .sort(),
    ['CIS-5.15', 'FK-exceptions'],
  )
})

t.test('R7.1 an exception that names no rule, or excuses nothing, is a finding itself', async (t) => {
  t.match(byId(findingsFor({ [label('CIS-5.99')]: 'why' }), 'FK-exceptions'), {
    status: 'fail',
    found: /CIS-5.99/,
  })
  t.match(byId(findingsFor({ [label('CIS-5.15')]: 'why' }, 'no'), 'FK-exceptions'), { status: 'warn' })
  t.match(byId(findingsFor({ [label('CIS-4.6')]: 'why' }, 'no'), 'FK-exceptions'), { status: 'pass' })
})

t.test('R7.1 an image excuses no container that is made of it', async (t) => {
  const labels = { ...imageFacts.labels, [label('PSS-non-root')]: 'trust me' }
  const facts = { ...imageFacts, labels }
  const container = containerOf({}, { Config: { ...containerOf({}).Config, User: '', Labels: labels } })
  const around = { engine, processes: new Map(), volumes: new Map() }
  const workload = workloadOf(container, { ...around, images: new Map([['sha256:1', facts]]) })
  t.same(exceptionsIn(workload.labels).size, 0)
  const unread = workloadOf(container, { ...around, images: new Map() })
  t.same(exceptionsIn(unread.labels).size, 0, 'nor does one that cannot be looked at')
})

t.test('R7.1 a flag accepts for all or for one, and nothing that is not there', async (t) => {
  const ids = new Set(['CIS-5.15', 'CIS-5.11'])
  const found = findingsFor({})
  const flags = parseAcceptFlags(['CIS-5.15=app'], ids)
  t.match(byId(acceptByFlags(found, flags), 'CIS-5.15')?.accepted, /--accept/)
  t.match(byId(acceptByFlags(found, parseAcceptFlags(['CIS-5.15'], ids)), 'CIS-5.15')?.accepted, /--accept/)
  t.equal(byId(acceptByFlags(found, parseAcceptFlags(['CIS-5.11'], ids)), 'CIS-5.11')?.accepted, undefined)
  t.throws(() => parseAcceptFlags(['CIS-9'], ids), { code: 'usage', message: /CIS-9/, hint: /CIS-5.15/ })
  t.throws(() => acceptByFlags(found, parseAcceptFlags(['CIS-5.15=other'], ids)), {
    code: 'usage',
    hint: /app/,
  })
})

t.test('R7.1 counts and SARIF tell the same', async (t) => {
  const found = findingsFor({ [label('CIS-5.15')]: 'it has to come back' })
  t.match(countsOf(found), { fail: 0, accepted: 1, unknown: 0 })
  const [run] = (toSarif(found, '1.0.0', '2026-01-01T00:00:00Z') as { runs: { results: object[] }[] }).runs
  t.equal(run?.results.length, found.length)
  t.match(
    run?.results.find((result) => (result as { ruleId: string }).ruleId === 'CIS-5.15'),
    {
      kind: 'fail',
      level: 'warning',
      suppressions: [{ justification: 'it has to come back' }],
      locations: [{ physicalLocation: { artifactLocation: { uri: 'compose.yaml' } } }],
    },
  )
})
