// CONTAINER_SECURITY_ENFORCE: what a container's start makes of the security checks.

import t, { type Test } from 'tap'
import { type Container, flawsOf, startContainer } from '../harness/container.ts'
import type { ContainerSpec } from '../harness/docker.ts'
import { baseImage, buildImages } from '../harness/images.ts'
import { closed, type Report, statusesOf } from './security-fixture.ts'

await buildImages()

const sleeping = { image: baseImage, command: ['sleep', 'infinity'], publish: [8088] }

function start(t: Test, enforce: string | undefined, spec: Partial<ContainerSpec> = {}): Promise<Container> {
  const { environment, ...rest } = spec
  const wish = enforce === undefined ? {} : { CONTAINER_SECURITY_ENFORCE: enforce }
  return startContainer(t, {
    ...sleeping,
    ...rest,
    environment: {
      CONTAINER_FLOW_NAME: 'guarded',
      CONTAINER_FLOW_READY_AFTER: '10ms',
      ...wish,
      ...environment,
    },
  })
}

const running = ({ log }: Container) =>
  log.next(({ event, to }) => event === 'state.changed' && to === 'running')
const checked = ({ log }: Container) => log.next(({ event }) => event === 'security.checked')
const findingsIn = ({ log }: Container) => log.all.filter(({ event }) => event === 'security.finding')

async function failedBySeverity(container: Container): Promise<Record<string, number>> {
  const { body } = await container.get('/metrics')
  const samples = body.matchAll(/^flowkeep_security_findings\{severity="(\w+)"\} (\d+)$/gm)
  return Object.fromEntries([...samples].map(([, severity, count]) => [severity, Number(count)]))
}

t.test(
  'R7 by default findings are logged and counted, and the flow runs before the last is known',
  async (t) => {
    const container = await start(t, undefined)
    await running(container)
    const summary = await checked(container)
    const names = container.log.all.map(({ event, to }) => (event === 'state.changed' ? to : event))
    t.ok(names.indexOf('running') < names.indexOf('security.checked'), 'nothing waits for the checks')
    const findings = findingsIn(container)
    t.ok(findings.length <= 38)
    t.equal(new Set(findings.map(({ id }) => id)).size, findings.length, 'each once')
    const newPrivileges = findings.find(({ id }) => id === 'S06')
    t.match(newPrivileges, {
      level: 'warn',
      severity: 'high',
      status: 'fail',
      found: 'NoNewPrivs 0',
      fix: /no-new-privileges/,
    })
    const failed = await failedBySeverity(container)
    t.equal(failed['critical'], 0)
    t.equal(
      Object.values(failed).reduce((sum, count) => sum + count, 0),
      summary['fail'],
    )
    t.same(flawsOf(container), [])
  },
)

t.test('R7 `high` lets a closed container start', async (t) => {
  const container = await start(t, 'high', { ...closed, publish: [8088] })
  await running(container)
  await checked(container)
  t.same(await failedBySeverity(container), { critical: 0, high: 0, medium: 0, low: 0 })
  const { code, stdout } = await container.exec('flowkeep', 'security', '--json')
  const report: Report = JSON.parse(stdout)
  t.equal(code, 0)
  t.match(
    statusesOf(report),
    { S30: 'pass', S32: 'pass', S35: 'pass' },
    'the supervisor is what is looked at',
  )
  t.match(report.checks.find(({ id }) => id === 'S35')?.found, /^1 listening/)
  t.same(flawsOf(container), [])
})

t.test('R7 `high` refuses a container with Docker’s own defaults, and says why', async (t) => {
  const container = await start(t, 'high')
  const { code, last } = await container.exited
  t.equal(code, 78)
  t.match(last, {
    event: 'exit',
    reason: 'config_invalid',
    code: 78,
    message: /=high: \d security checks failed: .*S06/,
  })
  const refusal = container.log.all.find(({ event }) => event === 'security.refused')
  t.match(refusal, { level: 'error', code: 'security_refused', hint: /CONTAINER_SECURITY_ACCEPTED/ })
  t.ok(findingsIn(container).some(({ id, level, fix }) => id === 'S23' && level === 'error' && fix))
  t.notOk(container.log.all.some(({ event }) => event === 'flow.started'))
  t.same(flawsOf(container), [])
})

t.test('R7 what is accepted refuses nothing, and is still said', async (t) => {
  const container = await start(t, 'high', { environment: { CONTAINER_SECURITY_ACCEPTED: 'S06,S23' } })
  await running(container)
  await checked(container)
  t.match(
    findingsIn(container).find(({ id }) => id === 'S06'),
    { level: 'info', status: 'fail', accepted: true },
  )
  t.equal((await failedBySeverity(container))['high'], 0)
})

t.test('R7 `critical` refuses a privileged container, and nothing less', async (t) => {
  const usual = await start(t, 'critical')
  await running(usual)
  const privileged = await start(t, 'critical', { options: ['--privileged'] })
  const { code, last } = await privileged.exited
  t.equal(code, 78)
  t.match(last, { reason: 'config_invalid', message: /=critical: .*S15/ })
})

t.test('R7 a port of the flow is found by who looks, until it is allowed', async (t) => {
  const listen =
    'import socket, time; s = socket.create_server(("0.0.0.0", 8000)); print("listening", flush=True); time.sleep(1000)'
  for (const [allowed, status, code] of [
    [{}, 'fail', 1],
    [{ CONTAINER_SECURITY_ALLOWED_PORTS: '8000' }, 'pass', 0],
  ] as const) {
    const container = await start(t, 'critical', {
      ...closed,
      command: ['python', '-c', listen],
      environment: allowed,
    })
    await container.log.next(({ message }) => message === 'listening')
    await checked(container)
    t.equal(
      findingsIn(container).some(({ id }) => id === 'S35'),
      status === 'fail',
      'logged',
    )
    const answer = await container.exec('flowkeep', 'security', '--json', '--fail-on', 'critical')
    t.equal(statusesOf(JSON.parse(answer.stdout))['S35'], status)
    t.equal(answer.code, code)
  }
})

t.test('R7 a stop during the checks is a stop', async (t) => {
  const container = await start(t, undefined)
  await container.log.next(({ event }) => event === 'security.finding')
  const { last } = await container.stop()
  t.match(last, { event: 'exit', reason: 'stopped' })
  t.same(flawsOf(container), [])
})
