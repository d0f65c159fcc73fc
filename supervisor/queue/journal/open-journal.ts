// The one way to a journal: in a worker beside the main thread, or in the caller's own thread for commands and for the
// simulation, which brings its own clock.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../../core/clock.ts'
import type { Journal } from '../journal.ts'
import { journalOver, type Runner } from './client.ts'
import { readMark } from './mark.ts'
import { databaseFile, noFigures, type Outcome, Store, type StoreOptions } from './store.ts'
import { WorkerRunner } from './worker-runner.ts'

export type JournalOptions = StoreOptions &
  (
    | { readonly inProcess?: false }
    | { readonly inProcess: true; readonly clock: Pick<Clock, 'wallMs' | 'monotonicMs'> }
  )

/** @throws FlowkeepError `state_directory_unavailable` */
export async function openJournal(options: JournalOptions): Promise<Journal> {
  if (options.inProcess) return journalOver(inProcess(new Store(options, options.clock)))
  const { inProcess: _, ...store } = options
  const runner = new WorkerRunner(store, noFigures)
  try {
    if (holdsEntries(store.directory)) await runner.open()
  } catch (error) {
    await runner.close()
    throw error
  }
  return journalOver(runner)
}

/** Whether a slot may hold anything that is not done. */
export function holdsEntries(directory: string): boolean {
  const mark = readMark(join(directory, 'journal.mark'))
  return mark ? mark.entries > 0 : existsSync(join(directory, databaseFile))
}

function inProcess(store: Store): Runner {
  return {
    get figures() {
      // Nobody else looks whether there is room again.
      if (store.figures.diskFull || store.figures.failing !== undefined) store.refreshDisk()
      return store.figures
    },
    async call(method, ...args) {
      const [outcome] = store.batch([{ method, args } as Parameters<Store['batch']>[0][number]]) as [Outcome]
      if (!outcome.ok) throw outcome.error
      return outcome.value as never
    },
    async close() {
      store.close()
    },
  }
}
