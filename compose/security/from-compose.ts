// Services as `docker compose config --format json` resolves them, as workloads. Pure.

import { resolve } from 'node:path'
import { fullName } from '../build/engine-images.ts'
import {
  capabilityName,
  type Engine,
  type ImageFacts,
  type Mount,
  type Restart,
  securityOption,
  type Ulimit,
  type Workload,
} from './workload.ts'

export interface ComposeProject {
  readonly services?: Readonly<Record<string, ComposeService>>
  readonly networks?: Readonly<Record<string, { readonly name?: string } | null>>
  readonly volumes?: Readonly<
    Record<string, { readonly driver_opts?: Readonly<Record<string, string>> } | null>
  >
}

interface ComposeService {
  readonly image?: string
  readonly build?: {
    readonly context?: string
    readonly dockerfile?: string
    readonly additional_contexts?: Readonly<Record<string, string>>
  }
  readonly user?: string
  readonly privileged?: boolean
  readonly cap_add?: readonly string[]
  readonly cap_drop?: readonly string[]
  readonly security_opt?: readonly string[]
  readonly sysctls?: Readonly<Record<string, unknown>>
  readonly network_mode?: string
  readonly networks?: Readonly<Record<string, unknown>>
  readonly pid?: string
  readonly ipc?: string
  readonly uts?: string
  readonly userns_mode?: string
  readonly cgroup_parent?: string
  readonly mem_limit?: string | number
  readonly cpus?: number | string
  readonly cpu_shares?: number
  readonly cpu_quota?: number | string
  readonly pids_limit?: number
  readonly ulimits?: Readonly<Record<string, number | { readonly soft?: number; readonly hard?: number }>>
  readonly restart?: string
  readonly deploy?: {
    readonly resources?: {
      readonly limits?: {
        readonly cpus?: number | string
        readonly memory?: string | number
        readonly pids?: number
      }
    }
    readonly restart_policy?: { readonly condition?: string; readonly max_attempts?: number }
  }
  readonly healthcheck?: { readonly disable?: boolean; readonly test?: readonly string[] }
  readonly read_only?: boolean
  readonly volumes?: readonly ComposeVolume[]
  readonly volumes_from?: readonly string[]
  readonly use_api_socket?: boolean
  readonly devices?: readonly (string | { readonly source?: string })[]
  readonly ports?: readonly {
    readonly target?: number
    readonly published?: string | number
    readonly host_ip?: string
    readonly protocol?: string
  }[]
  readonly environment?: Readonly<Record<string, string | null>>
  readonly entrypoint?: readonly string[] | null
  readonly command?: readonly string[] | null
  readonly labels?: Readonly<Record<string, string>>
  readonly depends_on?: Readonly<Record<string, { readonly condition?: string }>>
}

interface ComposeVolume {
  readonly type?: string
  readonly source?: string
  readonly target?: string
  readonly read_only?: boolean
  readonly bind?: { readonly propagation?: string }
}

/** @param images what the images say, by the names the engine has for them */
export function workloadsOf(
  project: ComposeProject,
  engine: Engine,
  images: ReadonlyMap<string, ImageFacts>,
): Workload[] {
  const services = Object.entries(project.services ?? {})
  const oneShots = new Set(
    services.flatMap(([, { depends_on = {} }]) =>
      Object.entries(depends_on).flatMap(([name, { condition }]) =>
        condition === 'service_completed_successfully' ? [name] : [],
      ),
    ),
  )
  return services.map(([name, service]) => {
    const image = imageOf(service)
    const facts = images.get(fullName(image))
    return {
      kind: 'service',
      name,
      service: name,
      image,
      engine: service.build === undefined ? engine : { ...engine, builtHere: new Set([fullName(image)]) },
      imageFacts: facts,
      isOneShot: oneShots.has(name),
      labels: service.labels ?? {},
      user: service.user ?? facts?.user,
      privileged: service.privileged ?? false,
      capabilitiesAdded: (service.cap_add ?? []).map(capabilityName),
      capabilitiesDropped: (service.cap_drop ?? []).map(capabilityName),
      securityOptions: (service.security_opt ?? []).map(securityOption),
      appArmorProfile: undefined,
      hasMaskedPaths: !(service.security_opt ?? []).map(securityOption).includes('systempaths=unconfined'),
      sysctls: Object.keys(service.sysctls ?? {}),
      networkMode: service.network_mode ?? '',
      networks: Object.keys(service.networks ?? {}).map((key) => project.networks?.[key]?.name ?? key),
      pidMode: service.pid ?? '',
      ipcMode: service.ipc ?? '',
      utsMode: service.uts ?? '',
      userNamespaceMode: service.userns_mode ?? '',
      cgroupParent: service.cgroup_parent ?? '',
      ...limitsOf(service),
      ulimits: Object.entries(service.ulimits ?? {}).map(ulimitOf),
      restart: restartOf(service),
      health: healthOf(service, facts),
      isRootReadOnly: service.read_only ?? false,
      mounts: mountsOf(project, service),
      devices: (service.devices ?? []).map((device) =>
        typeof device === 'string' ? (device.split(':')[0] ?? '') : (device.source ?? ''),
      ),
      publishesAll: false,
      ports: (service.ports ?? []).map(({ target = 0, published = 0, host_ip = '', protocol = 'tcp' }) => ({
        container: `${target}/${protocol}`,
        host: Number.parseInt(String(published), 10) || 0,
        address: host_ip,
      })),
      environment: Object.entries(service.environment ?? {}).map(([variable, value]) => ({
        name: variable,
        value: value ?? '',
      })),
      commands: [[...(service.entrypoint ?? []), ...(service.command ?? [])].join(' ')],
    }
  })
}

