// What a container is run with, whether a Compose file says so or the engine does of one that runs. What could not be
// read is undefined; what was not asked for has the engine's default.

export interface Workload {
  readonly kind: 'service' | 'container'
  readonly name: string
  /** Of the Compose file that it comes from, if it comes from one. */
  readonly service: string | undefined
  readonly image: string
  readonly engine: Engine
  /** What the image says; undefined where it is not on this engine. */
  readonly imageFacts: ImageFacts | undefined
  /** It does its work and ends; others wait for that. */
  readonly isOneShot: boolean
  /** Given to it on its own, not by its image. */
  readonly labels: Readonly<Record<string, string>>

  /** As in `10001:10001`; empty for root. */
  readonly user: string | undefined
  readonly privileged: boolean | undefined
  /** In capitals, without `CAP_`. */
  readonly capabilitiesAdded: readonly string[] | undefined
  readonly capabilitiesDropped: readonly string[] | undefined
  /** `NAME=VALUE`, as in `seccomp=unconfined`; `no-new-privileges` as well. */
  readonly securityOptions: readonly string[] | undefined
  /** The profile that holds in a container that runs; empty for none. Undefined for a service. */
  readonly appArmorProfile: string | undefined
  readonly hasMaskedPaths: boolean | undefined
  readonly sysctls: readonly string[] | undefined

  /** `host`, `bridge`, `none`, `container:…`, or the name of a network. */
  readonly networkMode: string | undefined
  /** Names that the engine knows them by. */
  readonly networks: readonly string[] | undefined
  readonly pidMode: string | undefined
  readonly ipcMode: string | undefined
  readonly utsMode: string | undefined
  readonly userNamespaceMode: string | undefined
  readonly cgroupParent: string | undefined

  /** 0 for no limit. */
  readonly memoryBytes: number | undefined
  readonly hasCpuLimit: boolean | undefined
  /** 0 or less for no limit. */
  readonly pids: number | undefined
  readonly ulimits: readonly Ulimit[] | undefined
  readonly restart: Restart | undefined
  readonly health: 'checked' | 'disabled' | 'none' | undefined

  readonly isRootReadOnly: boolean | undefined
  readonly mounts: readonly Mount[] | undefined
  /** Paths on the host. */
  readonly devices: readonly string[] | undefined
  readonly publishesAll: boolean | undefined
  readonly ports: readonly Port[] | undefined
  readonly environment: readonly EnvironmentVariable[] | undefined
  /** Command lines: what it is told to run, or of a container all that run in it. */
  readonly commands: readonly string[] | undefined
}

export interface Engine {
  /** As in `seccomp`, `apparmor`, `selinux`, `userns`, `rootless`. */
  readonly securityOptions: ReadonlySet<string>
  /** Images that are built from this checkout, by the names the engine has for them. */
  readonly builtHere: ReadonlySet<string>
}

export interface ImageFacts {
  readonly user: string
  readonly entrypoint: readonly string[]
  readonly command: readonly string[]
  readonly hasHealthCheck: boolean
  /** ISO time. */
  readonly createdAt: string | undefined
  /** Container ports, as in `8088/tcp`. */
  readonly exposedPorts: readonly string[]
  readonly labels: Readonly<Record<string, string>>
}

export interface Ulimit {
  readonly name: string
  /** -1 for no limit. */
  readonly soft: number
  readonly hard: number
}

export interface Restart {
  /** `no`, `on-failure`, `always`, `unless-stopped`. */
  readonly policy: string
  /** 0 for no bound. */
  readonly retriesMax: number
}

/** Driver options of named volumes, by the names the engine has for them. */
export type VolumeOptions = ReadonlyMap<string, Readonly<Record<string, string>>>

export interface Mount {
  /** `secret` for the file of a secret or config. */
  readonly type: 'bind' | 'volume' | 'tmpfs' | 'secret' | 'other'
  /** On the host for `bind` and `secret`, else a name. */
  readonly source: string
  readonly target: string
  readonly isReadOnly: boolean
  /** As in `rprivate`; empty for the default. */
  readonly propagation: string
}

export interface Port {
  /** In the container, as in `8088/tcp`. */
  readonly container: string
  /** 0 for any that is free. */
  readonly host: number
  /** Empty for every address. */
  readonly address: string
}

export interface EnvironmentVariable {
  readonly name: string
  /** Looked at, never shown. */
  readonly value: string
}

/** Without `CAP_`, in capitals. */
export function capabilityName(text: string): string {
  return text.toUpperCase().replace(/^CAP_/, '')
}

/** `seccomp:unconfined` was once the way to write `seccomp=unconfined`. */
export function securityOption(text: string): string {
  return text.replace(/^([a-z-]+)[:=]/, '$1=')
}
