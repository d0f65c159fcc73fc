import t from 'tap'
import { judgeDockerfile } from '../../../compose/scan/dockerfile-rules.ts'
import { imageRules, judge } from '../../../compose/scan/image-rules.ts'
import type { ImageConfig, ImageFile, ImageView } from '../../../compose/scan/image-view.ts'
import { findingsOf, isInstalled } from '../../../compose/scan/installed-scanners.ts'
import { runOf, scanImage } from '../../../compose/scan/own-scanners.ts'
import { debianFindings, npmFindings } from '../../../compose/scan/package-scanners.ts'
import { sarifLog } from '../../../supervisor/core/sarif.ts'

const labels = Object.fromEntries(
  ['title', 'description', 'version', 'licenses', 'base.name'].map((name) => [
    `org.opencontainers.image.${name}`,
    'x',
  ]),
)
const good: ImageConfig = {
  User: '10001:10001',
  Env: ['PATH=/usr/bin', 'PYTHON_SHA256=cafecafecafecafecafecafecafecafe', 'CONTAINER_FLOW_NAME=flow1'],
  Entrypoint: ['flowkeep', 'run', '--'],
  Healthcheck: { Test: ['CMD', 'flowkeep', 'health'] },
  Labels: labels,
  ExposedPorts: { '8088/tcp': {} },
  Volumes: { '/run': {} },
}
const file = (path: string, mode = 0o644, text?: string): ImageFile => ({
  path,
  kind: 'file',
  mode,
  uid: 0,
  size: text?.length ?? 10,
  ...(text !== undefined && { head: Buffer.from(text) }),
})
const folder = (path: string, mode: number): ImageFile => ({ path, kind: 'folder', mode, uid: 0, size: 0 })

function view(config: Partial<ImageConfig>, layers: ImageFile[][] = [], history: string[] = []): ImageView {
  const base = [file('opt/flowkeep/flowkeep.cjs'), folder('tmp', 0o1777), folder('run/x', 0o777)]
  return {
    name: 'image:1',
    config: { ...good, ...config },
    history: ['RUN --mount=type=secret,id=npmrc npm ci', 'ENV KEY_PATH=/x', ...history],
    layers: [base, ...layers].map((files) => new Map(files.map((each) => [each.path, each]))),
  }
}

const found = (image: ImageView) =>
  judge(image).flatMap(({ rule, found }) => (found === undefined ? [] : [rule.id]))

t.test('R7.5 an image that keeps the rules passes all of them', async (t) => {
  t.same(found(view({})), [])
})

t.test('R7.5 each rule finds what it is for, and only that', async (t) => {
  const key = '-----BEGIN OPENSSH PRIVATE KEY-----\nx'
  const cases: [string, ImageView][] = [
    ['I01', view({ User: '' })],
    ['I01', view({ User: '0:10001' })],
    ['I01', view({ User: 'flow' })],
    ['I02', view({ Env: ['DB_PASSWORD=hunter2!'] })],
    ['I02', view({ Env: ['DB=postgres://a:b@c/d'] })],
    ['I03', view({}, [], ['|1 NPM_TOKEN=abcdef /bin/sh -c npm ci'])],
    ['I03', view({}, [], ['RUN curl https://me:secret@host/x'])],
    ['I04', view({}, [[file('root/a.pem', 0o600, key)], [file('root/.wh.a.pem')]])],
    ['I04', view({}, [[file('root/.npmrc', 0o600, '//host/:_authToken=abc')]])],
    ['I05', view({ Healthcheck: { Test: ['NONE'] } })],
    ['I06', view({}, [[file('usr/bin/su', 0o4755)]])],
    ['I07', view({}, [[file('etc/open', 0o666)]])],
    ['I08', view({ Labels: { ...labels, 'org.opencontainers.image.licenses': '' } })],
    ['I09', view({}, [[file('var/cache/apt/archives/x.deb')]])],
    ['I10', view({ ExposedPorts: { '80/tcp': {} } })],
    ['I11', view({ Entrypoint: ['sh', '-c'] })],
    ['I12', view({}, [[file('usr/sbin/sshd', 0o755)]])],
    ['I12', view({}, [[file('usr/bin/x86_64-linux-gnu-gcc-14', 0o755)]])],
  ]
  for (const [id, image] of cases) t.same(found(image), [id])
  t.same(
    [...new Set(cases.map(([id]) => id))],
    imageRules.map(({ id }) => id),
  )
  t.same(
    found(view({}, [[file('usr/bin/su', 0o4755)], [file('usr/bin/.wh.su')]])),
    [],
    'what is hidden is not run',
  )
  t.same(found(view({}, [[file('ca.pem', 0o644, '-----BEGIN CERTIFICATE-----')]])), [])
})

t.test('R7.5 no finding shows the value of a secret', async (t) => {
  const image = view({ Env: ['DB_PASSWORD=hunter2!'] }, [], ['|1 NPM_TOKEN=hunter2! sh'])
  t.notMatch(JSON.stringify(judge(image)), 'hunter2')
})

