// What is shown of a rule that was asked of something.

import type { Severity } from '../scan/finding.ts'
import type { Rule, Verdict } from './verdict.ts'

export const sections = ['images', 'services', 'containers'] as const

export type Section = (typeof sections)[number]

export interface Finding extends Verdict {
  readonly section: Section
  /** Name of the image, service or container. */
  readonly subject: string
  /** The service it belongs to, if it belongs to one; of an image all that use it. */
  readonly services: readonly string[]
  /** What is mended to mend it: a file as a person would name it, or the subject itself. */
  readonly file: string
  readonly id: string
  readonly from: readonly string[]
  readonly title: string
  readonly severity: Severity
  readonly expected: string
  readonly fix: string
  /** Why it is as it is meant to be: it is shown and does not count. */
  readonly accepted?: string
}

export type Subject = Pick<Finding, 'section' | 'subject' | 'services' | 'file'>

export function findingOf(
  rule: Omit<Rule<never>, 'look'>,
  { status, found }: Verdict,
  subject: Subject,
): Finding {
  const { id, from, title, severity, expected, fix } = rule
  return { ...subject, id, from, title, severity, status, found, expected, fix }
}
