// The checks at the start of a container. Where a severity is enforced, those that could refuse are run first and the
// start waits for them; everything else is looked at while the start goes on.

import { FlowkeepError } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { Redact } from '../core/secret.ts'
import { atLeast, type Check, isFailure, type Result, type Severity } from './check.ts'
import { summarize } from './validator.ts'

export type Enforcement = 'off' | 'warn' | Extract<Severity, 'critical' | 'high'>

interface Validator {
  run(which: (check: Check) => boolean): Promise<Result[]>
}

export interface AtStartParts {
  readonly enforce: Enforcement
  /** While the start waits, and while it goes on: the second one rests on its walks. */
  readonly urgent: Validator
  readonly unhurried: Validator
  readonly logger: Logger
  readonly redact: Redact
  /** Failed checks so far, by severity. */
  counted(failed: Readonly<Record<Severity, number>>): void
}

export class SecurityChecksAtStart {
  readonly #parts: AtStartParts
  /** By id; a check that is run again replaces what it said before. */
  readonly #results = new Map<string, Result>()

  constructor(parts: AtStartParts) {
    this.#parts = parts
  }

  /** Throws `security_refused` when a check that is enforced fails. */
  async admit(): Promise<void> {
    const { enforce, urgent } = this.#parts
    if (enforce === 'off' || enforce === 'warn') return
    const results = await this.#run(urgent, ({ severity }) => atLeast(severity, enforce), 'error')
    const failed = results.filter(isFailure)
    if (failed.length > 0) throw refusal(enforce, failed)
  }

  /** Runs what was not run yet: first what is quickly seen, then the walks, and at last what comes with the flow. */
  async look(): Promise<void> {
    const { enforce, unhurried } = this.#parts
    if (enforce === 'off') return
    const isDue = ({ id, live }: Check) => live === true || !this.#results.has(id)
    for (const stage of stages) {
      const due = (check: Check) => stageOf(check) === stage && isDue(check)
      await this.#run(unhurried, due, 'warn')
    }
    const { checks } = summarize([...this.#results.values()])
    const counts = Object.entries(checks).map(([status, count]) => `${count} ${status}`)
    this.#parts.logger.info(
      { event: 'security.checked', ...checks, unknownChecks: this.#unknown() },
      `security checks: ${counts.join(', ')}`,
    )
  }

  async #run(
    validator: Validator,
    which: (check: Check) => boolean,
    levelOfFailure: 'warn' | 'error',
  ): Promise<Result[]> {
    const results = await validator.run(which)
    const news = results.filter(({ id, status, found }) => {
      const before = this.#results.get(id)
      return before?.status !== status || before.found !== found
    })
    for (const result of results) this.#results.set(result.id, result)
    this.#parts.counted(summarize([...this.#results.values()]).failed)
    this.#log(news, levelOfFailure)
    return results
  }

  #unknown(): string[] {
    return [...this.#results.values()].filter(({ status }) => status === 'unknown').map(({ id }) => id)
  }

  /** One line for each finding: at most as many as there are checks, and one that changed once more. */
  #log(results: readonly Result[], levelOfFailure: 'warn' | 'error'): void {
    for (const result of results) {
      const { id, title, severity, status, expected, fix, accepted } = result
      if (status === 'pass' || status === 'unknown') continue
      const found = this.#parts.redact(result.found)
      this.#parts.logger[isFailure(result) ? levelOfFailure : 'info'](
        { event: 'security.finding', id, severity, status, accepted, found, expected, fix },
        `${id} ${title}: ${found}`,
      )
    }
  }
}

const stages = ['quick', 'walking', 'live'] as const

function stageOf({ walks, live }: Check): (typeof stages)[number] {
  if (live) return 'live'
  return walks ? 'walking' : 'quick'
}

function refusal(enforce: string, failed: readonly Result[]): FlowkeepError {
  const count = failed.length === 1 ? '1 security check' : `${failed.length} security checks`
  const which = failed.map(({ id, title }) => `${id} (${title})`).join(', ')
  return new FlowkeepError('security_refused', {
    operation: `cannot start under CONTAINER_SECURITY_ENFORCE=${enforce}`,
    subject: 'CONTAINER_SECURITY_ENFORCE',
    message: `${count} failed: ${which}`,
    hint: 'mend what the security.finding lines name, each with its fix; a finding that has to be lived with is named in CONTAINER_SECURITY_ACCEPTED',
  })
}
