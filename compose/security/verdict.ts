// What a rule says of one image, service or container. What cannot be read is unknown, never a pass.

import type { SarifRule } from '../../supervisor/core/sarif.ts'

export type Status = 'pass' | 'warn' | 'fail' | 'unknown' | 'not applicable'

export interface Verdict {
  readonly status: Status
  /** What was found, in a few words; never a secret's value. */
  readonly found: string
}

export interface Rule<Subject> extends SarifRule {
  /** `CIS-5.12`, `PSS-sysctls`; `FK-…` where neither has such an item. */
  readonly id: string
  /** Items of the CIS Docker Benchmark 1.6 and controls of the Pod Security Standards that ask for it. */
  readonly from: readonly string[]
  /** May throw `Unreadable`. */
  look(subject: Subject): Verdict
}

export class Unreadable extends Error {}

export const pass = (found: string): Verdict => ({ status: 'pass', found })
export const warn = (found: string): Verdict => ({ status: 'warn', found })
export const fail = (found: string): Verdict => ({ status: 'fail', found })
export const unknown = (found: string): Verdict => ({ status: 'unknown', found })
export const notApplicable = (found: string): Verdict => ({ status: 'not applicable', found })

/** @throws Unreadable where there is no value: nobody could read it */
export function known<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Unreadable(`${what} cannot be read`)
  return value
}

export function judge<Subject>(rule: Rule<Subject>, subject: Subject): Verdict {
  try {
    return rule.look(subject)
  } catch (error) {
    if (error instanceof Unreadable) return unknown(error.message)
    throw error
  }
}
