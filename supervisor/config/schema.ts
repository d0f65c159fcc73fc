// Every variable, once: what it means, what it accepts, its default, whether it is a secret. Convict holds this tree.
// The path in the tree is the path in `flowkeep config`, and the variable follows from it: `stop.grace` is
// `CONTAINER_STOP_GRACE`, and `pool_size` of the database `rpa_db` is `CONTAINER_DATABASE_RPA_DB_POOL_SIZE`.
// To add a variable add an entry here, its place in `settings.ts`, and its line in `build.ts`.

import { alertmanagerUrl, pagerDutyKey, pagerDutyUrl, webhookUrl } from './alert-urls.ts'
import { basicCredentials, bearerToken } from './credentials.ts'
import { databaseUrl } from './database-url.ts'
import type { Format } from './format.ts'
import * as formats from './formats.ts'
import { prefectUrl, serviceUrl } from './service-url.ts'
import {
  environments,
  logLevels,
  readyModes,
  reloadModes,
  restartPolicies,
  securityEnforcements,
} from './settings.ts'
import { stopSignal } from './stop-signal.ts'

/** An entry of convict's schema, which names its format by the sentence the format is registered under. */
export interface Setting<T> {
  readonly env: string
  readonly doc: string
  readonly format: string
  /** As a person would write it; null when there is none. */
  readonly default: string | null
  /** With no default: whether it may stay unset. */
  readonly nullable: boolean
  readonly sensitive: boolean
  /** What the reference says of a default that is not a fixed text. */
  readonly defaultNote?: string
  /** What the value becomes; present in types only. */
  readonly valueType?: T
}

export interface Tree {
  readonly [key: string]: Setting<unknown> | Tree
}

/** The values convict gives for a tree. */
export type Values<S> = { readonly [K in keyof S]: S[K] extends Setting<infer V> ? V : Values<S[K]> }

type Value = string | number | boolean
interface Options {
  readonly secret?: true
  readonly defaultNote?: string
}

function setting<T extends Value>(env: string, format: Format<T>, fallback: string, doc: string): Setting<T> {
  return { env, doc, format: format.expected, default: fallback, nullable: false, sensitive: false }
}

function required<T extends Value>(
  env: string,
  format: Format<T>,
  doc: string,
  options: Options = {},
): Setting<T> {
  const { secret, ...rest } = options
  return {
    env,
    doc,
    format: format.expected,
    default: null,
    nullable: false,
    sensitive: secret ?? false,
    ...rest,
  }
}

function optional<T extends Value>(
  env: string,
  format: Format<T>,
  doc: string,
  options: Options = {},
): Setting<T | null> {
  return { ...required(env, format, doc, options), nullable: true }
}

const { boolean, choice, duration, integer, size } = formats

