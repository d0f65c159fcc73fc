// The gate: waits until every required dependency has passed its deep check, all of them in parallel. Patient in what it
// asks of a dependency that is away (exponential backoff), quick to notice its return (knocks while it waits out a long
// delay). Deadlines are the caller's, by the signal.

import pRetry from 'p-retry'
import { type Clock, sleep } from '../core/clock.ts'
import { type CheckResult, checkName, type Dependency, type FailureReason } from '../core/dependency.ts'
import { messageOf } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import type { Logger } from '../core/logger.ts'
import type { Redact } from '../core/secret.ts'
import { createBackoff } from './backoff.ts'
import { createWaitLog } from './wait-log.ts'

export interface GateParts {
  readonly clock: Clock
  random(): number
  readonly logger: Logger
  readonly dependencies: readonly Dependency[]
  readonly backoffMinMs: number
  readonly backoffMaxMs: number
  readonly redact: Redact
  /** Told the result of every deep check. */
  settled?(dependency: Dependency, result: CheckResult): void
}

export interface Pending {
  readonly name: string
  readonly kind: Dependency['kind']
  readonly reason: FailureReason
  readonly message: string
  /** Deep checks that have failed. */
  readonly attempts: number
}

type Failed = Exclude<CheckResult, { ok: true }>

/** Carries a failed check through p-retry. */
class CheckFailed extends Error {
  readonly result: Failed

  constructor(result: Failed) {
    super(result.message)
    this.result = result
  }
}

// Reasons for which a TCP connection tells that something has changed.
const knockableReasons: ReadonlySet<FailureReason> = new Set([
  'name_resolution',
  'refused',
  'unreachable',
  'timeout',
])

export class ServiceOrchestrator {
  readonly #parts: GateParts
  #pending = new Map<Dependency, Pending>()

  constructor(parts: GateParts) {
    this.#parts = parts
  }

  /**
   * Resolves when every required dependency of `which` has passed its deep check; rejects only with the signal's reason.
   * Optional ones are tried and logged meanwhile; what is still under way for them when the gate opens is stopped.
   */
  async open(signal: AbortSignal, which: 'all' | 'databases' = 'all'): Promise<void> {
    signal.throwIfAborted()
    const { clock, dependencies, logger } = this.#parts
    const startedMs = clock.monotonicMs()
    const chosen = dependencies.filter(({ kind }) => which === 'all' || kind === 'database')
    const required = chosen.filter((dependency) => dependency.required)
    const pending = new Map(required.map((dependency) => [dependency, notYetAsked(dependency)]))
    this.#pending = pending
    const missing = new Set(chosen.filter((dependency) => !dependency.required))

    const over = new AbortController()
    const abort = () => over.abort(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    try {
      for (const dependency of missing) {
        this.#waitFor(dependency, pending, over.signal).then(
          () => missing.delete(dependency),
          () => {},
        )
      }
      await Promise.all(required.map((dependency) => this.#waitFor(dependency, pending, over.signal)))
    } finally {
      signal.removeEventListener('abort', abort)
      over.abort(new Error('the gate is open'))
    }
    const waitedMs = Math.round(clock.monotonicMs() - startedMs)
    const without = [...missing].map(checkName)
    const besides = without.length > 0 ? `, without the optional ${without.join(', ')}` : ''
    const dependenciesReady = `${required.length} required ${required.length === 1 ? 'dependency' : 'dependencies'} ready`
    logger.info(
      { event: 'gate.open', waitedMs, missing: without },
      `gate open: ${dependenciesReady}${besides}`,
    )
  }

  /** The required dependencies that the last `open` has not seen healthy, and why. */
  pending(): readonly Pending[] {
    return [...this.#pending.values()]
  }

  async #waitFor(
    dependency: Dependency,
    pending: Map<Dependency, Pending>,
    signal: AbortSignal,
  ): Promise<void> {
    const { backoffMinMs: minMs, backoffMaxMs: maxMs, clock, logger, redact } = this.#parts
    const backoff = createBackoff({ minMs, maxMs }, () => this.#parts.random())
    const log = createWaitLog({ clock, logger, redact, dependency })
    await pRetry(() => this.#attempt(dependency, signal), {
      signal,
      retries: Number.POSITIVE_INFINITY,
      // The waiting is done in onFailedAttempt, by our own clock and with knocks.
      minTimeout: 0,
      onFailedAttempt: async ({ error, attemptNumber }) => {
        if (!(error instanceof CheckFailed)) throw error
        const { reason, message } = error.result
        const capMs = reason === 'starting' ? limits.gateStartingDelayMs : maxMs
        const nextDelayMs = backoff.next(reason, capMs)
        if (pending.has(dependency)) {
          const { name, kind } = dependency
          pending.set(dependency, { name, kind, reason, message: redact(message), attempts: attemptNumber })
        }
        log.waiting({ reason, message, attempt: attemptNumber, nextDelayMs })
        await this.#waitOut(dependency, reason, nextDelayMs, signal)
      },
    })
    pending.delete(dependency)
    log.ready()
  }

  async #attempt(dependency: Dependency, signal: AbortSignal): Promise<void> {
    const result = await dependency.check(signal).catch(
      // A check that throws is a fault of ours, and still no reason to give the dependency up.
      (error): Failed => ({
        ok: false,
        reason: 'bad_answer',
        message: `the check itself failed: ${messageOf(error)}`,
      }),
    )
    signal.throwIfAborted()
    this.#parts.settled?.(dependency, result)
    if (!result.ok) throw new CheckFailed(result)
  }

  /** Until the delay is over, or something answers a knock that did not before. */
  async #waitOut(
    dependency: Dependency,
    reason: FailureReason,
    delayMs: number,
    signal: AbortSignal,
  ): Promise<void> {
    const { clock } = this.#parts
    const untilMs = clock.monotonicMs() + delayMs
    // What timed out may well accept connections all the while; there, only a change from deaf to open is news.
    let wasDeaf = reason !== 'timeout'
    for (let leftMs = delayMs; leftMs > 0; leftMs = untilMs - clock.monotonicMs()) {
      if (!knockableReasons.has(reason) || leftMs <= limits.gateKnockEveryMs)
        return sleep(clock, leftMs, signal)
      await sleep(clock, limits.gateKnockEveryMs, signal)
      const accepted = await dependency.knock(signal)
      if (accepted && wasDeaf) return
      wasDeaf ||= !accepted
    }
  }
}

function notYetAsked({ name, kind }: Dependency): Pending {
  return { name, kind, reason: 'timeout', message: 'the first check is not over yet', attempts: 0 }
}
