// Containers as `docker inspect` shows them, as workloads. Pure. A field that the engine doesn't give is undefined.

import { boundPath } from './from-compose.ts'
import {
  capabilityName,
  type Engine,
  type ImageFacts,
  type Mount,
  type Port,
  securityOption,
  type VolumeOptions,
  type Workload,
} from './workload.ts'

export interface InspectedContainer {
  readonly Id: string
  readonly Name: string
  /** Id of its image. */
  readonly Image: string
  readonly AppArmorProfile?: string
  readonly State?: { readonly Status?: string }
  readonly Config?: {
    readonly Image?: string
    readonly User?: string
    readonly Env?: readonly string[] | null
    readonly Labels?: Readonly<Record<string, string>> | null
    readonly Healthcheck?: { readonly Test?: readonly string[] | null } | null
  }
  readonly HostConfig?: HostConfig
  readonly NetworkSettings?: { readonly Networks?: Readonly<Record<string, unknown>> | null }
  readonly Mounts?: readonly InspectedMount[] | null
}

interface HostConfig {
  readonly Privileged?: boolean
  readonly CapAdd?: readonly string[] | null
  readonly CapDrop?: readonly string[] | null
  readonly SecurityOpt?: readonly string[] | null
  readonly MaskedPaths?: readonly string[] | null
  readonly ReadonlyPaths?: readonly string[] | null
  readonly Sysctls?: Readonly<Record<string, string>> | null
  readonly NetworkMode?: string
  readonly PidMode?: string
  readonly IpcMode?: string
  readonly UTSMode?: string
  readonly UsernsMode?: string
  readonly CgroupParent?: string
  readonly Memory?: number
  readonly NanoCpus?: number
  readonly CpuShares?: number
  readonly CpuQuota?: number
  readonly PidsLimit?: number | null
  readonly Ulimits?: readonly { readonly Name: string; readonly Soft: number; readonly Hard: number }[] | null
  readonly RestartPolicy?: { readonly Name?: string; readonly MaximumRetryCount?: number }
  readonly ReadonlyRootfs?: boolean
  readonly Devices?: readonly { readonly PathOnHost?: string }[] | null
  readonly DeviceCgroupRules?: readonly string[] | null
  readonly DeviceRequests?: readonly { readonly Driver?: string }[] | null
  readonly PublishAllPorts?: boolean
  readonly PortBindings?: Readonly<
    Record<string, readonly { readonly HostIp?: string; readonly HostPort?: string }[] | null>
  > | null
}

interface InspectedMount {
  readonly Type?: string
  readonly Name?: string
  readonly Source?: string
  readonly Destination?: string
  readonly RW?: boolean
  readonly Propagation?: string
}

export interface Surroundings {
  readonly engine: Engine
  /** What the images say, by their ids. */
  readonly images: ReadonlyMap<string, ImageFacts>
  /** Command lines of what runs in a container, by its id; undefined where they can't be had. */
  readonly processes: ReadonlyMap<string, readonly string[]>
  readonly volumes: VolumeOptions
}

export const serviceLabel = 'com.docker.compose.service'

