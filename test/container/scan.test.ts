// `flowkeepctl scan` over real images: one that breaks the rules on purpose, and the product's own.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { capture } from '../../compose/host/run.ts'
import { checkout } from '../harness/checkout.ts'
import { docker, execute, tryDocker } from '../harness/docker.ts'
import { buildImages } from '../harness/images.ts'

const image = 'flowkeep-scan-test:1'
// A key that a later layer removes, a program that makes its caller root, a file for everyone, a token in the history.
const dockerfile = `FROM debian:trixie-slim
ARG NPM_TOKEN
RUN echo "$NPM_TOKEN" >/dev/null
COPY key.pem /root/key.pem
RUN rm /root/key.pem && cp /bin/true /usr/bin/a-root-me && chmod 4755 /usr/bin/a-root-me && touch /etc/open && chmod 666 /etc/open
ENV DB_PASSWORD=correct-horse
EXPOSE 80
`

interface Report {
  readonly scanner: string
  readonly subject: string
  readonly skipped?: string
  readonly findings: readonly { readonly rule: string; readonly message: string }[]
}

const scan = (...args: string[]) => capture(process.execPath, [`${checkout}/compose/cli.ts`, 'scan', ...args])

t.before(buildImages)
t.teardown(() => tryDocker(['image', 'rm', '--force', image]))

t.test(
  'R7.5 what is wrong with an image is found, whatever layer hides it, and fails the scan',
  async (t) => {
    const directory = t.testdir({
      Dockerfile: dockerfile,
      'key.pem': '-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n',
    })
    const built = await execute('docker', [
      'build',
      '--tag',
      image,
      '--build-arg',
      'NPM_TOKEN=battery-staple',
      directory,
    ])
    t.equal(built.code, 0, built.stderr)
    const sarif = join(directory, 'scan.sarif')
    const { code, stdout, stderr } = await scan('--image', image, '--json', '--sarif', sarif)
    t.equal(code, 1, stderr)
    const { ok, reports } = JSON.parse(stdout) as { ok: boolean; reports: readonly Report[] }
    t.notOk(ok)
    const own = reports.find(({ scanner }) => scanner === 'image')
    const rules = own?.findings.map(({ rule }) => rule) ?? []
    for (const rule of ['I01', 'I02', 'I03', 'I04', 'I05', 'I06', 'I07', 'I08', 'I10'])
      t.ok(rules.includes(rule), rule)
    const messages = JSON.stringify(own)
    for (const part of ['/root/key.pem', '/usr/bin/a-root-me', '/etc/open', 'DB_PASSWORD', 'NPM_TOKEN'])
      t.match(messages, part)
    t.notMatch(stdout + readFileSync(sarif, 'utf8'), /correct-horse|battery-staple/, 'no secret is shown')
    const looked = reports.every(({ skipped, findings }) => skipped === undefined || findings.length === 0)
    t.ok(looked, 'what could not look says so')
    t.match(JSON.parse(readFileSync(sarif, 'utf8')), { version: '2.1.0' })
  },
)

t.test('R7.5 the images of the product have no finding of severity high by our own rules', async (t) => {
  const graph = await docker([
    'image',
    'ls',
    '--format',
    '{{.Repository}}:{{.Tag}}',
    '--filter',
    'reference=flowkeep-*:test',
  ])
  const images = graph.split('\n').filter((name) => name !== '')
  t.ok(images.includes('flowkeep-base:test'))
  const { stdout } = await scan('--image', ...images, '--json')
  const { reports } = JSON.parse(stdout) as { reports: readonly Report[] }
  const own = reports.filter(({ scanner }) => scanner === 'image')
  t.equal(own.length, images.length)
  t.same(
    own.flatMap(({ subject, findings }) =>
      findings.filter(({ rule }) => !/^I0[89]$/.test(rule)).map(({ rule }) => `${subject} ${rule}`),
    ),
    [],
  )
})

t.test('R7.5 an image that is not there ends in one message', async (t) => {
  const { code, stderr } = await scan('--image', 'flowkeep-absent:1')
  t.equal(code, 1)
  t.match(stderr, /flowkeep-absent:1 is not on this engine\nBuild first/)
})
