// One check: what it looks at, what it wants to see, and what to do otherwise.

import type { Container } from './container.ts'

export const severities = ['critical', 'high', 'medium', 'low'] as const

export type Severity = (typeof severities)[number]

export type Status = 'pass' | 'warn' | 'fail' | 'unknown'

export interface Verdict {
  readonly status: Status
  /** What was found, in a few words; never a secret's value. */
  readonly found: string
}

export interface Check {
  /** `S01` */
  readonly id: string
  readonly title: string
  /** How bad a failure is. */
  readonly severity: Severity
  /** The path that is looked at, or the one that matters most. */
  readonly reads: string
  readonly expected: string
  readonly fix: string
  /** It walks over a file system, which takes its time. */
  readonly walks?: true
  /** What it looks at comes with the flow: at a start it is looked at last, and again where it was before. */
  readonly live?: true
  /** May throw: what cannot be seen is unknown. */
  look(container: Container): Verdict | Promise<Verdict>
}

export interface Result extends Verdict, Omit<Check, 'look' | 'walks' | 'live'> {
  /** The operator has accepted it: it is shown, but neither counts nor refuses a start. */
  readonly accepted: boolean
}

export const pass = (found: string): Verdict => ({ status: 'pass', found })
export const warn = (found: string): Verdict => ({ status: 'warn', found })
export const fail = (found: string): Verdict => ({ status: 'fail', found })
export const unknown = (found: string): Verdict => ({ status: 'unknown', found })

/** The first of many, and how many more there are. */
export function some(items: readonly string[], most = 5): string {
  const more = items.length - most
  return more > 0 ? `${items.slice(0, most).join(', ')} and ${more} more` : items.join(', ')
}

/** @returns whether `severity` is as bad as `least` or worse */
export function atLeast(severity: Severity, least: Severity): boolean {
  return severities.indexOf(severity) <= severities.indexOf(least)
}

/** A failure that counts. */
export function isFailure({ status, accepted }: Pick<Result, 'status' | 'accepted'>): boolean {
  return status === 'fail' && !accepted
}
