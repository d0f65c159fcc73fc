// Each rule passes one service and one container that keep it, and finds what breaks it in both.

import t from 'tap'
import { type ComposeProject, workloadsOf } from '../../../compose/security/from-compose.ts'
import { type InspectedContainer, workloadOf } from '../../../compose/security/from-inspect.ts'
import { judge } from '../../../compose/security/verdict.ts'
import type { Engine, Workload } from '../../../compose/security/workload.ts'
import { workloadRules } from '../../../compose/security/workload-rules.ts'
import { containerOf, engine, imageFacts, projectOf } from './good.ts'

const images = new Map([
  ['example:1', imageFacts],
  ['sha256:1', imageFacts],
])

type Volumes = Record<string, Record<string, string>>

function fromCompose(project: ComposeProject, on: Engine = engine, volumes: Volumes = {}): Workload {
  return workloadsOf(project, on, images, new Map(Object.entries(volumes)))[0] as Workload
}

function fromEngine(
  container: InspectedContainer,
  processes = ['flowkeep run -- python -m flow'],
  volumes: Volumes = { state: {} },
): Workload {
  return workloadOf(container, {
    engine,
    images,
    processes: new Map([['c1', processes]]),
    volumes: new Map(Object.entries(volumes)),
  })
}

/** `ID STATUS` of every rule that does not pass. */
function complaints(workload: Workload): string[] {
  return workloadRules.flatMap((rule) => {
    const { status } = judge(rule, workload)
    return status === 'pass' ? [] : [`${rule.id} ${status}`]
  })
}

const publish = (host_ip: string, published: string, target = 8088) => ({
  ports: [{ host_ip, published, target, protocol: 'tcp' }],
})
const bind = (source: string, read_only = true) => ({
  volumes: [{ type: 'bind', source, target: '/x', read_only }],
})
const mounted = (Source: string, RW = false, Propagation = 'rprivate') =>
  containerOf({}, { Mounts: [{ Type: 'bind', Source, Destination: '/x', RW, Propagation }] })
const configured = (changes: InspectedContainer['Config']) =>
  containerOf({}, { Config: { ...containerOf({}).Config, ...changes } })
const bound = (HostIp: string, HostPort: string, port = '8088/tcp') =>
  containerOf({ PortBindings: { [port]: [{ HostIp, HostPort }] } })

/** What is expected of it, the service that breaks it, the container that breaks it. */
type Case = readonly [expected: readonly string[], service: Workload, container: Workload]

const alone = (id: string, service: Workload, container: Workload): Case => [
  [`${id} fail`],
  service,
  container,
]

