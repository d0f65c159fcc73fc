// compose/compose.yaml and what it mounts, held against rules of our own by Compose's own reading of them.

import t from 'tap'
import { checkout } from '../harness/checkout.ts'
import { prepareEngine } from '../harness/container.ts'
import { docker, execute } from '../harness/docker.ts'
import { ownLabels } from '../harness/docker-owner.ts'

await prepareEngine()

interface Service {
  readonly image: string
  readonly user?: string
  readonly read_only?: boolean
  readonly cap_drop?: readonly string[]
  readonly cap_add?: readonly string[]
  readonly security_opt?: readonly string[]
  readonly privileged?: boolean
  readonly restart?: string
  readonly stop_grace_period?: string
  readonly environment?: Readonly<Record<string, string>>
  readonly healthcheck?: { readonly disable?: boolean; readonly start_interval?: string }
  readonly logging?: { readonly options?: Readonly<Record<string, string>> }
  readonly deploy?: {
    readonly resources?: {
      readonly limits?: { readonly cpus?: number; readonly memory?: string; readonly pids?: number }
    }
  }
  readonly ports?: readonly { readonly host_ip?: string }[]
  readonly networks?: Readonly<Record<string, unknown>>
  readonly volumes?: readonly {
    readonly type: string
    readonly source?: string
    readonly read_only?: boolean
  }[]
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>
}

interface Project {
  readonly services: Readonly<Record<string, Service>>
  readonly networks: Readonly<Record<string, { readonly internal?: boolean }>>
}

const compose = `${checkout}/compose`
const { stdout, stderr } = await execute('docker', [
  ...['compose', '--file', `${compose}/compose.yaml`, '--profile', '*'],
  ...['config', '--format', 'json'],
])
const project: Project = JSON.parse(stdout)
const services = Object.entries(project.services)
const isFlow = ([name]: [string, Service]) => /^flow\d$/.test(name)
const flows = services.filter(isFlow)
const isOneShot = (name: string) =>
  services.some(([, { depends_on }]) => depends_on?.[name]?.condition === 'service_completed_successfully')

/** The names of the services that do not fit, each for the reader of the failure. */
function failing(among: readonly [string, Service][], fits: (service: Service, name: string) => boolean) {
  return among.flatMap(([name, service]) => (fits(service, name) ? [] : [name]))
}

t.test('R6.1 Compose takes the file without a complaint', async (t) => {
  t.equal(stderr, '', 'a top-level version would be complained about')
  t.ok(flows.length > 0)
})

t.test('R7.1 every service is closed: read-only, no capabilities, no new privileges, no root', async (t) => {
  t.same(
    failing(services, ({ read_only }) => read_only === true),
    [],
    'read_only',
  )
  t.same(
    failing(services, ({ cap_drop, cap_add }) => cap_drop?.join() === 'ALL' && !cap_add?.length),
    [],
    'cap_drop: [ALL]',
  )
  t.same(
    failing(services, ({ security_opt }) => security_opt?.includes('no-new-privileges:true') === true),
    [],
    'no-new-privileges',
  )
  t.same(
    failing(services, ({ privileged }) => !privileged),
    [],
  )
  const rootImages = /^(postgres|prefecthq|prom)/
  t.same(
    failing(services, ({ image, user }) => !rootImages.test(image) || /^[1-9]\d*:[1-9]\d*$/.test(user ?? '')),
    [],
    'a numeric user where the image starts as root',
  )
})

t.test('R6.1 every service has limits, a bounded log, a restart policy and a health check', async (t) => {
  t.same(
    failing(services, ({ deploy }) => {
      const { cpus, memory, pids } = deploy?.resources?.limits ?? {}
      return Boolean(cpus && memory && pids)
    }),
    [],
    'limits',
  )
  t.same(
    failing(services, ({ logging }) =>
      Boolean(logging?.options?.['max-size'] && logging.options['max-file']),
    ),
    [],
    'log',
  )
  t.same(
    failing(services, ({ restart }, name) => restart === (isOneShot(name) ? 'no' : 'unless-stopped')),
    [],
    'restart',
  )
  const own = ({ image }: Service) => image.includes('flowkeep-')
  t.same(
    failing(services, (service, name) =>
      isOneShot(name) ? true : own(service) || service.healthcheck?.start_interval !== undefined,
    ),
    [],
    'health check',
  )
  t.same(
    failing(services, (service) => own(service) || /:.*\d/.test(service.image)),
    [],
    'a version of every image',
  )
})

