// Each of the 38 checks passes in a real container, and finds something in another one. Few containers prove many rows:
// one that is as closed as it can be, one that is as open, and some for what neither can show.

import { chmodSync, chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { baseImage, buildImages } from '../harness/images.ts'
import { closed, foundBy, type Report, reportsOf, statusesOf } from './security-fixture.ts'

await buildImages()

const ids = Array.from({ length: 38 }, (_, index) => `S${String(index + 1).padStart(2, '0')}`)
const program = '/opt/flowkeep/bin/node'
const command = ['/opt/flowkeep/flowkeep.cjs', 'security', '--json']

/** By id: in which statuses a check has been seen. */
const seen = new Map<string, Set<string>>()

function note(report: Report): Report {
  for (const { id, status } of report.checks) seen.set(id, (seen.get(id) ?? new Set()).add(status))
  return report
}

/** A file of the host that belongs to the container's user. */
function secretFile(t: Test, content: string): { path: string; user: string } {
  const directory = mkdtempSync(join(tmpdir(), 'fk-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  chmodSync(directory, 0o755)
  const path = join(directory, 'secret')
  writeFileSync(path, content, { mode: 0o400 })
  const asRoot = process.getuid?.() === 0
  const [uid, gid] = asRoot ? [10_001, 10_001] : [process.getuid?.(), process.getgid?.()]
  if (asRoot) chownSync(path, 10_001, 10_001)
  return { path, user: `${uid}:${gid}` }
}

t.test('R7 a closed container passes everything that can be passed on this machine', async (t) => {
  const secret = secretFile(t, 'postgresql://flow:geheim@db.example/flows?sslmode=verify-full')
  const { reports, code } = await reportsOf({
    ...closed,
    image: baseImage,
    user: secret.user,
    // Nothing to run but the supervisor: as in an image without a shell.
    tmpfs: [...(closed.tmpfs ?? []), '/usr/bin', '/usr/sbin', '/usr/local/bin', '/usr/local/sbin'],
    mounts: [{ source: secret.path, target: '/run/secrets/flows_url' }],
    environment: {
      CONTAINER_FLOW_NAME: 'closed',
      CONTAINER_DATABASE_FLOWS_URL_FILE: '/run/secrets/flows_url',
    },
    entrypoint: program,
    command,
  })
  const report = note(reports[0] as Report)
  t.equal(report.checks.length, 38)
  const others = report.checks.filter(({ status }) => status !== 'pass')
  // A user namespace and a security module are the host's to give.
  t.same(
    others.filter(({ id }) => id !== 'S08' && id !== 'S09'),
    [],
  )
  t.equal(report.ok, true)
  t.equal(code, 0)
  t.equal(foundBy(report, 'S33'), '1 for their owner alone')
  t.equal(foundBy(report, 'S34'), '1 verified')
  t.notOk(JSON.stringify(report).includes('geheim'))
})

const openings = `
  mount --make-shared /tmp
  cp /bin/true /usr/local/bin/sudo
  cp /bin/true /usr/bin/mine; chmod 4755 /usr/bin/mine
  touch /etc/open; chmod 666 /etc/open
  chmod 777 /var/lib/flowkeep
  mkdir -p /run/secrets/kubernetes.io/serviceaccount
  echo token > /run/secrets/kubernetes.io/serviceaccount/token
  echo secret > /run/secrets/db; chmod 644 /run/secrets/db
  exec setpriv --inh-caps +chown --ambient-caps +chown ${program} ${command.join(' ')}`

t.test('R7 an open container fails', async (t) => {
  const { reports, code } = await reportsOf({
    image: baseImage,
    user: '0:0',
    options: [
      ...['--privileged', '--pid', 'host', '--network', 'host', '--ipc', 'host', '--uts', 'host'],
      ...['--cgroupns', 'host', '--ulimit', 'core=-1', '--volume', '/:/host'],
    ],
    environment: {
      CONTAINER_FLOW_NAME: 'open',
      CONTAINER_DATABASE_FLOWS_URL: 'postgresql://flow:geheim@db.example/flows?sslmode=disable',
      NODE_TLS_REJECT_UNAUTHORIZED: '0',
    },
    entrypoint: 'sh',
    command: ['-c', openings],
  })
  const report = note(reports[0] as Report)
  const statuses = statusesOf(report)
  const expected = ids.filter((id) => !['S08', 'S35'].includes(id))
  t.same(
    expected.filter((id) => statuses[id] !== 'fail' && statuses[id] !== 'warn'),
    [],
  )
  t.equal(report.ok, false)
  t.equal(code, 1)
  for (const [id, found] of [
    ['S03', /SYS_ADMIN/],
    ['S05', /^CHOWN$/],
    ['S12', /docker0|host/],
    ['S19', /\.sock/],
    ['S20', /\/host is the host's \//],
    ['S21', /\/tmp/],
    ['S28', /\/usr\/bin\/mine/],
    ['S29', /\/etc\/open/],
    ['S31', /0777/],
    ['S32', /CONTAINER_DATABASE_FLOWS_URL/],
    ['S33', /\/run\/secrets\/db/],
    ['S34', /flows: disable/],
    ['S36', /NODE_TLS_REJECT_UNAUTHORIZED/],
    ['S37', /sudo/],
  ] as const) {
    t.match(foundBy(report, id), found, id)
  }
  t.notOk(JSON.stringify(report).includes('geheim'))
})

t.test('R7 the inspector is found, in the environment and where it listens', async (t) => {
  const { reports } = await reportsOf({
    ...closed,
    image: baseImage,
    environment: { NODE_OPTIONS: '--inspect' },
    entrypoint: program,
    command,
  })
  const report = note(reports[0] as Report)
  t.match(foundBy(report, 'S35'), /port 9229/)
  t.match(foundBy(report, 'S36'), /--inspect/)
  t.match(statusesOf(report), { S35: 'fail', S36: 'fail' })
})

/** The kernel of a test machine seldom has a security module: its answer is put where the kernel gives it. */
const labelled = (label: string) =>
  `printf '${label}\\n' > /tmp/label; mount --bind /tmp/label /proc/$$/attr/current; exec ${program} ${command.join(' ')}`

t.test('R7 a user namespace, and what a security module says', async (t) => {
  const scripts = [
    `exec unshare --user --map-root-user ${program} ${command.join(' ')}`,
    labelled('docker-default (enforce)'),
    labelled('unconfined'),
  ]
  const { reports } = await reportsOf({
    image: baseImage,
    user: '0:0',
    options: ['--privileged'],
    entrypoint: 'sh',
    command: ['-c', 'for script do sh -c "$script"; done', 'sh', ...scripts],
  })
  const [inNamespace, confined, unconfined] = reports.map(note) as [Report, Report, Report]
  t.match(statusesOf(inNamespace), { S09: 'pass' })
  t.match(statusesOf(confined), { S08: 'pass', S09: 'warn' })
  t.match(statusesOf(unconfined), { S08: 'fail' })
})

t.test("R7 with Docker's own defaults nothing critical fails", async (t) => {
  const { reports, code } = await reportsOf({
    image: baseImage,
    entrypoint: 'flowkeep',
    command: ['security', '--json', '--fail-on', 'critical'],
  })
  const report = note(reports[0] as Report)
  t.equal(code, 0)
  t.match(statusesOf(report), {
    S01: 'pass',
    S03: 'pass',
    S06: 'fail',
    S14: 'fail',
    S23: 'fail',
    S28: 'pass',
  })
  t.equal(statusesOf(report)['S34'], 'unknown', 'no configuration, no verdict')
})

t.test('R7 38 of 38 checks have been seen both ways', async (t) => {
  for (const id of ids) {
    const statuses = seen.get(id) ?? new Set()
    t.ok(statuses.has('pass'), `${id} passes`)
    t.ok(statuses.has('fail') || statuses.has('warn'), `${id} finds something`)
  }
})
