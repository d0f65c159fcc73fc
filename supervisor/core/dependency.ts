// What the gate, the health checks and the metrics know of a dependency, whichever kind it is.

export const failureReasons = [
  'name_resolution',
  'refused',
  'unreachable',
  'timeout',
  'tls',
  'authentication',
  'missing_database',
  'starting',
  'bad_answer',
] as const

export type FailureReason = (typeof failureReasons)[number]

export type CheckResult =
  | { readonly ok: true; readonly message: string }
  | { readonly ok: false; readonly reason: FailureReason; readonly message: string }

export interface Dependency {
  /** `rpa_db`, `prefect` */
  readonly name: string
  readonly kind: 'database' | 'service'
  readonly required: boolean
  /** The deep check: a session opened and its health query answered, or an HTTP answer read. Never rejects. */
  check(signal: AbortSignal): Promise<CheckResult>
  /** A cheap look (name resolved, TCP connection accepted) that tells whether a deep check is worth trying. Never rejects. */
  knock(signal: AbortSignal): Promise<boolean>
}

/** The name a dependency has in health answers, metrics and logs: `database:rpa_db`. */
export function checkName(dependency: Pick<Dependency, 'kind' | 'name'>): string {
  return `${dependency.kind}:${dependency.name}`
}
