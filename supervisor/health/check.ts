import type { CheckStatus } from '../core/health.ts'

export interface CheckOutcome {
  readonly status: CheckStatus
  readonly message: string
}

export interface HealthCheck {
  /** `database:rpa_db`, `memory`, or the name of a program. */
  readonly name: string
  readonly intervalMs: number
  readonly timeoutMs: number
  /** Its loss degrades the container and never makes it unhealthy: the flow goes on with what it has. */
  readonly dependency?: boolean
  /** Costs next to nothing: its first run is not put off to spread the load. */
  readonly instant?: boolean
  /** May reject: that is an unhealthy outcome. Has to give up when the signal aborts. */
  run(signal: AbortSignal): Promise<CheckOutcome>
}
