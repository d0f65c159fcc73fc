// SecurityValidator: runs the checks against one container, one after the other, and lets others have their turn in
// between. A check that cannot see, or that fails itself, is unknown; it never ends anything.

import { messageOf } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import { checks } from './catalogue.ts'
import {
  type Check,
  type Result,
  type Severity,
  type Status,
  severities,
  unknown,
  type Verdict,
} from './check.ts'
import type { Container } from './container.ts'

export class SecurityValidator {
  readonly #container: Container
  readonly #accepted: ReadonlySet<string>

  /** @param accepted ids of checks whose findings the operator knows of and accepts */
  constructor(container: Container, accepted: readonly string[]) {
    this.#container = container
    this.#accepted = new Set(accepted)
  }

  async run(which: (check: Check) => boolean = () => true): Promise<Result[]> {
    const results: Result[] = []
    for (const check of checks.filter(which)) {
      results.push(await this.#runOne(check))
      await othersTurn()
    }
    return results
  }

  async #runOne(check: Check): Promise<Result> {
    const { id, title, severity, reads, expected, fix } = check
    const { status, found } = await this.#verdict(check)
    const shown =
      found.length > limits.securityFoundChars ? `${found.slice(0, limits.securityFoundChars)}…` : found
    return {
      id,
      title,
      severity,
      reads,
      expected,
      fix,
      status,
      found: shown,
      accepted: this.#accepted.has(id),
    }
  }

  async #verdict(check: Check): Promise<Verdict> {
    try {
      return await check.look(this.#container)
    } catch (error) {
      return unknown(messageOf(error))
    }
  }
}

function othersTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

export interface Summary {
  readonly checks: Readonly<Record<Status, number>>
  /** Failed checks that count. */
  readonly failed: Readonly<Record<Severity, number>>
}

export function summarize(results: readonly Result[]): Summary {
  const count = (fits: (result: Result) => boolean) => results.filter(fits).length
  const statuses: readonly Status[] = ['pass', 'warn', 'fail', 'unknown']
  return {
    checks: Object.fromEntries(
      statuses.map((status) => [status, count((result) => result.status === status)]),
    ) as Record<Status, number>,
    failed: Object.fromEntries(
      severities.map((severity) => [
        severity,
        count((result) => result.status === 'fail' && !result.accepted && result.severity === severity),
      ]),
    ) as Record<Severity, number>,
  }
}

const order: Readonly<Record<Status, number>> = { fail: 0, warn: 1, unknown: 2, pass: 3 }

/** Failures first, the worst of them before all; what is accepted after what is not. */
export function worstFirst(results: readonly Result[]): Result[] {
  const rank = ({ status, accepted, severity, id }: Result): [number, number, string] => [
    order[status] + (accepted && status !== 'pass' ? 0.5 : 0),
    severities.indexOf(severity),
    id,
  ]
  return [...results].sort((a, b) => {
    const [one, other] = [rank(a), rank(b)]
    return one[0] - other[0] || one[1] - other[1] || (one[2] < other[2] ? -1 : 1)
  })
}
