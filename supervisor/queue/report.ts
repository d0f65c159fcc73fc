// What the operator hears of operations: counts for the metrics, lines for the log.

import type { Logger } from '../core/logger.ts'
import type { RecordChange } from '../core/operation.ts'
import type { Verdict } from './verdict.ts'

export type OperationResult = 'applied' | 'queued' | 'refused' | 'dead' | 'expired' | 'fenced'

export type Counted = (target: string, result: OperationResult) => void

/** The change of a record that was queued is there, or its record had a newer owner. */
export type RecordEnded = (record: RecordChange, result: 'applied' | 'fenced') => void

export interface Report {
  readonly counted: Counted
  /** It is on disk what became of it. */
  settled(verdict: Verdict): void
}

const overdueCodes: ReadonlySet<string> = new Set(['expired', 'too_old'])

export function createReport(logger: Logger, counted: Counted, recordEnded: RecordEnded): Report {
  function settled({ entry, change, fenced }: Verdict): void {
    const { id, target, key, work } = entry.operation
    const subject = { id, target, key: key === '' ? null : key }
    if (change.to === 'done') {
      const result = fenced ? 'fenced' : 'applied'
      counted(target, result)
      if (work.kind === 'sql' && work.record) recordEnded(work.record, result)
    }
    if (change.to === 'dead') {
      const { code, message } = change.reason
      counted(target, overdueCodes.has(code) ? 'expired' : 'dead')
      logger.error(
        { event: 'operation.dead', ...subject, reason: code },
        `the operation ${id} for ${target} is a dead letter (${code}): ${message}`,
      )
    }
    if (change.to === 'held') {
      const { code, message } = change.reason
      logger.warn(
        { event: 'operation.held', ...subject, reason: code },
        `the lane of the operation ${id} for ${target} waits for a permission (${code}): ${message}`,
      )
    }
  }
  return { counted, settled }
}
