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
  type VolumeOptions,
  type Workload,
} from './workload.ts'

export interface ComposeProject {
  readonly services?: Readonly<Record<string, ComposeService>>
  readonly networks?: Readonly<Record<string, { readonly name?: string } | null>>
  readonly volumes?: Readonly<Record<string, ComposeNamedVolume | null>>
  readonly secrets?: Readonly<Record<string, { readonly file?: string } | null>>
  readonly configs?: Readonly<Record<string, { readonly file?: string } | null>>
}

interface ComposeNamedVolume {
  /** As the engine knows it. */
  readonly name?: string
  /** Made elsewhere: the file says nothing of its options. */
  readonly external?: boolean
  readonly driver_opts?: Readonly<Record<string, string>>
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
      readonly reservations?: { readonly devices?: readonly { readonly driver?: string }[] }
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
  readonly device_cgroup_rules?: readonly string[]
  readonly secrets?: readonly ComposeFileMount[]
  readonly configs?: readonly ComposeFileMount[]
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

interface ComposeFileMount {
  readonly source?: string
  readonly target?: string
}

interface ComposeVolume {
  readonly type?: string
  readonly source?: string
  readonly target?: string
  readonly read_only?: boolean
  readonly bind?: { readonly propagation?: string }
}

/**
 * @param images what the images say, by the names the engine has for them
 * @param volumes options of the volumes that are made elsewhere, by the names the engine has for them
 */
export function workloadsOf(
  project: ComposeProject,
  engine: Engine,
  images: ReadonlyMap<string, ImageFacts>,
  volumes: VolumeOptions,
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
      mounts: mountsOf(project, service, volumes),
      devices: devicesOf(service),
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
      commands: commandsOf(service, facts),
    }
  })
}

/** Names of the volumes that are made elsewhere, as the engine knows them. */
export function externalVolumes(project: ComposeProject): string[] {
  return Object.entries(project.volumes ?? {}).flatMap(([key, volume]) =>
    volume?.external ? [volume.name ?? key] : [],
  )
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

function devicesOf({ devices = [], device_cgroup_rules = [], deploy }: ComposeService): string[] {
  const paths = devices.map((device) =>
    typeof device === 'string' ? (device.split(':')[0] ?? '') : (device.source ?? ''),
  )
  const reserved = deploy?.resources?.reservations?.devices ?? []
  return [
    ...paths,
    ...device_cgroup_rules,
    ...reserved.map(({ driver }) => `device of ${driver ?? 'a driver'}`),
  ]
}

/** What the file leaves out is the image's; its own entry point takes the image's command away. */
function commandsOf(
  { entrypoint, command }: ComposeService,
  facts: ImageFacts | undefined,
): string[] | undefined {
  if (entrypoint) return [[...entrypoint, ...(command ?? [])].join(' ')]
  if (facts === undefined) return undefined
  return [[...facts.entrypoint, ...(command ?? facts.command)].join(' ')]
}

const engineSocket = '/var/run/docker.sock'
/** A file cannot borrow from itself; what is nested deeper than this does. */
const borrowedDepthMax = 8

/** @returns undefined when the file does not say all of them */
function mountsOf(
  project: ComposeProject,
  service: ComposeService,
  volumes: VolumeOptions,
  depth = 0,
): Mount[] | undefined {
  const own = (service.volumes ?? []).map((volume) => mountOf(project, volume, volumes))
  const files = [
    ...filesOf(service.secrets, project.secrets, '/run/secrets/'),
    ...filesOf(service.configs, project.configs, '/'),
  ]
  if (service.use_api_socket) {
    files.push({
      type: 'bind',
      source: engineSocket,
      target: engineSocket,
      isReadOnly: false,
      propagation: '',
    })
  }
  const borrowed = (service.volumes_from ?? []).map((from) => {
    const other = project.services?.[from.split(':')[0] ?? '']
    return other && depth < borrowedDepthMax ? mountsOf(project, other, volumes, depth + 1) : undefined
  })
  const all = [...own, ...files, ...borrowed].flat()
  return all.some((mount) => mount === undefined) ? undefined : (all as Mount[])
}

/** Compose mounts the files of secrets and configs as they are. */
function filesOf(
  wanted: readonly ComposeFileMount[] = [],
  there: Readonly<Record<string, { readonly file?: string } | null>> = {},
  folder: string,
): Mount[] {
  return wanted.map(({ source = '', target = `${folder}${source}` }) => ({
    type: 'secret',
    source: there[source]?.file ?? source,
    target,
    isReadOnly: true,
    propagation: '',
  }))
}

/** @returns undefined for a volume that is made elsewhere, and is not on this engine */
function mountOf(project: ComposeProject, volume: ComposeVolume, volumes: VolumeOptions): Mount | undefined {
  const { type = 'volume', source = '', target = '', read_only = false, bind } = volume
  const named = type === 'volume' ? (project.volumes?.[source] ?? undefined) : undefined
  const options = named?.external ? volumes.get(named.name ?? source) : (named?.driver_opts ?? {})
  if (options === undefined) return undefined
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
