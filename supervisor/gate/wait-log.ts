// What the log says about one dependency the gate waits for: each new reason at once, a reason that is known already
// only now and then. A gate that waits for an hour writes hundreds of lines at most, not thousands.

import type { Clock } from '../core/clock.ts'
import { checkName, type Dependency, type FailureReason } from '../core/dependency.ts'
import { limits } from '../core/limits.ts'
import type { Logger } from '../core/logger.ts'
import type { Redact } from '../core/secret.ts'
import { formatDuration } from '../core/units.ts'

export interface WaitLogParts {
  readonly clock: Clock
  readonly logger: Logger
  readonly redact: Redact
  readonly dependency: Dependency
}

export interface FailedAttempt {
  readonly reason: FailureReason
  readonly message: string
  /** 1 for the first. */
  readonly attempt: number
  readonly nextDelayMs: number
}

export interface WaitLog {
  waiting(attempt: FailedAttempt): void
  ready(): void
}

export function createWaitLog({ clock, logger, redact, dependency }: WaitLogParts): WaitLog {
  const startedMs = clock.monotonicMs()
  const saidMs = new Map<FailureReason, number>()
  const name = checkName(dependency)
  const waited = () => Math.round(clock.monotonicMs() - startedMs)
  return {
    waiting({ reason, message, attempt, nextDelayMs }) {
      const nowMs = clock.monotonicMs()
      if (nowMs - (saidMs.get(reason) ?? Number.NEGATIVE_INFINITY) < limits.gateReminderMs) return
      saidMs.set(reason, nowMs)
      const fields = { event: 'gate.waiting', dependency: name, required: dependency.required, reason }
      logger.warn(
        { ...fields, attempt, waitedMs: waited(), nextDelayMs },
        `waiting for ${name}: ${redact(message)}`,
      )
    },
    ready() {
      const waitedMs = waited()
      logger.info(
        { event: 'gate.ready', dependency: name, waitedMs },
        `${name} is ready after ${formatDuration(waitedMs)}`,
      )
    },
  }
}
