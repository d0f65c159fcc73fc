// `flowkeepctl security` over real containers, images and Compose files: those that break the rules on purpose, those that
// keep them, and the product's own.

import { readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import t from 'tap'
import { capture } from '../../compose/host/run.ts'
import { imageRules } from '../../compose/security/image-rules.ts'
import { workloadRules } from '../../compose/security/workload-rules.ts'
import { checkout } from '../harness/checkout.ts'
import { createNetwork, prepareEngine } from '../harness/container.ts'
import { docker, execute, runArguments, tryDocker } from '../harness/docker.ts'
import { ownLabels } from '../harness/docker-owner.ts'
import { baseImage, buildImages, flowImages, tag } from '../harness/images.ts'
import { closed, closedOptions } from './security-fixture.ts'

interface Report {
  readonly ok: boolean
  readonly counts: Readonly<Record<string, number>>
  readonly findings: readonly {
    readonly section: string
    readonly subject: string
    readonly file: string
    readonly id: string
    readonly status: string
    readonly found: string
    readonly accepted?: string
  }[]
}

const secret = 'correct-horse-battery'
const badImage = 'flowkeep-host-security-test:1'
const badBase = 'flowkeep-host-security-base:latest'

/** What breaks each rule of images: root, an old image, no health check, and what the lines say. */
const badDockerfile = `FROM flowkeep-host-security-base
RUN true || apt-get update
RUN true || curl -k https://example.org/x
ADD note /note
ENV DB_PASSWORD=${secret}
RUN cp /bin/sleep /usr/sbin/sshd && cp /bin/true /usr/bin/root-me && chmod 4755 /usr/bin/root-me
`

/** Everything of the host's, and nothing of its own. */
const badCompose = (directory: string) => `
services:
  open:
    image: ${badImage}
    build: { context: ${directory} }
    command: [/usr/sbin/sshd, -D]
    privileged: true
    network_mode: host
    pid: host
    ipc: host
    uts: host
    userns_mode: host
    cgroup_parent: /other
    devices: [/dev/null]
    sysctls: { kernel.msgmax: 65536 }
    cap_add: [SYS_ADMIN]
    security_opt: [seccomp=unconfined, apparmor=unconfined, label=disable, systempaths=unconfined]
    ulimits: { core: -1 }
    restart: always
    environment: { DB_PASSWORD: ${secret} }
    volumes:
      - /var/run/docker.sock:/var/run/docker.sock
      - { type: bind, source: /etc, target: /host, bind: { propagation: shared } }
  published:
    image: flowkeep-host-security-base
    ports: ["80:80", "9999:9999"]
    networks: [everyone]
networks:
  everyone: { external: true, name: bridge }
`

async function security(...args: string[]) {
  const { code, stdout, stderr } = await capture(
    process.execPath,
    [`${checkout}/compose/cli.ts`, 'security', ...args],
    { environment: { TAG: tag } },
  )
  t.notMatch(stdout + stderr, secret, 'no secret is shown')
  return { code, stdout, stderr, report: () => JSON.parse(stdout) as Report }
}

/** Ids of the rules that something in a section broke. */
function broken({ findings }: Report, section: string): string[] {
  const isBroken = ({ status, id }: Report['findings'][number]) =>
    // A Compose file names each port: one too many is warned of.
    status === 'fail' || (status === 'warn' && id === 'CIS-5.9')
  const ids = findings.filter((finding) => finding.section === section && isBroken(finding))
  return [...new Set(ids.map(({ id }) => id))].sort()
}

const statuses = ({ findings }: Report, wanted: string) =>
  findings.filter(({ status, accepted }) => status === wanted && accepted === undefined)

const idsOf = (rules: readonly { readonly id: string }[]) => rules.map(({ id }) => id).sort()

t.before(async () => {
  await prepareEngine()
  await buildImages()
  const base = t.testdir({ Dockerfile: 'FROM debian:trixie-slim\nEXPOSE 8088\n' })
  await docker(['build', '--quiet', '--tag', badBase, base])
})
t.teardown(() => tryDocker(['image', 'rm', '--force', badImage, badBase]))

t.test('R7.5 a bad image and a bad Compose file fail by every rule', async (t) => {
  const context = t.testdir({ Dockerfile: badDockerfile, note: 'x' })
  const file = join(context, 'compose.yaml')
  writeFileSync(file, badCompose(context))
  // A date in 2023.
  const dated = ['--build-arg', 'SOURCE_DATE_EPOCH=1700000000']
  const built = await execute('docker', ['build', '--tag', badImage, ...dated, context])
  t.equal(built.code, 0, built.stderr)

  const sarif = join(context, 'security.sarif')
  const { code, report, stderr } = await security(
    ...['--image', badImage, '--compose', file, '--json', '--sarif', sarif],
  )
  t.equal(code, 1, stderr)
  t.same(broken(report(), 'images'), idsOf(imageRules))
  t.same(broken(report(), 'services'), idsOf(workloadRules))
  t.match(
    report().findings.find(({ id }) => id === 'CIS-4.9'),
    { file: relative(checkout, join(context, 'Dockerfile')), found: 'ADD note /note' },
  )
  writeFileSync(file, badCompose(join(context, 'elsewhere')))
  const without = await security('--image', badImage, '--compose', file, '--json')
  t.match(
    without.report().findings.find(({ id }) => id === 'CIS-4.2'),
    { status: /^(?:unknown|warn)$/ },
    'a Dockerfile that is not here',
  )
  const written = readFileSync(sarif, 'utf8')
  t.notMatch(written, secret)
  t.match(JSON.parse(written), { version: '2.1.0', runs: [{}, {}] })
})

t.test('R7.1 bad containers fail by every rule, a closed one by none', async (t) => {
  const labels = Object.entries(ownLabels).flatMap(([name, value]) => ['--label', `${name}=${value}`])
  const ofHost = ['network', 'pid', 'ipc', 'uts', 'userns'].map((name) => `--${name}=host`)
  const open = await docker([
    ...['run', '--detach', '--privileged', ...ofHost, ...labels, '--no-healthcheck', '--restart=always'],
    ...['--volume', '/var/run/docker.sock:/var/run/docker.sock', '--volume', '/etc:/host:ro'],
    ...['--env', `DB_PASSWORD=${secret}`, '--ulimit', 'core=-1', badImage, '/usr/sbin/sshd', '600'],
  ])
  // Never started: what it asks for is bad enough.
  const asked = await docker([
    ...['create', ...labels, '--publish-all', '--publish', '80:80', '--cgroup-parent', '/other'],
    ...['--cap-add', 'SYS_ADMIN', '--device', '/dev/null', '--sysctl', 'kernel.msgmax=65536'],
    ...['--security-opt', 'systempaths=unconfined', '--security-opt', 'seccomp=unconfined'],
    ...['--security-opt', 'apparmor=unconfined', '--volume', '/etc:/host:shared', badBase],
  ])
  const spec = {
    ...closed,
    image: baseImage,
    network: await createNetwork(t),
    command: ['sleep', 'infinity'],
  }
  const environment = { CONTAINER_FLOW_NAME: 'closed' }
  const options = [...closedOptions, '--restart=on-failure:5']
  const kept = await docker(runArguments({ ...spec, environment, options }, ownLabels))
  t.teardown(() => docker(['rm', '--force', '--volumes', open, asked, kept]))

  const bad = await security('--container', open, asked, '--json')
  t.equal(bad.code, 1, bad.stderr)
  t.same(broken(bad.report(), 'containers'), idsOf(workloadRules))
  const good = await security('--container', kept, '--json', '--fail-on', 'low')
  t.equal(good.code, 0, good.stdout)
  t.match(good.report().counts, { fail: 0, warn: 0, unknown: 0, accepted: 0 })
  t.equal(good.report().findings.length, workloadRules.length + 1)
})

t.test(
  "R7.1 the product's images and its stack pass everything; exceptions have their reasons",
  async (t) => {
    const { code, report, stderr } = await security('--json', '--fail-on', 'low')
    t.equal(code, 0, stderr)
    t.same(statuses(report(), 'fail'), [])
    const foreign = ({ section, subject }: Report['findings'][number]) =>
      section === 'images' && !subject.startsWith('flowkeep-')
    const warned = statuses(report(), 'warn').filter(
      (finding) => !foreign(finding) && finding.id !== 'CIS-4.2',
    )
    t.same(warned, [], 'but for images that others make, and that are named by their version')
    const subjects = new Set(report().findings.map(({ subject }) => subject))
    for (const name of [baseImage, ...flowImages, 'flow1', 'postgres', 'prometheus'])
      t.ok(subjects.has(name), name)
    const own = report().findings.filter(({ subject }) => [baseImage, ...flowImages].includes(subject))
    // Upstream images that stand in for others say nothing of those.
    t.same(
      own
        .filter(({ status, id }) => status !== 'pass' && id !== 'CIS-4.2')
        .map(({ subject, id }) => `${subject} ${id}`),
      [],
    )
    const accepted = report().findings.filter((finding) => finding.accepted !== undefined)
    t.ok(accepted.some(({ id }) => id === 'CIS-5.15'))
    for (const { id, accepted: reason } of accepted) t.ok((reason ?? '').length > 20, `${id}: ${reason}`)
  },
)

t.test('R7.1 bad input ends in one message that says what to do', async (t) => {
  const directory = t.testdir({ 'broken.yaml': 'services: { a: { imag: x } }', 'empty.yaml': 'services: {}' })
  const cases: readonly [readonly string[], number, RegExp][] = [
    [['--container', 'flowkeep-absent'], 1, /there is no container flowkeep-absent\n`docker ps --all`/],
    [['--image', 'flowkeep-absent:1'], 1, /flowkeep-absent:1 is not on this engine\nBuild first/],
    [
      ['--compose', join(directory, 'absent.yaml')],
      1,
      /no Compose file .*absent.yaml\nName another one with --compose/,
    ],
    [
      ['--compose', join(directory, 'broken.yaml')],
      1,
      /Compose refuses .*broken.yaml: .*imag.*\nMend the file/,
    ],
    [['--compose', join(directory, 'empty.yaml')], 1, /empty.yaml has no services\nName another file/],
    [['--accept', 'CIS-9.9'], 64, /no rule is called CIS-9.9\nWrite ID or ID=SERVICE; ids are CIS-4.1/],
    [['--image', badBase, '--sarif', directory], 64, /--sarif .* cannot be written: E\w+\nName a file/],
    [['--fail-on', 'awful'], 64, /Allowed choices are critical, high, medium, low/],
  ]
  for (const [args, expected, message] of cases) {
    const { code, stdout, stderr } = await security(...args)
    t.equal(code, expected, args.join(' '))
    t.match(stderr, message)
    t.equal(stdout, '')
  }
  const absent = { environment: { DOCKER_HOST: 'unix:///nowhere/docker.sock' } }
  const none = await capture(process.execPath, [`${checkout}/compose/cli.ts`, 'security'], absent)
  t.equal(none.code, 69)
  t.match(none.stderr, /cannot connect to the docker daemon.*\nStart the engine/i)
})