const cases: readonly Case[] = [
  alone(
    'CIS-5.2',
    fromCompose(projectOf({ security_opt: ['no-new-privileges', 'apparmor:unconfined'] })),
    fromEngine(containerOf({}, { AppArmorProfile: 'unconfined' })),
  ),
  alone(
    'CIS-5.3',
    fromCompose(projectOf({ security_opt: ['no-new-privileges:true', 'label:disable'] })),
    fromEngine(containerOf({ SecurityOpt: ['no-new-privileges', 'label=type:spc_t'] })),
  ),
  [
    ['CIS-5.4 fail', 'PSS-capabilities fail'],
    fromCompose(projectOf({ cap_add: ['CAP_SYS_ADMIN'] })),
    fromEngine(containerOf({ CapAdd: ['SYS_ADMIN'] })),
  ],
  [
    ['CIS-5.4 warn', 'PSS-capabilities fail'],
    fromCompose(projectOf({ cap_drop: ['NET_RAW'] })),
    fromEngine(containerOf({ CapDrop: null })),
  ],
  alone(
    'PSS-capabilities',
    fromCompose(projectOf({ cap_add: ['CHOWN'] })),
    fromEngine(containerOf({ CapAdd: ['CAP_CHOWN'] })),
  ),
  alone('CIS-5.6', fromCompose(projectOf({ ...bind('/etc') })), fromEngine(mounted('/etc'))),
  alone(
    'CIS-5.7',
    fromCompose(projectOf({ command: ['/usr/sbin/sshd', '-D'] })),
    fromEngine(containerOf({}), ['flowkeep run', 'sshd: /usr/sbin/sshd -D [listener]']),
  ),
  [
    ['CIS-5.8 fail', 'PSS-host-ports fail'],
    fromCompose(projectOf(publish('127.0.0.1', '80'))),
    fromEngine(bound('127.0.0.1', '80')),
  ],
  [
    ['CIS-5.9 warn', 'PSS-host-ports fail'],
    fromCompose(projectOf(publish('127.0.0.1', '9999', 9999))),
    fromEngine(bound('127.0.0.1', '9999', '9999/tcp')),
  ],
  alone(
    'CIS-5.10',
    fromCompose(projectOf({ network_mode: 'host', networks: {} })),
    fromEngine(containerOf({ NetworkMode: 'host' })),
  ),
  alone(
    'CIS-5.11',
    fromCompose(projectOf({ deploy: { resources: { limits: { cpus: 1, pids: 64 } } } })),
    fromEngine(containerOf({ Memory: 0 })),
  ),
  alone(
    'CIS-5.12',
    fromCompose(projectOf({ deploy: { resources: { limits: { memory: '1048576', pids: 64 } } } })),
    fromEngine(containerOf({ NanoCpus: 0 })),
  ),
  alone(
    'CIS-5.13',
    fromCompose(projectOf({ read_only: false })),
    fromEngine(containerOf({ ReadonlyRootfs: false })),
  ),
  [
    ['CIS-5.14 fail', 'PSS-host-ports fail'],
    fromCompose(projectOf(publish('', '8088'))),
    fromEngine(bound('0.0.0.0', '8088')),
  ],
  alone(
    'CIS-5.15',
    fromCompose(projectOf({ restart: 'unless-stopped' })),
    fromEngine(containerOf({ RestartPolicy: { Name: 'always', MaximumRetryCount: 0 } })),
  ),
  alone(
    'CIS-5.15',
    fromCompose(projectOf({ restart: 'on-failure' })),
    fromEngine(containerOf({ RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 6 } })),
  ),
  alone('CIS-5.16', fromCompose(projectOf({ pid: 'host' })), fromEngine(containerOf({ PidMode: 'host' }))),
  alone('CIS-5.17', fromCompose(projectOf({ ipc: 'host' })), fromEngine(containerOf({ IpcMode: 'host' }))),
  alone(
    'CIS-5.18',
    fromCompose(projectOf({ devices: [{ source: '/dev/kvm' }] })),
    fromEngine(containerOf({ Devices: [{ PathOnHost: '/dev/kvm' }] })),
  ),
  alone(
    'CIS-5.18',
    fromCompose(projectOf({ device_cgroup_rules: ['c *:* rwm'] })),
    fromEngine(containerOf({ DeviceCgroupRules: ['c *:* rwm'] })),
  ),
  alone(
    'CIS-5.19',
    fromCompose(projectOf({ ulimits: { core: 0, nofile: -1 } })),
    fromEngine(containerOf({ Ulimits: [{ Name: 'core', Soft: -1, Hard: -1 }] })),
  ),
  [
    ['CIS-5.20 fail', 'PSS-volumes fail'],
    fromCompose(
      projectOf({ volumes: [{ type: 'bind', source: '/srv/x', bind: { propagation: 'shared' } }] }),
    ),
    fromEngine(mounted('/srv/x', false, 'rshared')),
  ],
  alone('CIS-5.21', fromCompose(projectOf({ uts: 'host' })), fromEngine(containerOf({ UTSMode: 'host' }))),
  alone(
    'CIS-5.22',
    fromCompose(projectOf({ security_opt: ['no-new-privileges:true', 'seccomp:unconfined'] })),
    fromEngine(containerOf({ SecurityOpt: ['no-new-privileges', 'seccomp=unconfined'] })),
  ),
  alone(
    'CIS-5.25',
    fromCompose(projectOf({ cgroup_parent: '/other' })),
    fromEngine(containerOf({ CgroupParent: 'other.slice' })),
  ),
  alone(
    'CIS-5.26',
    fromCompose(projectOf({ security_opt: ['no-new-privileges:false'] })),
    fromEngine(containerOf({ SecurityOpt: null })),
  ),
  alone(
    'CIS-5.27',
    fromCompose(projectOf({ healthcheck: { disable: true } })),
    fromEngine(configured({ Healthcheck: null })),
  ),
  alone(
    'CIS-5.28',
    fromCompose(
      projectOf({
        image: 'registry.example.com/app',
        user: '1:1',
        healthcheck: { test: ['CMD'] },
        entrypoint: ['x'],
      }),
    ),
    fromEngine(configured({ Image: 'example:latest' })),
  ),
  alone(
    'CIS-5.29',
    fromCompose(projectOf({ deploy: { resources: { limits: { cpus: 1, memory: '1048576' } } } })),
    fromEngine(containerOf({ PidsLimit: null })),
  ),
  alone(
    'CIS-5.30',
    fromCompose(projectOf({ networks: { outer: null } })),
    fromEngine(containerOf({}, { NetworkSettings: { Networks: { bridge: {} } } })),
  ),
  alone(
    'CIS-5.31',
    fromCompose(projectOf({ userns_mode: 'host' })),
    fromEngine(containerOf({ UsernsMode: 'host' })),
  ),
  [
    ['CIS-5.6 fail', 'CIS-5.32 fail', 'PSS-volumes fail'],
    fromCompose(projectOf({ use_api_socket: true })),
    fromEngine(mounted('/run/docker.sock', true)),
  ],
  alone(
    'FK-secrets',
    fromCompose(projectOf({ environment: { DB: 'postgres://u:p@db/x' } })),
    fromEngine(configured({ Env: ['DB_PASSWORD=hunter2'] })),
  ),
  [
    ['PSS-host-ports fail'],
    fromCompose(projectOf(publish('127.0.0.1', '8088'))),
    fromEngine(bound('127.0.0.1', '8088')),
  ],
  alone('PSS-non-root', fromCompose(projectOf({ user: '0:10001' })), fromEngine(configured({ User: 'app' }))),
  alone(
    'PSS-proc-mount',
    fromCompose(projectOf({ security_opt: ['no-new-privileges:true', 'systempaths:unconfined'] })),
    fromEngine(containerOf({ MaskedPaths: [], ReadonlyPaths: [] })),
  ),
  alone(
    'PSS-sysctls',
    fromCompose(projectOf({ sysctls: { 'net.core.somaxconn': '1024' } })),
    fromEngine(containerOf({ Sysctls: { 'kernel.msgmax': '1' } })),
  ),
  alone('PSS-volumes', fromCompose(projectOf(bind('/srv/x'))), fromEngine(mounted('/srv/x'))),
  [
    ['CIS-5.2 fail', 'CIS-5.22 fail', 'CIS-5.5 fail', 'PSS-capabilities fail', 'PSS-proc-mount fail'],
    fromCompose(projectOf({ privileged: true })),
    fromEngine(
      containerOf({ Privileged: true, MaskedPaths: [], ReadonlyPaths: [] }, { AppArmorProfile: '' }),
    ),
  ],
]

