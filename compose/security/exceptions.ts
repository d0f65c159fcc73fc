// What is consciously as it is: labels `org.flowkeep.security.accept.ID: REASON` of a service, and `--accept` of the
// command line. An exception is shown with its reason; one that says nothing, or excuses nothing, is a finding itself.

import { FlowkeepError } from '../../supervisor/core/errors.ts'
import { some } from '../scan/finding.ts'
import type { Finding, Subject } from './finding.ts'
import { findingOf } from './finding.ts'
import { fail, pass, type Verdict, warn } from './verdict.ts'

export const labelPrefix = 'org.flowkeep.security.accept.'

/** Reasons by the ids of their rules. */
export type Exceptions = ReadonlyMap<string, string>

export interface AcceptFlag {
  readonly id: string
  /** A service, container or image; undefined for all of them. */
  readonly subject: string | undefined
}

export function exceptionsIn(labels: Readonly<Record<string, string>>): Exceptions {
  return new Map(
    Object.entries(labels).flatMap(([name, reason]) =>
      name.startsWith(labelPrefix) ? [[name.slice(labelPrefix.length), reason.trim()] as const] : [],
    ),
  )
}

/** An exception without a reason excuses nothing. */
export function accept(finding: Finding, exceptions: Exceptions): Finding {
  const reason = exceptions.get(finding.id)
  return reason && canBeAccepted(finding) ? { ...finding, accepted: reason } : finding
}

function canBeAccepted({ status }: Pick<Finding, 'status'>): boolean {
  return status === 'fail' || status === 'warn'
}

export const exceptionRule = {
  id: 'FK-exceptions',
  from: ['Flowkeep'],
  title: 'Every exception names a rule that finds something, and gives its reason',
  severity: 'medium',
  expected: `labels ${labelPrefix}ID with a reason`,
  fix: 'remove the label, or put right its id or its reason',
} as const

/**
 * @param findings of the same subject, as they are without exceptions
 * @param elsewhere ids of rules that are asked of other things: nothing is said about whether those are needed
 */
export function judgeExceptions(
  exceptions: Exceptions,
  findings: readonly Finding[],
  elsewhere: ReadonlySet<string>,
  subject: Subject,
): Finding {
  return findingOf(exceptionRule, verdictOf(), subject)

  function verdictOf(): Verdict {
    const byId = new Map(findings.map((finding) => [finding.id, finding]))
    const ids = [...exceptions.keys()]
    const unknownIds = ids.filter((id) => !byId.has(id) && !elsewhere.has(id))
    if (unknownIds.length > 0) return fail(`no rule is called ${some(unknownIds)}`)
    const silent = ids.filter((id) => exceptions.get(id) === '')
    if (silent.length > 0) return fail(`no reason is given for ${some(silent)}`)
    const idle = ids.filter((id) => {
      const finding = byId.get(id)
      return finding !== undefined && !canBeAccepted(finding) && finding.status !== 'unknown'
    })
    if (idle.length > 0) return warn(`nothing is left to accept of ${some(idle)}`)
    return pass(ids.length === 0 ? 'none' : some(ids, ids.length))
  }
}

/** @throws FlowkeepError `usage` for the first that names no rule */
export function parseAcceptFlags(values: readonly string[], ids: ReadonlySet<string>): AcceptFlag[] {
  return values.map((value) => {
    const [id = '', ...subject] = value.split('=')
    if (ids.has(id)) return { id, subject: subject.length > 0 ? subject.join('=') : undefined }
    throw new FlowkeepError('usage', {
      operation: 'cannot accept a finding',
      subject: value,
      message: `--accept ${value}: no rule is called ${id}`,
      hint: `Write ID or ID=SERVICE; ids are ${[...ids].join(', ')}.`,
    })
  })
}

/** @throws FlowkeepError `usage` for a flag whose service, container or image was not looked at */
export function acceptByFlags(findings: readonly Finding[], flags: readonly AcceptFlag[]): Finding[] {
  const names = new Set(findings.flatMap(({ subject, services }) => [subject, ...services]))
  const stray = flags.find(({ subject }) => subject !== undefined && !names.has(subject))
  if (stray) {
    throw new FlowkeepError('usage', {
      operation: 'cannot accept a finding',
      subject: stray.subject as string,
      message: `--accept ${stray.id}=${stray.subject}: nothing of that name was looked at`,
      hint: names.size === 0 ? 'Nothing was looked at.' : `There are ${[...names].sort().join(', ')}.`,
    })
  }
  return findings.map((finding) => {
    const flag = flags.find(({ id, subject }) => id === finding.id && isMeant(finding, subject))
    if (flag === undefined || finding.accepted !== undefined || !canBeAccepted(finding)) return finding
    return { ...finding, accepted: 'named by --accept on the command line' }
  })
}

function isMeant({ subject, services }: Finding, wanted: string | undefined): boolean {
  return wanted === undefined || wanted === subject || services.includes(wanted)
}
