// An entry of the journal as the control socket and the commands show it.

import type { Json } from '../core/json.ts'
import type { Work } from '../core/operation.ts'
import type { OperationView } from '../core/queue.ts'
import type { ListedEntry, ShownEntry } from './journal.ts'

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

export function viewWithWork(entry: ShownEntry): OperationView {
  return { ...viewOf(entry), work: asSubmitted(entry.operation.work) }
}

/** In the words in which it can be submitted again. */
function asSubmitted(work: Work): Json {
  if (work.kind === 'sql') {
    const { statements, record } = work
    return { effects: statements as unknown as Json, ...(record && { record: { ...record } as Json }) }
  }
  const { method, path, body } = work
  return { method, path, ...(body !== undefined && { body }) }
}