export function workloadOf(container: InspectedContainer, around: Surroundings): Workload {
  const { Config: config, HostConfig: host, NetworkSettings: network } = container
  const facts = around.images.get(container.Image)
  const labels = config?.Labels ?? {}
  return {
    kind: 'container',
    name: container.Name.replace(/^\//, ''),
    service: labels[serviceLabel],
    image: config?.Image ?? container.Image,
    engine: around.engine,
    imageFacts: facts,
    isOneShot: false,
    labels: ownLabels(labels, facts),
    user: config?.User,
    privileged: host?.Privileged,
    capabilitiesAdded: listOf(host, 'CapAdd')?.map(capabilityName),
    capabilitiesDropped: listOf(host, 'CapDrop')?.map(capabilityName),
    securityOptions: listOf(host, 'SecurityOpt')?.map(securityOption),
    appArmorProfile: container.AppArmorProfile,
    hasMaskedPaths: hasMaskedPaths(host),
    // The engine leaves the field out where there are none.
    sysctls: host && Object.keys(host.Sysctls ?? {}),
    networkMode: host?.NetworkMode,
    networks: network?.Networks === undefined ? undefined : Object.keys(network.Networks ?? {}),
    pidMode: host?.PidMode,
    ipcMode: host?.IpcMode,
    utsMode: host?.UTSMode,
    userNamespaceMode: host?.UsernsMode,
    cgroupParent: host?.CgroupParent,
    memoryBytes: host?.Memory,
    hasCpuLimit: hasCpuLimit(host),
    pids: host && 'PidsLimit' in host ? (host.PidsLimit ?? 0) : undefined,
    ulimits: listOf(host, 'Ulimits')?.map(({ Name, Soft, Hard }) => ({ name: Name, soft: Soft, hard: Hard })),
    restart: host?.RestartPolicy && {
      policy: host.RestartPolicy.Name || 'no',
      retriesMax: host.RestartPolicy.MaximumRetryCount ?? 0,
    },
    health: healthOf(config),
    isRootReadOnly: host?.ReadonlyRootfs,
    mounts: container.Mounts === undefined ? undefined : mountsOf(container.Mounts ?? [], around),
    devices: devicesOf(host),
    publishesAll: host?.PublishAllPorts,
    ports: host?.PortBindings === undefined ? undefined : portsOf(host.PortBindings ?? {}),
    environment: config?.Env === undefined ? undefined : (config.Env ?? []).map(variableOf),
    commands: around.processes.get(container.Id),
  }
}

/** An image must not excuse the containers that are made of it. */
function ownLabels(
  labels: Readonly<Record<string, string>>,
  facts: ImageFacts | undefined,
): Record<string, string> {
  if (facts === undefined) return {}
  return Object.fromEntries(Object.entries(labels).filter(([name, value]) => facts.labels[name] !== value))
}

/** The engine writes null for an empty list; a field that isn't there was not read. */
function listOf<Key extends keyof HostConfig>(
  host: HostConfig | undefined,
  key: Key,
): Extract<HostConfig[Key], readonly unknown[]> | undefined {
  if (host === undefined || !(key in host)) return undefined
  return (host[key] ?? []) as Extract<HostConfig[Key], readonly unknown[]>
}

/** Of a privileged container, and with `systempaths=unconfined`, both are empty. */
function hasMaskedPaths(host: HostConfig | undefined): boolean | undefined {
  const masked = listOf(host, 'MaskedPaths')
  const readOnly = listOf(host, 'ReadonlyPaths')
  return masked && readOnly && masked.length > 0 && readOnly.length > 0
}

function hasCpuLimit(host: HostConfig | undefined): boolean | undefined {
  if (host?.NanoCpus === undefined) return undefined
  return [host.NanoCpus, host.CpuShares, host.CpuQuota].some((value) => (value ?? 0) > 0)
}

function devicesOf(host: HostConfig | undefined): string[] | undefined {
  const requested = (host?.DeviceRequests ?? []).map(({ Driver }) => `device of ${Driver || 'a driver'}`)
  const paths = listOf(host, 'Devices')?.map(({ PathOnHost = '?' }) => PathOnHost)
  return paths && [...paths, ...(host?.DeviceCgroupRules ?? []), ...requested]
}

function healthOf(config: InspectedContainer['Config']): Workload['health'] {
  if (config === undefined) return undefined
  const test = config.Healthcheck?.Test ?? []
  if (test[0] === 'NONE') return 'disabled'
  return test.length > 0 ? 'checked' : 'none'
}

/** @returns undefined when the engine doesn't say what one of the volumes is */
function mountsOf(mounts: readonly InspectedMount[], { volumes }: Surroundings): Mount[] | undefined {
  const all = mounts.map((mount) => mountOf(mount, volumes))
  return all.some((mount) => mount === undefined) ? undefined : (all as Mount[])
}

function mountOf(mount: InspectedMount, volumes: VolumeOptions): Mount | undefined {
  const { Type, Name = '', Source = '', Destination = '', RW = true, Propagation = '' } = mount
  const options = Type === 'volume' ? volumes.get(Name) : {}
  if (options === undefined) return undefined
  const bound = boundPath(options)
  const isSecret = Type === 'bind' && !RW && Destination.startsWith('/run/secrets/')
  const isKnown = Type === 'bind' || Type === 'volume' || Type === 'tmpfs'
  return {
    type: isSecret ? 'secret' : bound !== undefined ? 'bind' : isKnown ? Type : 'other',
    source: bound ?? (Type === 'volume' ? Name : Source),
    target: Destination,
    isReadOnly: !RW,
    propagation: Propagation,
  }
}

function portsOf(bindings: NonNullable<HostConfig['PortBindings']>): Port[] {
  return Object.entries(bindings).flatMap(([container, addresses]) =>
    (addresses ?? []).map(({ HostIp = '', HostPort = '' }) => ({
      container,
      host: Number.parseInt(HostPort, 10) || 0,
      address: HostIp,
    })),
  )
}

function variableOf(pair: string): { name: string; value: string } {
  const [name = '', ...value] = pair.split('=')
  return { name, value: value.join('=') }
}