t.test('R7.1 a closed service and a closed container keep every rule', async (t) => {
  t.same(complaints(fromCompose(projectOf({}))), [])
  t.same(complaints(fromEngine(containerOf({}))), [])
  t.same(
    complaints(
      fromCompose(
        projectOf({ image: 'built-here', user: '1:1', healthcheck: { test: ['CMD'] }, entrypoint: ['x'] }),
      ),
    ),
    [],
  )
})

t.test('R7.1 each rule finds what breaks it, in a service and in a container', async (t) => {
  for (const [expected, service, container] of cases) {
    // /etc is a path of the host as well.
    const also = expected[0] === 'CIS-5.6 fail' && expected.length === 1 ? ['PSS-volumes fail'] : []
    t.same(complaints(service).sort(), [...expected, ...also].sort(), `service: ${expected}`)
    t.same(complaints(container).sort(), [...expected, ...also].sort(), `container: ${expected}`)
  }
  const failing = new Set(cases.flatMap(([expected]) => expected.map((line) => line.split(' ')[0])))
  t.same(
    workloadRules.map(({ id }) => id).filter((id) => !failing.has(id)),
    [],
    'a case for every rule',
  )
})

t.test('R7.1 what cannot be read is unknown', async (t) => {
  const bare: InspectedContainer = { Id: 'c2', Name: '/bare', Image: 'sha256:2' }
  const verdicts = workloadRules.map((rule) => [rule.id, judge(rule, fromEngine(bare)).status])
  t.same(
    verdicts.filter(([id, status]) => status !== 'unknown' && id !== 'CIS-5.28'),
    [],
  )
  const absent = fromCompose(projectOf({ image: 'absent:1', ...publish('127.0.0.1', '8088') }))
  t.same(complaints(absent).sort(), [
    'CIS-5.27 unknown',
    'CIS-5.7 unknown',
    'CIS-5.9 unknown',
    'PSS-host-ports fail',
    'PSS-non-root unknown',
  ])
  const own = { Type: 'volume', Name: 'gone', Source: '/x', Destination: '/x' }
  t.ok(complaints(fromEngine(containerOf({}, { Mounts: [own] }))).includes('CIS-5.6 unknown'))
  const borrowed = fromCompose(projectOf({ volumes_from: ['container:other'] }))
  t.ok(complaints(borrowed).includes('CIS-5.32 unknown'), 'mounts of a container the file says nothing of')
})