t.test('R2.1 flows wait for what they need, and have the time to stop', async (t) => {
  for (const [name, { depends_on, stop_grace_period, environment }] of flows) {
    t.match(depends_on, {
      migrate: { condition: 'service_completed_successfully' },
      prefect: { condition: 'service_healthy' },
    })
    const graceSeconds = Number(/^(\d+)s$/.exec(environment?.['CONTAINER_STOP_GRACE'] ?? '')?.[1])
    t.ok(graceSeconds < secondsOf(stop_grace_period), `${name}: stop_grace_period is the longer one`)
  }
})

t.test('R7.3 the database is reached by those who need it alone, and nothing is published', async (t) => {
  const on = (network: string) => failing(services, ({ networks }) => !(network in (networks ?? {})))
  t.same(on('database').sort(), [...flows.map(([name]) => name), 'migrate', 'postgres'].sort())
  t.same(on('prefect-database').sort(), ['postgres', 'prefect'])
  for (const [name, { internal }] of Object.entries(project.networks)) {
    t.equal(internal ?? false, name !== 'outside', `${name} leads ${name === 'outside' ? 'out' : 'nowhere'}`)
  }
  t.same(on('outside').sort(), ['alertmanager', 'haproxy', 'prefect', 'prometheus'])
  t.same(
    failing(services, ({ ports }) => (ports ?? []).every(({ host_ip }) => host_ip === '127.0.0.1')),
    [],
    'ports are on loopback',
  )
})

t.test('R7.2 no secret stands in the file or in an environment', async (t) => {
  const suspect = /(password|secret|token|api_?key|_url)$/i
  for (const [name, { environment }] of services) {
    const found = Object.entries(environment ?? {}).filter(
      ([key, value]) =>
        suspect.test(key) && value !== '' && !value.startsWith('/run/secrets/') && !/^https?:/.test(value),
    )
    t.same(found, [], name)
  }
  t.same(
    failing(services, ({ volumes }) =>
      (volumes ?? []).every(({ type, read_only }) => type !== 'bind' || read_only === true),
    ),
    [],
    'what is mounted from the host cannot be written',
  )
})

const checks: readonly [string, string, string, readonly string[]][] = [
  ['haproxy:3.0', 'haproxy', `${compose}/monitoring/haproxy.cfg:/c.cfg:ro`, ['-c', '-f', '/c.cfg']],
  [
    'prom/prometheus:v2.53.3',
    'promtool',
    `${compose}/monitoring/prometheus:/c:ro`,
    ['check', 'config', '/c/prometheus.yml'],
  ],
  [
    'prom/alertmanager:v0.28.1',
    'amtool',
    `${compose}/monitoring/alertmanager.yml:/c.yml:ro`,
    ['check-config', '/c.yml'],
  ],
]

for (const [image, program, mount, args] of checks) {
  t.test(`R6.1 ${program} takes its configuration`, async (t) => {
    const labels = Object.entries(ownLabels).flatMap(([name, value]) => ['--label', `${name}=${value}`])
    const run = ['run', '--detach', ...labels, '--volume', mount, '--entrypoint', program, image, ...args]
    const id = await docker(run)
    const code = await docker(['wait', id])
    const { stdout: said, stderr: complained } = await execute('docker', ['logs', id])
    await docker(['rm', '--volumes', id])
    t.equal(code, '0', said + complained)
  })
}

function secondsOf(period: string | undefined): number {
  const [, minutes = '0', seconds = '0'] = /^(?:(\d+)m)?(?:(\d+)s)?$/.exec(period ?? '') ?? []
  return Number(minutes) * 60 + Number(seconds)
}
