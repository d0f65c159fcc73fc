// Each rule of the benchmark's section 4 passes one image that keeps it, and finds one that breaks it.

import t from 'tap'
import { judgeDockerfile } from '../../../compose/scan/dockerfile-rules.ts'
import { workloadsOf } from '../../../compose/security/from-compose.ts'
import { type ImageSubject, imageRules } from '../../../compose/security/image-rules.ts'
import { dockerfileFromHistory } from '../../../compose/security/look-at-images.ts'
import { judge } from '../../../compose/security/verdict.ts'
import { engine, imageFacts, projectOf } from './good.ts'

const good: ImageSubject = {
  name: 'example:1',
  view: { config: { User: '10001:10001' } },
  createdAt: '2026-01-01T00:00:00Z',
  isStandIn: false,
  found: new Map(),
  dockerfile: { bases: [{ name: 'debian:trixie@sha256:1', isStandIn: false }] },
  services: [],
  now: '2026-03-01T00:00:00Z',
}

function complaints(changes: Partial<ImageSubject>): string[] {
  return imageRules.flatMap((rule) => {
    const { status } = judge(rule, { ...good, ...changes })
    return status === 'pass' ? [] : [`${rule.id} ${status}`]
  })
}

const finds = (id: string) => ({ found: new Map([[id, 'something']]) })
const on = (name: string, isStandIn = false) => ({ dockerfile: { bases: [{ name, isStandIn }] } })
const servicesWith = (changes: Parameters<typeof projectOf>[0]) =>
  workloadsOf(
    projectOf(changes),
    engine,
    new Map([['example:1', { ...imageFacts, hasHealthCheck: false }]]),
    new Map(),
  )

t.test('R7.5 an image that keeps the benchmark passes every rule', async (t) => {
  t.same(complaints({}), [])
})

t.test('R7.5 each rule finds what breaks it', async (t) => {
  const cases: readonly [string, Partial<ImageSubject>][] = [
    ['CIS-4.1 fail', { view: { config: {} } }],
    ['CIS-4.1 fail', { view: { config: { User: 'app' } } }],
    ['CIS-4.2 fail', on('debian')],
    ['CIS-4.2 fail', on('registry:5000/debian:latest')],
    ['CIS-4.2 warn', on('debian:trixie-slim')],
    ['CIS-4.2 unknown', on('debian:trixie-slim', true)],
    ['CIS-4.3 fail', finds('I12')],
    ['CIS-4.3 warn', finds('D04')],
    ['CIS-4.4 fail', { createdAt: '2025-11-30T00:00:00Z' }],
    ['CIS-4.4 unknown', { createdAt: '1970-01-01T00:00:00Z' }],
    ['CIS-4.6 fail', finds('I05')],
    ['CIS-4.7 fail', finds('D05')],
    ['CIS-4.8 fail', finds('I06')],
    ['CIS-4.9 fail', finds('D06')],
    ['CIS-4.10 fail', finds('I02')],
    ['CIS-4.10 fail', finds('I03')],
    ['CIS-4.10 fail', finds('I04')],
    ['CIS-4.10 fail', finds('D03')],
    ['CIS-4.11 fail', finds('D02')],
  ]
  for (const [expected, changes] of cases) t.same(complaints(changes), [expected], expected)
  const failing = new Set(cases.flatMap(([line]) => (line.endsWith(' fail') ? [line.split(' ')[0]] : [])))
  t.same(
    imageRules.map(({ id }) => id).filter((id) => !failing.has(id)),
    [],
    'a failing image for every rule',
  )
})

t.test('R7.5 what an image lacks may be made good where it is used, if it is everywhere', async (t) => {
  const root = { view: { config: { User: '' } } }
  t.same(complaints({ ...root, services: servicesWith({ user: '999:999' }) }), [])
  t.same(complaints({ ...root, services: servicesWith({ user: '0' }) }), ['CIS-4.1 fail'])
  const mixed = [...servicesWith({ user: '999' }), ...servicesWith({ user: 'root' })]
  t.same(complaints({ ...root, services: mixed }), ['CIS-4.1 fail'])
  const checked = servicesWith({ healthcheck: { test: ['CMD', 'true'] } })
  t.same(complaints({ ...finds('I05'), services: checked }), [])
  t.same(complaints({ ...finds('I05'), services: [...checked, ...servicesWith({})] }), ['CIS-4.6 fail'])
})

t.test(
  'R7.5 an image that is not here is unknown; one without its Dockerfile is judged by its history',
  async (t) => {
    t.same(
      complaints({ view: undefined }),
      imageRules.map(({ id }) => `${id} unknown`),
    )
    const foreign = { name: 'postgres:17', dockerfile: undefined }
    t.same(complaints(foreign), ['CIS-4.2 warn', 'CIS-4.7 unknown', 'CIS-4.9 unknown', 'CIS-4.11 unknown'])
    t.same(complaints({ ...foreign, name: 'postgres@sha256:1', ...finds('D05') }).slice(0, 1), [
      'CIS-4.7 fail',
    ])
    const history = [
      'ADD rootfs.tar / # buildkit',
      'RUN |1 A=b /bin/sh -c apt-get update # buildkit',
      '|1 KEY=hunter2 /bin/sh -c apk update # buildkit',
      '/bin/sh -c #(nop) ADD file:1 in /x',
      '/bin/sh -c curl https://example.org | sh',
      'ENV A=b',
    ]
    const found = judgeDockerfile(`FROM x:1\n${dockerfileFromHistory(history)}`, [])
    t.same(
      found.flatMap(({ rule, found }) => (found === undefined ? [] : [`${rule.id} ${found}`])),
      ['D02 curl https://example.org | sh', 'D05 apt-get update, apk update', 'D06 ADD file:1 in /x'],
    )
  },
)
