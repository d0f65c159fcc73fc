// A service and a container that keep every rule, for tests to break in one place.

import type { ComposeProject } from '../../../compose/security/from-compose.ts'
import type { InspectedContainer } from '../../../compose/security/from-inspect.ts'
import type { Engine, ImageFacts } from '../../../compose/security/workload.ts'

export const engine: Engine = {
  securityOptions: new Set(['seccomp', 'apparmor', 'selinux']),
  builtHere: new Set(['built-here:latest']),
}

export const imageFacts: ImageFacts = {
  user: '10001:10001',
  createdAt: '2026-01-01T00:00:00Z',
  entrypoint: ['flowkeep', 'run', '--'],
  command: [],
  hasHealthCheck: true,
  exposedPorts: ['8088/tcp'],
  labels: { 'org.opencontainers.image.title': 'An image' },
}

type Service = NonNullable<ComposeProject['services']>[string]

export const service: Service = {
  image: 'example:1',
  read_only: true,
  cap_drop: ['ALL'],
  security_opt: ['no-new-privileges:true'],
  restart: 'on-failure:5',
  ulimits: { core: 0 },
  deploy: { resources: { limits: { cpus: 1, memory: '268435456', pids: 64 } } },
  volumes: [
    { type: 'volume', source: 'state', target: '/state' },
    { type: 'tmpfs', target: '/tmp' },
  ],
  networks: { inner: null },
  secrets: [{ source: 'token' }],
  environment: { APP_COUNT: '3', APP_TOKEN_FILE: '/run/secrets/token' },
}

export function projectOf(
  changes: Partial<Service>,
  volumes: ComposeProject['volumes'] = {},
): ComposeProject {
  return {
    services: { app: { ...service, ...changes } },
    networks: { inner: { name: 'project_inner' }, outer: { name: 'bridge' } },
    volumes: { state: {}, ...volumes },
    secrets: { token: { file: '/srv/token' } },
  }
}

type HostConfig = NonNullable<InspectedContainer['HostConfig']>

export const hostConfig: HostConfig = {
  Privileged: false,
  CapAdd: null,
  CapDrop: ['ALL'],
  SecurityOpt: ['no-new-privileges:true'],
  MaskedPaths: ['/proc/kcore'],
  ReadonlyPaths: ['/proc/sys'],
  NetworkMode: 'project_inner',
  PidMode: '',
  IpcMode: 'private',
  UTSMode: '',
  UsernsMode: '',
  CgroupParent: '',
  Memory: 268_435_456,
  NanoCpus: 1_000_000_000,
  CpuShares: 0,
  CpuQuota: 0,
  PidsLimit: 64,
  Ulimits: [{ Name: 'core', Soft: 0, Hard: 0 }],
  RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 5 },
  ReadonlyRootfs: true,
  Devices: [],
  DeviceRequests: null,
  PublishAllPorts: false,
  PortBindings: {},
}

export function containerOf(
  changes: Partial<HostConfig>,
  rest: Partial<InspectedContainer> = {},
): InspectedContainer {
  return {
    Id: 'c1',
    Name: '/app-1',
    Image: 'sha256:1',
    AppArmorProfile: 'docker-default',
    Config: {
      Image: 'example:1',
      User: '10001:10001',
      Env: ['APP_COUNT=3'],
      Labels: imageFacts.labels,
      Healthcheck: { Test: ['CMD', 'true'] },
    },
    NetworkSettings: { Networks: { project_inner: {} } },
    Mounts: [
      { Type: 'volume', Name: 'state', Source: '/var/lib/docker/volumes/state/_data', Destination: '/state' },
      {
        Type: 'bind',
        Source: '/srv/token',
        Destination: '/run/secrets/token',
        RW: false,
        Propagation: 'rprivate',
      },
    ],
    ...rest,
    HostConfig: { ...hostConfig, ...changes },
  }
}