export const schema = {
  flow: {
    name: required(
      'CONTAINER_FLOW_NAME',
      formats.flowName,
      'Name of the flow in logs, metrics and health answers.',
    ),
    ready: setting(
      'CONTAINER_FLOW_READY',
      choice(readyModes),
      'alive',
      'When the flow counts as running: `alive` once it has been up for `CONTAINER_FLOW_READY_AFTER`, `notify` once it says so itself.',
    ),
    ready_after: setting(
      'CONTAINER_FLOW_READY_AFTER',
      duration('0s', '1h'),
      '1s',
      'With `alive`: how long the flow must have been up.',
    ),
    ready_timeout: setting(
      'CONTAINER_FLOW_READY_TIMEOUT',
      duration('100ms', '24h'),
      '5m',
      'A flow that is not ready after this has failed.',
    ),
    stuck_after: optional(
      'CONTAINER_FLOW_STUCK_AFTER',
      duration('1s', '7d'),
      'A flow that lives but makes no progress for this long is restarted. Set it longer than one record may take, and than the flow may be silent.',
      { defaultNote: 'off' },
    ),
    reload: setting(
      'CONTAINER_FLOW_RELOAD',
      choice(reloadModes),
      'restart',
      'What a changed settings or secret file means for the flow: `restart` it, or `keep` it running while the supervisor takes the new settings. `keep` is for flows that read none of these files themselves.',
    ),
    user: optional(
      'CONTAINER_FLOW_USER',
      formats.flowUser,
      'User, and group if it differs, that the flow runs as when the container starts as root.',
    ),
  },
  environment: setting(
    'CONTAINER_ENVIRONMENT',
    choice(environments),
    'development',
    'What the container is part of.',
  ),
  instance: {
    id: optional('CONTAINER_INSTANCE_ID', formats.instanceId, 'Name of this container among its replicas.', {
      defaultNote: 'the host name',
    }),
  },
  log: {
    level: setting('CONTAINER_LOG_LEVEL', choice(logLevels, true), 'info', 'Least level that is logged.'),
  },
  gate: {
    timeout: setting(
      'CONTAINER_GATE_TIMEOUT',
      duration('100ms', '7d'),
      '5m',
      'How long to wait for the required dependencies before giving up.',
    ),
    backoff_min: setting(
      'CONTAINER_GATE_BACKOFF_MIN',
      duration('1ms', '1h'),
      '250ms',
      'Upper bound of the first pause between two attempts; it doubles from there.',
    ),
    backoff_max: setting(
      'CONTAINER_GATE_BACKOFF_MAX',
      duration('1ms', '1h'),
      '15s',
      'Upper bound of every later pause.',
    ),
  },
  http: {
    host: setting('CONTAINER_HTTP_HOST', formats.listenHost, '0.0.0.0', 'Address of the health endpoints.'),
    port: setting('CONTAINER_HTTP_PORT', integer(1, 65_535), '8088', 'Port of the health endpoints.'),
  },
  control: {
    socket: setting(
      'CONTAINER_CONTROL_SOCKET',
      formats.absolutePath('a Unix socket', 107),
      '/run/flowkeep/control.sock',
      'Unix socket the flow and the commands talk to the supervisor through.',
    ),
  },
  state: {
    directory: setting(
      'CONTAINER_STATE_DIRECTORY',
      formats.absolutePath('a directory', 4095),
      '/var/lib/flowkeep',
      'What must outlive the container; put a volume here.',
    ),
  },
  health: {
    interval: setting(
      'CONTAINER_HEALTH_INTERVAL',
      duration('100ms', '1h'),
      '10s',
      'Pause between two runs of a health check.',
    ),
    timeout: setting(
      'CONTAINER_HEALTH_TIMEOUT',
      duration('10ms', '10m'),
      '5s',
      'How long one run of a health check may take.',
    ),
  },
  performance: {
    interval: setting(
      'CONTAINER_PERFORMANCE_INTERVAL',
      duration('0s', '1h'),
      '15s',
      'Pause between two samples of what the container uses, for `flowkeep performance`; `0s` takes one only when it is asked.',
    ),
  },
  healthchecks: {
    directory: setting(
      'CONTAINER_HEALTHCHECKS_DIRECTORY',
      formats.absolutePath('a directory', 4095),
      '/opt/flowkeep/healthchecks',
      'Programs that check more than Flowkeep does by itself, one file each.',
    ),
  },
  stop: {
    signal: setting('CONTAINER_STOP_SIGNAL', stopSignal, 'SIGTERM', 'Signal that asks the flow to end.'),
    grace: setting(
      'CONTAINER_STOP_GRACE',
      duration('1s', '1h'),
      '8s',
      'Time for everything between the stop signal and the exit. Docker kills after 10s, Kubernetes after 30s, unless told otherwise.',
    ),
    drain: setting(
      'CONTAINER_STOP_DRAIN',
      duration('0s', '1h'),
      '0s',
      'Part of the grace in which the container is unready but still works, so that load balancers notice. At most 75% of it.',
    ),
  },
  restart: {
    policy: setting(
      'CONTAINER_RESTART_POLICY',
      choice(restartPolicies),
      'on-failure',
      'Whether a flow that ended is started again in the same container.',
    ),
    backoff_min: setting(
      'CONTAINER_RESTART_BACKOFF_MIN',
      duration('1ms', '24h'),
      '500ms',
      'Upper bound of the first pause before a restart; it doubles from there.',
    ),
    backoff_max: setting(
      'CONTAINER_RESTART_BACKOFF_MAX',
      duration('1ms', '24h'),
      '30s',
      'Upper bound of every later pause.',
    ),
    max: setting(
      'CONTAINER_RESTART_MAX',
      integer(0, 10_000),
      '5',
      'Restarts within the window after which the container gives up.',
    ),
    window: setting(
      'CONTAINER_RESTART_WINDOW',
      duration('1s', '30d'),
      '1m',
      'The window restarts are counted in.',
    ),
  },
  queue: {
    max_operations: setting(
      'CONTAINER_QUEUE_MAX_OPERATIONS',
      integer(1, 100_000_000),
      '1000000',
      'Operations that may wait in the local queue; further ones are answered with 429.',
    ),
    max_bytes: setting(
      'CONTAINER_QUEUE_MAX_BYTES',
      size('4KiB', '1TiB'),
      '1GiB',
      'Bytes they may take on disk. Give the volume of `CONTAINER_STATE_DIRECTORY` more than that.',
    ),
    max_age: setting(
      'CONTAINER_QUEUE_MAX_AGE',
      duration('1s', '365d'),
      '7d',
      'An operation that has waited longer becomes a dead letter. Databases remember the ids of applied ones for longer than this.',
    ),
  },
  records: {
    database: optional(
      'CONTAINER_RECORDS_DATABASE',
      formats.databaseName,
      'Database that holds the records.',
      { defaultNote: 'the only database' },
    ),
    lease: setting(
      'CONTAINER_RECORDS_LEASE',
      duration('1s', '1h'),
      '30s',
      'How long records stay with a container that is not heard of any more. It is renewed three times within.',
    ),
    timeout: setting(
      'CONTAINER_RECORDS_TIMEOUT',
      duration('1s', '7d'),
      '15m',
      'How long a flow may hold one record; then it is taken back even if the flow lives.',
    ),
    max_attempts: setting(
      'CONTAINER_RECORDS_MAX_ATTEMPTS',
      integer(1, 1000),
      '5',
      'Attempts after which a record has failed for good.',
    ),
  },
  disk: {
    low_percent: setting(
      'CONTAINER_DISK_LOW_PERCENT',
      integer(0, 99),
      '15',
      'Percent of a file system that are free below which it is low: clean-up begins, health is degraded. Watched are the state directory, `/tmp` and the clean-up paths, space and inodes. 0 turns it off.',
    ),
    critical_percent: setting(
      'CONTAINER_DISK_CRITICAL_PERCENT',
      integer(0, 99),
      '5',
      'Below this no records are claimed, and health is unhealthy. 0 turns it off.',
    ),
  },
  cleanup: {
    paths: optional(
      'CONTAINER_CLEANUP_PATHS',
      formats.cleanupPaths,
      'Directories in which Flowkeep may remove files: those of `CONTAINER_CLEANUP_MAX_AGE`, and rotated logs where a disk is low. No link is followed.',
    ),
    max_age: setting(
      'CONTAINER_CLEANUP_MAX_AGE',
      duration('1s', '365d'),
      '1d',
      'How long nobody has changed or read a file there when it goes. An open one stays, and so do directories.',
    ),
    schedule: setting(
      'CONTAINER_CLEANUP_SCHEDULE',
      formats.cronSchedule,
      '*/10 * * * *',
      'When they are cleaned up. A low disk is cleaned up at once.',
    ),
  },
  alert: {
    alertmanager_url: optional(
      'CONTAINER_ALERT_ALERTMANAGER_URL',
      alertmanagerUrl,
      'Alertmanager that alerts are sent to. Credentials in the URL are sent as Basic authentication.',
      { secret: true },
    ),
    webhook_url: optional(
      'CONTAINER_ALERT_WEBHOOK_URL',
      webhookUrl,
      'Webhook that alerts are sent to, in the form of Alertmanager’s own.',
      { secret: true },
    ),
    pagerduty_key: optional(
      'CONTAINER_ALERT_PAGERDUTY_KEY',
      pagerDutyKey,
      'PagerDuty service that alerts are sent to.',
      { secret: true },
    ),
    pagerduty_url: setting(
      'CONTAINER_ALERT_PAGERDUTY_URL',
      pagerDutyUrl,
      'https://events.pagerduty.com',
      'Base of PagerDuty’s Events API; `https://events.eu.pagerduty.com` for the EU.',
    ),
  },
  security: {
    enforce: setting(
      'CONTAINER_SECURITY_ENFORCE',
      choice(securityEnforcements),
      'warn',
      'What the security checks do at the start: `warn` logs what they find, `high` and `critical` refuse a start in which a check of that severity or worse fails.',
    ),
    accepted: optional(
      'CONTAINER_SECURITY_ACCEPTED',
      formats.securityChecks,
      'Checks whose findings are known and accepted: they are shown, but refuse no start.',
    ),
    allowed_ports: optional(
      'CONTAINER_SECURITY_ALLOWED_PORTS',
      formats.ports,
      'Ports the flow is meant to listen on, beside `CONTAINER_HTTP_PORT`.',
    ),
    allowed_setuid: optional(
      'CONTAINER_SECURITY_ALLOWED_SETUID',
      formats.absolutePaths,
      'Programs that are meant to be setuid or setgid.',
    ),
  },
  config: {
    file: optional(
      'CONTAINER_CONFIG_FILE',
      formats.configFilePath,
      'File with `NAME=value` lines that rank below the environment.',
    ),
  },
} satisfies Tree