/** An image that is only built has the name that Compose gives it; nothing is known of it then. */
export function imageOf({ image = '' }: { readonly image?: string }): string {
  return image
}

/** The Dockerfiles of images that the file builds: absolute paths, by the names of the images. */
export function dockerfilesOf(
  project: ComposeProject,
): ReadonlyMap<string, { readonly file: string; readonly contexts: ReadonlyMap<string, string> }> {
  return new Map(
    Object.values(project.services ?? {}).flatMap((service) => {
      const { context, dockerfile = 'Dockerfile', additional_contexts = {} } = service.build ?? {}
      if (context === undefined || imageOf(service) === '') return []
      const built = {
        file: resolve(context, dockerfile),
        contexts: new Map(Object.entries(additional_contexts)),
      }
      return [[fullName(imageOf(service)), built] as const]
    }),
  )
}

function limitsOf({
  mem_limit,
  cpus,
  cpu_shares,
  cpu_quota,
  pids_limit,
  deploy,
}: ComposeService): Pick<Workload, 'memoryBytes' | 'hasCpuLimit' | 'pids'> {
  const limits = deploy?.resources?.limits
  return {
    memoryBytes: Number(mem_limit ?? limits?.memory ?? 0),
    hasCpuLimit: [cpus, cpu_shares, cpu_quota, limits?.cpus].some((value) => Number(value ?? 0) > 0),
    pids: pids_limit ?? limits?.pids ?? 0,
  }
}

function ulimitOf([name, limit]: [string, number | { soft?: number; hard?: number }]): Ulimit {
  if (typeof limit === 'number') return { name, soft: limit, hard: limit }
  const { soft = 0, hard = soft } = limit
  return { name, soft, hard }
}

function restartOf({ restart, deploy }: ComposeService): Restart {
  if (restart !== undefined) {
    const [policy = 'no', retries = '0'] = restart.split(':')
    return { policy, retriesMax: Number(retries) }
  }
  const wanted = deploy?.restart_policy
  if (wanted === undefined) return { policy: 'no', retriesMax: 0 }
  const policy = { none: 'no', 'on-failure': 'on-failure', any: 'always' }[wanted.condition ?? 'any']
  return { policy: policy ?? 'always', retriesMax: wanted.max_attempts ?? 0 }
}

function healthOf({ healthcheck }: ComposeService, facts: ImageFacts | undefined): Workload['health'] {
  if (healthcheck?.disable || healthcheck?.test?.[0] === 'NONE') return 'disabled'
  if (healthcheck?.test !== undefined) return 'checked'
  if (facts === undefined) return undefined
  return facts.hasHealthCheck ? 'checked' : 'none'
}

const engineSocket = '/var/run/docker.sock'

/** @returns undefined when some come from a container that the file says nothing of */
function mountsOf(project: ComposeProject, service: ComposeService, depth = 0): Mount[] | undefined {
  const own = (service.volumes ?? []).map((volume) => mountOf(project, volume))
  if (service.use_api_socket) {
    own.push({ type: 'bind', source: engineSocket, target: engineSocket, isReadOnly: false, propagation: '' })
  }
  for (const from of service.volumes_from ?? []) {
    const other = project.services?.[from.split(':')[0] ?? '']
    const theirs = other && depth < 8 ? mountsOf(project, other, depth + 1) : undefined
    if (theirs === undefined) return undefined
    own.push(...theirs)
  }
  return own
}

function mountOf(project: ComposeProject, volume: ComposeVolume): Mount {
  const { type = 'volume', source = '', target = '', read_only = false, bind } = volume
  const options = type === 'volume' ? (project.volumes?.[source]?.driver_opts ?? {}) : {}
  const bound = boundPath(options)
  const isKnown = type === 'bind' || type === 'volume' || type === 'tmpfs'
  return {
    type: bound === undefined ? (isKnown ? type : 'other') : 'bind',
    source: bound ?? source,
    target,
    isReadOnly: read_only,
    propagation: bind?.propagation ?? '',
  }
}

/** A named volume of the driver `local` can be a directory of the host in disguise. */
export function boundPath(options: Readonly<Record<string, string>>): string | undefined {
  const isBind = /(?:^|,)r?bind(?:,|$)/.test(options['o'] ?? '')
  return isBind && options['device'] ? options['device'] : undefined
}
