// From convict's values, named as people name them, to the settings the parts take.

import { Secret } from '../core/secret.ts'
import { splitAlertUrl } from './alert-urls.ts'
import { databaseUrl } from './database-url.ts'
import type { databaseSchema, schema, serviceSchema, Values } from './schema.ts'
import { splitCredentials } from './service-url.ts'
import type { DatabaseSettings, ServiceSettings, Settings } from './settings.ts'

export interface Groups {
  readonly databases: ReadonlyMap<string, Values<ReturnType<typeof databaseSchema>>>
  readonly services: ReadonlyMap<string, Values<ReturnType<typeof serviceSchema>>>
}

export function buildSettings(values: Values<typeof schema>, groups: Groups, hostname: string): Settings {
  return {
    flow: {
      name: values.flow.name,
      ready: values.flow.ready,
      readyAfterMs: values.flow.ready_after,
      readyTimeoutMs: values.flow.ready_timeout,
      stuckAfterMs: values.flow.stuck_after ?? undefined,
      reload: values.flow.reload,
      user: values.flow.user === null ? undefined : userOf(values.flow.user),
    },
    environment: values.environment,
    instanceId: values.instance.id ?? instanceOf(hostname),
    log: { level: values.log.level },
    databases: mapGroups(groups.databases, databaseOf),
    services: mapGroups(groups.services, serviceOf),
    gate: {
      timeoutMs: values.gate.timeout,
      backoffMinMs: values.gate.backoff_min,
      backoffMaxMs: values.gate.backoff_max,
    },
    http: { host: values.http.host, port: values.http.port },
    control: { socket: values.control.socket },
    state: { directory: values.state.directory },
    stop: { signal: values.stop.signal, graceMs: values.stop.grace, drainMs: values.stop.drain },
    restart: {
      policy: values.restart.policy,
      backoffMinMs: values.restart.backoff_min,
      backoffMaxMs: values.restart.backoff_max,
      max: values.restart.max,
      windowMs: values.restart.window,
    },
    queue: {
      maxOperations: values.queue.max_operations,
      maxBytes: values.queue.max_bytes,
      maxAgeMs: values.queue.max_age,
    },
    records: {
      database: values.records.database ?? onlyOne([...groups.databases.keys()]),
      leaseMs: values.records.lease,
      timeoutMs: values.records.timeout,
      maxAttempts: values.records.max_attempts,
    },
    performance: { intervalMs: values.performance.interval },
    health: {
      directory: values.healthchecks.directory,
      intervalMs: values.health.interval,
      timeoutMs: values.health.timeout,
    },
    disk: { lowPercent: values.disk.low_percent, criticalPercent: values.disk.critical_percent },
    cleanup: {
      paths: itemsOf(values.cleanup.paths),
      maxAgeMs: values.cleanup.max_age,
      schedule: values.cleanup.schedule,
    },
    alerts: alertsOf(values.alert),
    security: {
      enforce: values.security.enforce,
      accepted: itemsOf(values.security.accepted),
      allowedPorts: itemsOf(values.security.allowed_ports).map(Number),
      allowedSetuid: itemsOf(values.security.allowed_setuid),
    },
  }
}

function onlyOne<T>(items: readonly T[]): T | undefined {
  return items.length === 1 ? items[0] : undefined
}

/** Of a list whose format has checked every item. */
function itemsOf(list: string | null): string[] {
  return list === null ? [] : list.split(',')
}

/** A host name may hold characters that an instance id cannot; it must never be what a start fails of. */
export function instanceOf(hostname: string): string {
  return hostname.replace(/[^A-Za-z0-9._:-]/g, '-').slice(0, 128) || 'localhost'
}

/** A group with the number of the user is what images make for one. */
function userOf(text: string): { uid: number; gid: number } {
  const [uid, gid] = text.split(':').map(Number)
  return { uid: uid as number, gid: gid ?? (uid as number) }
}

function mapGroups<From, To>(
  groups: ReadonlyMap<string, From>,
  convert: (from: From) => To,
): Record<string, To> {
  const mapped: Record<string, To> = Object.create(null)
  for (const [name, group] of groups) mapped[name] = convert(group)
  return mapped
}

function databaseOf(values: Values<ReturnType<typeof databaseSchema>>): DatabaseSettings {
  return {
    url: new Secret(values.url, String(databaseUrl.show(values.url))),
    poolSize: values.pool_size,
    connectTimeoutMs: values.connect_timeout,
    healthQuery: values.health_query,
    required: values.required,
  }
}

function alertsOf(values: Values<typeof schema>['alert']): Settings['alerts'] {
  const alertmanager = splitAlertUrl(values.alertmanager_url)
  const webhook = splitAlertUrl(values.webhook_url)
  return {
    alertmanagerUrl: alertmanager.url,
    alertmanagerAuth: alertmanager.auth,
    webhookUrl: webhook.url,
    webhookAuth: webhook.auth,
    pagerDutyKey: values.pagerduty_key === null ? undefined : new Secret(values.pagerduty_key),
    pagerDutyUrl: values.pagerduty_url,
  }
}

function serviceOf(values: Values<ReturnType<typeof serviceSchema>>): ServiceSettings {
  const { url, credentials } = splitCredentials(values.url)
  const auth = credentials ?? values.auth
  return {
    url: new Secret(url, url),
    healthPath: values.health_path,
    timeoutMs: values.timeout,
    required: values.required,
    token: values.token === null ? undefined : new Secret(values.token),
    auth: auth === null ? undefined : new Secret(auth),
  }
}
