// The `Journal` over a runner: the store in this thread, or the worker. What crosses threads is flat, and JSON crosses
// as text, so that numbers of any length arrive as they were sent.

import { parseExact } from '../../core/json.ts'
import type { Appended, Change, Journal, JournalFigures, Known, LookedUp } from '../journal.ts'
import type { AppendedRow, ChangeRow, KnownRow } from './ledger.ts'
import { draftOf, entryOf, listedOf, shownOf } from './row.ts'
import type { Methods } from './store.ts'

export interface Runner {
  readonly figures: JournalFigures
  call<Method extends keyof Methods>(
    method: Method,
    ...args: Parameters<Methods[Method]>
  ): Promise<ReturnType<Methods[Method]>>
  close(): Promise<void>
}

export function journalOver(runner: Runner): Journal {
  return {
    get figures() {
      return runner.figures
    },
    append: async (entries) => (await runner.call('append', entries.map(draftOf))).map(appendedOf),
    async lookUp(requests) {
      // Whole operations fit the type, and their numbers may be of a kind that no thread can be sent.
      const flat = requests.map(({ id, target, key }) => ({ id, target, key }))
      const found = await runner.call('lookUp', flat)
      return found.map(({ known, laneQueued }): LookedUp => ({ known: known && knownOf(known), laneQueued }))
    },
    take: async (target, bounds) => (await runner.call('take', target, bounds)).map(entryOf),
    overdue: async (bounds) => (await runner.call('overdue', bounds)).map(entryOf),
    nextDueMs: (target) => runner.call('nextDueMs', target),
    settle: (changes) => runner.call('settle', changes.map(changeRowOf)),
    list: async (query) => (await runner.call('list', query)).map(listedOf),
    async show(id) {
      const row = await runner.call('show', id)
      return row && shownOf(row)
    },
    retry: (id) => runner.call('retry', id),
    discard: (id) => runner.call('discard', id),
    close: () => runner.close(),
  }
}

function appendedOf(appended: AppendedRow): Appended {
  if (typeof appended === 'number') return { state: 'stored', seq: appended }
  return appended.state === 'known' ? { state: 'known', known: knownOf(appended.known) } : appended
}

function knownOf({ state, contentHash, result }: KnownRow): Known {
  return { state, contentHash, ...(result !== null && { result: parseExact(result) }) }
}

function changeRowOf(change: Change): ChangeRow {
  if (change.to !== 'done') return change
  const result = change.result === undefined ? null : JSON.stringify(change.result)
  return { to: 'done', seq: change.seq, result }
}