t.test('R7.5 rules for a Dockerfile', async (t) => {
  const ids = (text: string) =>
    judgeDockerfile(text, ['base']).flatMap(({ rule, found }) => (found === undefined ? [] : [rule.id]))
  t.same(
    ids(
      'ARG V=3\nFROM python:$V AS x\nFROM base\nCOPY --from=x / /\nRUN apt-get install -y --no-install-recommends a',
    ),
    [],
  )
  t.same(ids('FROM python'), ['D01'])
  t.same(ids('FROM a/python:latest'), ['D01'])
  t.same(ids('FROM scratch\nCOPY --from=tool / /'), ['D01'])
  t.same(ids('FROM a:1\nADD https://example.org/x /'), ['D02', 'D06'])
  t.same(ids('FROM a:1\nADD --checksum=sha256:1 https://example.org/x /'), [])
  t.same(ids('FROM a:1\nRUN curl -s https://example.org | sh'), ['D02'])
  t.same(ids('FROM a:1\nARG NPM_TOKEN'), ['D03'])
  t.same(ids('FROM a:1\nRUN apt-get update && apt-get install -y a'), ['D04'])
  t.same(ids('FROM a:1\nRUN apt-get update -qq\nRUN apt-get install --no-install-recommends a'), ['D05'])
  t.same(ids('FROM a:1\nADD files /files'), ['D06'])
  const unchecked = [
    'apt-get install --no-install-recommends --allow-unauthenticated a',
    'echo "deb [arch=amd64 trusted=yes] http://example.org x main" > /etc/apt/sources.list',
    'pip install --trusted-host example.org a',
    'curl -fsSk https://example.org/x > x',
    'wget --no-check-certificate https://example.org/x',
    'npm config set strict-ssl false',
  ]
  for (const command of unchecked) t.same(ids(`FROM a:1\nRUN ${command}`), ['D02'], command)
  const secrets = [
    'ADD https://me:hunter2@example.org/x /',
    'RUN curl https://me:hunter2@example.org | sh',
    'RUN curl -H "Authorization: Bearer hunter2" https://example.org?token=hunter2 | sh',
    'RUN TOKEN=hunter2 apt-get install a',
  ]
  for (const line of secrets) {
    const said = JSON.stringify(judgeDockerfile(`FROM a:1\n${line}`, []).map(({ found }) => found))
    t.notMatch(said, 'hunter2', line)
    t.match(said, '…')
  }
  t.same(ids('FROM a:1\nRUN curl -fsSL -o k https://example.org/k && sha256sum --check k.sum'), [])
})

t.test('R7.5 what npm and apt say becomes findings', async (t) => {
  const vulnerabilities = { pg: { severity: 'moderate', range: '<9', via: [{ title: 'SQL injection' }] } }
  t.match(npmFindings({ vulnerabilities }), [{ severity: 'medium', message: 'pg <9: SQL injection' }])
  const simulation = [
    'Inst libssl3 [3.0.1] (3.0.2 Debian-Security:13/stable-security [amd64])',
    'Inst tzdata [1] (2 Debian:13/stable [all]) []',
    'Conf libssl3 (3.0.2 Debian-Security:13/stable-security [amd64])',
  ].join('\n')
  t.match(debianFindings(simulation, 'image:1', 'Dockerfile'), [
    { rule: 'P01', severity: 'high', message: /libssl3 3.0.1 is installed, 3.0.2/ },
    { rule: 'P02', severity: 'low' },
  ])
})

t.test('R7.5 severities of other scanners come from their scores, else from their levels', async (t) => {
  const rule = (id: string, score?: string) => ({
    id,
    properties: { ...(score && { 'security-severity': score }) },
  })
  const run = {
    tool: { driver: { rules: [rule('a', '9.8'), rule('b', '5.0'), rule('c')] } },
    results: ['a', 'b', 'c'].map((ruleId) => ({ ruleId, level: 'error', message: { text: ruleId } })),
  }
  const findings = findingsOf(run, 'image:1', 'Dockerfile', new Set(['b']))
  t.same(
    findings.map(({ severity, accepted }) => [severity, accepted]),
    [
      ['critical', false],
      ['medium', true],
      ['high', false],
    ],
  )
  t.notOk(isInstalled('trivy', '/nowhere'))
})

t.test('R7.5 the SARIF log joins rules and results, and marks what is accepted', async (t) => {
  const report = scanImage(
    view({ User: '', ExposedPorts: { '80/tcp': {} } }),
    'images/Dockerfile.a',
    new Set(['I10']),
  )
  const log = sarifLog(runOf([report], { version: '1.2.3', time: '2030-01-01T00:00:00.000Z' }), [
    { tool: 'x' },
  ]) as {
    runs: {
      results: { ruleId: string; ruleIndex: number; suppressions?: object[] }[]
      tool: { driver: { rules: { id: string }[] } }
    }[]
  }
  t.equal(log.runs.length, 2)
  const [run] = log.runs
  t.same(
    run?.results.map(({ ruleIndex, suppressions }) => [
      run.tool.driver.rules[ruleIndex]?.id,
      suppressions?.length,
    ]),
    [
      ['I01', undefined],
      ['I10', 1],
    ],
  )
})
