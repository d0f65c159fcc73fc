// Runs the health checks, each on its own schedule, and says at any moment how the container is. Asking costs nothing:
// a request never starts a check.

import type { Clock } from '../core/clock.ts'
import type { CheckReport, CheckStatus, HealthReport } from '../core/health.ts'
import type { StateName } from '../core/lifecycle.ts'
import { limits } from '../core/limits.ts'
import type { Logger } from '../core/logger.ts'
import type { Redact } from '../core/secret.ts'
import type { CheckOutcome, HealthCheck } from './check.ts'
import { type FlowView, flowOutcome } from './flow-check.ts'
import { ScheduledCheck } from './scheduled-check.ts'
import { type CheckVerdict, overallStatus } from './status.ts'

export interface MonitorParts {
  readonly clock: Clock
  random(): number
  readonly redact: Redact
  readonly logger: Logger
  readonly flowName: string
  readonly instance: string
  readonly version: string
  state(): StateName
  flow(): FlowView
}

/** Names that no program may take. */
export const reservedCheckNames: ReadonlySet<string> = new Set([
  ...['flow', 'memory', 'queue', 'disk', 'configuration'],
])

export class HealthMonitor {
  readonly #parts: MonitorParts
  readonly #scheduled = new Map<string, ScheduledCheck>()
  readonly #notes = new Map<string, CheckOutcome & { readonly sinceMs: number }>()

  constructor(parts: MonitorParts) {
    this.#parts = parts
  }

  /** Also replaces the checks after a reload: one that keeps its name keeps its last result until the next. */
  start(checks: readonly HealthCheck[]): void {
    const before = new Map(this.#scheduled)
    this.#scheduled.clear()
    for (const check of checks) {
      const scheduled = new ScheduledCheck(
        check,
        {
          clock: this.#parts.clock,
          random: this.#parts.random,
          present: (message) => this.#present(message),
          changed: (of, from, to) => this.#changed(of, from, to),
        },
        before.get(check.name),
      )
      this.#scheduled.set(check.name, scheduled)
      scheduled.runSoon()
    }
    for (const old of before.values()) void old.stop()
  }

  /** Runs every check again soon, for when the state has changed and the last results may not hold any more. */
  refresh(): void {
    for (const scheduled of this.#scheduled.values()) scheduled.runSoon()
  }

  /** Takes a result from elsewhere: the gate's, before the first run of our own. Unknown names are ignored. */
  record(name: string, outcome: CheckOutcome, durationMs: number): void {
    this.#scheduled.get(name)?.record(outcome, durationMs)
  }

  /** Shows something that is known without a check (a refused reload), until it is taken back with undefined. */
  note(name: string, outcome: CheckOutcome | undefined): void {
    if (outcome === undefined) return void this.#notes.delete(name)
    const before = this.#notes.get(name)
    const sinceMs = before?.status === outcome.status ? before.sinceMs : this.#parts.clock.wallMs()
    this.#notes.set(name, { status: outcome.status, message: this.#present(outcome.message), sinceMs })
  }

  report(): HealthReport {
    const { flowName, instance, version } = this.#parts
    const state = this.#parts.state()
    // No prototype: a program may be called __proto__.
    const checks: Record<string, CheckReport> = Object.create(null)
    const verdicts: CheckVerdict[] = []
    const add = (
      name: string,
      entry: CheckOutcome & { sinceMs: number; durationMs: number } & CheckVerdict,
    ) => {
      verdicts.push(entry)
      checks[name] = {
        status: entry.status,
        message: entry.message,
        since: new Date(entry.sinceMs).toISOString(),
        durationMs: Math.round(entry.durationMs),
      }
    }

    const flow = this.#parts.flow()
    const known = { durationMs: 0, dependency: false, stale: false }
    add('flow', { ...flowOutcome(state, flow), ...known, sinceMs: flow.sinceMs })
    for (const [name, note] of this.#notes) add(name, { ...note, ...known })
    for (const [name, scheduled] of this.#scheduled) add(name, scheduled.view())
    return { status: overallStatus(state, verdicts), state, flow: flowName, instance, version, checks }
  }

  /** Leaves no timer; resolves when runs under way have returned, which a run that ignores its signal can delay. */
  async stop(): Promise<void> {
    await Promise.all([...this.#scheduled.values()].map((scheduled) => scheduled.stop()))
  }

  #changed(check: HealthCheck, from: CheckStatus | undefined, to: CheckOutcome): void {
    if (from === undefined && to.status === 'healthy') return
    // The gate itself tells what it waits for.
    if (check.dependency && this.#parts.state() === 'gating') return
    const { status, message } = to
    const fields = { check: check.name, from: from ?? null, to: status, reason: message }
    if (status === 'healthy') {
      const event = check.dependency ? 'dependency.up' : 'health.changed'
      this.#parts.logger.info({ event, ...fields }, `${check.name} is healthy again`)
    } else {
      const event = check.dependency ? 'dependency.down' : 'health.changed'
      this.#parts.logger.warn({ event, ...fields }, `${check.name} is ${status}: ${message}`)
    }
  }

  #present(message: string): string {
    return this.#parts
      .redact(message)
      .replace(/[\s\p{Cc}]+/gu, ' ')
      .slice(0, limits.foreignMessageChars)
  }
}
