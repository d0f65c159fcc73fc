// Records where no database is chosen for them: every call says so.

import { FlowkeepError } from '../core/errors.ts'
import type { Records } from '../core/records.ts'

export function noRecords(): Records & {
  flowGone(): void
  drain(): void
  shed(): void
  close(): Promise<void>
} {
  const refuse = async (): Promise<never> => {
    throw new FlowkeepError('config_invalid', {
      operation: 'cannot use records',
      message: 'no database is chosen for them',
      hint: 'Name a database by CONTAINER_DATABASE_<NAME>_URL; with several, choose one by CONTAINER_RECORDS_DATABASE.',
    })
  }
  return {
    ...{ enqueue: refuse, claim: refuse, settle: refuse, completeAll: refuse },
    stats: () => ({ database: null, state: 'not_configured', held: 0, ahead: 0, queues: {} }),
    flowGone: () => {},
    drain: () => {},
    shed: () => {},
    close: () => Promise.resolve(),
  }
}
