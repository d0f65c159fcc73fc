// An entry of the journal as the control socket and the commands show it.

import type { OperationView } from '../core/queue.ts'
import { workAsJson } from './content.ts'
import type { ListedEntry } from './journal.ts'

export function viewOf(entry: ListedEntry): OperationView {
  const { id, target, key, expiresAtMs } = entry.operation
  return {
    ...{ id, target, key: key === '' ? null : key, state: entry.state, attempts: entry.attempts },
    acceptedAt: new Date(entry.acceptedAtWallMs).toISOString(),
    changedAt: new Date(entry.changedAtWallMs).toISOString(),
    expiresAt: expiresAtMs === undefined ? null : new Date(expiresAtMs).toISOString(),
    reason: entry.reason ? { code: entry.reason.code, message: entry.reason.message } : null,
  }
}

export function viewWithWork(entry: ListedEntry): OperationView {
  return { ...viewOf(entry), work: workAsJson(entry.operation.work) }
}
