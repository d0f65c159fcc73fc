// The settings as the rest of the supervisor sees them: parsed, bounded, with units in the names and secrets wrapped.

import type { Secret } from '../core/secret.ts'

export const environments = ['development', 'test', 'staging', 'production'] as const
export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const
export const readyModes = ['alive', 'notify'] as const
export const reloadModes = ['restart', 'keep'] as const
export const securityEnforcements = ['off', 'warn', 'high', 'critical'] as const
export const restartPolicies = ['never', 'on-failure', 'always'] as const

export interface DatabaseSettings {
  readonly url: Secret
  readonly poolSize: number
  readonly connectTimeoutMs: number
  readonly healthQuery: string
  readonly required: boolean
}

export interface ServiceSettings {
  /** Without credentials: those that stood in the URL are in `auth`. */
  readonly url: Secret
  readonly healthPath: string
  readonly timeoutMs: number
  readonly required: boolean
  /** For `Authorization: Bearer`. At most one of `token` and `auth` is set. */
  readonly token: Secret | undefined
  /** `user:password`, decoded, for `Authorization: Basic`. */
  readonly auth: Secret | undefined
}

export interface Settings {
  readonly flow: {
    readonly name: string
    readonly ready: (typeof readyModes)[number]
    readonly readyAfterMs: number
    readonly readyTimeoutMs: number
    /** Undefined: a flow may be idle for as long as it likes. */
    readonly stuckAfterMs: number | undefined
    /** What other settings in the files mean for the flow that runs. */
    readonly reload: (typeof reloadModes)[number]
    readonly user: { readonly uid: number; readonly gid: number } | undefined
  }
  readonly environment: (typeof environments)[number]
  readonly instanceId: string
  readonly log: { readonly level: (typeof logLevels)[number] }
  /** No prototype, so that a database may have any name. Keys are lower case. */
  readonly databases: Readonly<Record<string, DatabaseSettings>>
  /** No prototype either. */
  readonly services: Readonly<Record<string, ServiceSettings>>
  readonly gate: { readonly timeoutMs: number; readonly backoffMinMs: number; readonly backoffMaxMs: number }
  readonly http: { readonly host: string; readonly port: number }
  readonly control: { readonly socket: string }
  readonly state: { readonly directory: string }
  readonly stop: {
    /** `SIGTERM`, or `SIGRTMIN+3` */
    readonly signal: string
    readonly graceMs: number
    readonly drainMs: number
  }
  readonly restart: {
    readonly policy: (typeof restartPolicies)[number]
    readonly backoffMinMs: number
    readonly backoffMaxMs: number
    /** Restarts within the window after which the flow is given up on. */
    readonly max: number
    readonly windowMs: number
  }
  /** Bounds of the local operation queue. */
  readonly queue: {
    readonly maxOperations: number
    readonly maxBytes: number
    readonly maxAgeMs: number
  }
  readonly records: {
    /** Undefined where several databases are named and none is chosen, or there is none. */
    readonly database: string | undefined
    readonly leaseMs: number
    readonly timeoutMs: number
    readonly maxAttempts: number
  }
  readonly performance: {
    /** 0: only when asked. */
    readonly intervalMs: number
  }
  readonly health: { readonly directory: string; readonly intervalMs: number; readonly timeoutMs: number }
  /** Percent that are free; 0 is never reached. */
  readonly disk: { readonly lowPercent: number; readonly criticalPercent: number }
  readonly cleanup: {
    readonly paths: readonly string[]
    readonly maxAgeMs: number
    /** A cron expression in UTC. */
    readonly schedule: string
  }
  readonly alerts: {
    /** Without credentials: those that stood in the URL are beside it, as `user:password`, decoded. */
    readonly alertmanagerUrl: Secret | undefined
    readonly alertmanagerAuth: Secret | undefined
    readonly webhookUrl: Secret | undefined
    readonly webhookAuth: Secret | undefined
    readonly pagerDutyKey: Secret | undefined
    readonly pagerDutyUrl: string
  }
  readonly security: {
    readonly enforce: (typeof securityEnforcements)[number]
    /** Ids of checks: `S14` */
    readonly accepted: readonly string[]
    readonly allowedPorts: readonly number[]
    readonly allowedSetuid: readonly string[]
  }
}
