// The shape of a health answer, shared by whoever makes it (`health/`), serves it (`http/`), exports it (`metrics/`)
// and prints it (`cli/`).

import type { StateName } from './lifecycle.ts'

/** From best to worst. */
export const checkStatuses = ['healthy', 'degraded', 'unhealthy'] as const

export type CheckStatus = (typeof checkStatuses)[number]

export interface CheckReport {
  readonly status: CheckStatus
  /** One line, free of secrets. */
  readonly message: string
  /** ISO time of the last change of `status`. */
  readonly since: string
  /** How long the last run took; 0 for what is known without a run. */
  readonly durationMs: number
}

/** The body of `/health`, `/readyz` and `/startupz`. */
export interface HealthReport {
  readonly status: CheckStatus
  readonly state: StateName
  readonly flow: string | null
  readonly instance: string | null
  readonly version: string
  readonly checks: Readonly<Record<string, CheckReport>>
}

/** 0 for healthy, 2 for unhealthy: the larger one is the worse one. */
export function severityOf(status: CheckStatus): number {
  return checkStatuses.indexOf(status)
}