t.test('R7.1 what only looks like another thing is seen through', async (t) => {
  const volume = { type: 'none', o: 'rw,bind', device: '/etc' }
  const service = fromCompose(
    projectOf({ volumes: [{ type: 'volume', source: 'x', target: '/x' }] }, { x: { driver_opts: volume } }),
  )
  t.ok(complaints(service).includes('CIS-5.6 fail'), 'a volume that is a folder of the host')
  const Mounts = [{ Type: 'volume', Name: 'x', Source: '/var/lib/docker/volumes/x/_data', Destination: '/x' }]
  t.ok(complaints(fromEngine(containerOf({}, { Mounts }), [], { x: volume })).includes('CIS-5.6 fail'))
  const external = {
    ...projectOf({ volumes: [{ source: 'x', target: '/x' }] }, { x: { name: 'y', external: true } }),
  }
  t.ok(
    complaints(fromCompose(external, engine, { y: volume })).includes('CIS-5.6 fail'),
    'one made elsewhere, too',
  )
  t.ok(complaints(fromCompose(external)).includes('CIS-5.6 unknown'), 'unless nobody knows it')
  const lent = { ...projectOf({ secrets: [{ source: 'x' }] }), secrets: { x: { file: '/etc/shadow' } } }
  t.ok(complaints(fromCompose(lent)).includes('CIS-5.6 warn'), 'a secret that is a file of the system')
  const secret = { Type: 'bind', Source: '/etc', Destination: '/run/secrets/x', RW: false }
  t.ok(
    complaints(fromEngine(containerOf({}, { Mounts: [secret] }))).includes('CIS-5.6 fail'),
    'a secret that is none',
  )
  t.ok(complaints(fromEngine(mounted('/var'))).includes('CIS-5.32 fail'), 'the socket within a folder')
  t.notOk(
    complaints(fromEngine(mounted('/home/me/app'))).includes('CIS-5.6 fail'),
    'what people have is theirs',
  )
  t.ok(complaints(fromEngine(mounted('/usr/share/zoneinfo'))).includes('CIS-5.6 warn'), 'read-only, within')
})

t.test('R7.1 what the engine lacks does not apply, unless it is switched off on purpose', async (t) => {
  const plain: Engine = { ...engine, securityOptions: new Set(['seccomp']) }
  t.same(complaints(fromCompose(projectOf({}), plain)), ['CIS-5.2 not applicable', 'CIS-5.3 not applicable'])
  const open = projectOf({ security_opt: ['no-new-privileges', 'apparmor=unconfined', 'label=disable'] })
  t.same(complaints(fromCompose(open, plain)), ['CIS-5.2 fail', 'CIS-5.3 fail'])
  const bare: Engine = { ...engine, securityOptions: new Set() }
  t.ok(complaints(fromCompose(projectOf({}), bare)).includes('CIS-5.22 fail'))
})

t.test('R7.1 a service that ends needs no health check', async (t) => {
  const project = projectOf({ healthcheck: { disable: true } })
  const waiting = { image: 'x:1', depends_on: { app: { condition: 'service_completed_successfully' } } }
  const all = { ...project, services: { ...project.services, waiting } }
  t.same(complaints(fromCompose(all)), ['CIS-5.27 not applicable'])
})