/** @param prefix such as `CONTAINER_DATABASE_RPA_DB` */
export function databaseSchema(prefix: string) {
  return {
    url: required(`${prefix}_URL`, databaseUrl, 'Where the database is and who connects.', { secret: true }),
    pool_size: setting(`${prefix}_POOL_SIZE`, integer(1, 1000), '5', 'Most connections at one time.'),
    connect_timeout: setting(
      `${prefix}_CONNECT_TIMEOUT`,
      duration('10ms', '10m'),
      '5s',
      'How long one attempt to open a session may take.',
    ),
    health_query: setting(
      `${prefix}_HEALTH_QUERY`,
      formats.sqlQuery,
      'select 1',
      'Query that must be answered for the database to count as healthy.',
    ),
    required: setting(`${prefix}_REQUIRED`, boolean, 'true', 'Whether the flow waits for it.'),
  } satisfies Tree
}

/** @param prefix such as `CONTAINER_SERVICE_PREFECT` */
export function serviceSchema(prefix: string) {
  const isPrefect = prefix === 'CONTAINER_SERVICE_PREFECT'
  return {
    url: required(
      `${prefix}_URL`,
      isPrefect ? prefectUrl : serviceUrl,
      'Where the service is. Credentials in it are sent as Basic authentication.',
      { secret: true, defaultNote: 'for `PREFECT` that of `PREFECT_API_URL`' },
    ),
    health_path: {
      ...setting(
        `${prefix}_HEALTH_PATH`,
        formats.healthPath,
        isPrefect ? '/ready' : '/',
        'Path below the URL that answers 2xx when the service is healthy.',
      ),
      defaultNote: '`/`, for `PREFECT` `/ready`',
    },
    timeout: setting(`${prefix}_TIMEOUT`, duration('10ms', '10m'), '5s', 'How long an answer may take.'),
    required: setting(
      `${prefix}_REQUIRED`,
      boolean,
      'true',
      'Whether the first start of the flow waits for it.',
    ),
    token: optional(`${prefix}_TOKEN`, bearerToken, 'Sent as `Authorization: Bearer`.', {
      secret: true,
      defaultNote: 'for `PREFECT` that of `PREFECT_API_KEY`',
    }),
    auth: optional(`${prefix}_AUTH`, basicCredentials, 'Sent as `Authorization: Basic`.', {
      secret: true,
      defaultNote: 'for `PREFECT` that of `PREFECT_API_AUTH_STRING`',
    }),
  } satisfies Tree
}

/** A kind of thing there may be several of, each under a name of its own. */
export interface Family {
  /** Its key in the settings. */
  readonly section: 'databases' | 'services'
  readonly prefix: string
  schemaFor(groupPrefix: string): Tree
}

export const families: readonly Family[] = [
  { section: 'databases', prefix: 'CONTAINER_DATABASE', schemaFor: databaseSchema },
  { section: 'services', prefix: 'CONTAINER_SERVICE', schemaFor: serviceSchema },
]

/** Handed to the flow as it is; Flowkeep does not look at it. */
export const passedThroughPrefix = 'CONTAINER_APP_'

export interface Leaf {
  /** Within the tree: `stop.grace`, or `url`. */
  readonly path: string
  readonly setting: Setting<unknown>
}

/** The entries of a tree in the order they are written in. */
export function leavesOf(tree: Tree, above = ''): Leaf[] {
  return Object.entries(tree).flatMap(([key, node]) => {
    const path = `${above}${key}`
    return isSetting(node) ? [{ path, setting: node }] : leavesOf(node, `${path}.`)
  })
}

function isSetting(node: Setting<unknown> | Tree): node is Setting<unknown> {
  return typeof node['env'] === 'string'
}
