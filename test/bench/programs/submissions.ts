// The control socket with the real queue behind it, its target away, and /health beside it in the same event loop.
//   submissions.ts SOCKET DIRECTORY worker|main|none
// `none` acknowledges what it has never written; `main` commits in the main thread. Prints the port of /health.

import { randomUUIDv7 } from 'node:crypto'
import { systemClock } from '../../../supervisor/core/clock.ts'
import type { HealthReport } from '../../../supervisor/core/health.ts'
import type { Logger } from '../../../supervisor/core/logger.ts'
import type { Target, Unreached } from '../../../supervisor/core/target.ts'
import { openControlHttp } from '../../../supervisor/http/control.ts'
import { openPublicHttp } from '../../../supervisor/http/public.ts'
import { problemOf } from '../../../supervisor/postgres/sql-text.ts'
import { openJournal } from '../../../supervisor/queue/journal/open-journal.ts'
import { noFigures } from '../../../supervisor/queue/journal/store.ts'
import type { Journal } from '../../../supervisor/queue/journal.ts'
import { createQueue } from '../../../supervisor/queue/queue.ts'

const [path = '', directory = '', kind = ''] = process.argv.slice(2)
const bounds = { maxOperations: 1e6, maxBytes: 2 ** 30, maxAgeMs: 7 * 86_400_000 }
const logger: Logger = { debug() {}, info() {}, warn() {}, error() {} }
const health: HealthReport = {
  ...{ status: 'healthy', state: 'running', flow: 'bench', instance: 'bench', version: '0' },
  checks: {},
}

const away: Unreached = { reached: false, reason: 'refused', message: 'it is away', outcomeUnknown: false }
const target: Target = {
  ...{ name: 'rpa_db', kind: 'database', batchMax: 500 },
  deliver: async () => away,
  cancel: async () => away,
  close: async () => {},
}

function nothing(): Journal {
  let seq = 0
  return {
    figures: noFigures,
    append: async (entries) => entries.map(() => ({ state: 'stored', seq: ++seq })),
    lookUp: async (requests) => requests.map(() => ({ known: undefined, laneQueued: false })),
    take: async () => [],
    overdue: async () => [],
    nextDueMs: async () => undefined,
    settle: async () => {},
    list: async () => [],
    show: async () => undefined,
    retry: async () => 'unknown',
    discard: async () => 'unknown',
    close: async () => {},
  }
}

function open(): Journal | Promise<Journal> {
  if (kind === 'none') return nothing()
  const options = { directory, maxOperations: bounds.maxOperations, maxBytes: bounds.maxBytes }
  return openJournal(kind === 'main' ? { ...options, inProcess: true, clock: systemClock } : options)
}

const queue = createQueue({
  ...{ clock: systemClock, random: Math.random, logger, journal: await open(), targets: [target], bounds },
  ...{ problemOf, newId: () => randomUUIDv7(), counted: () => {} },
})
await openControlHttp({
  ...{ path, owner: undefined, logger, operations: queue },
  status: () => {
    throw new Error('nobody asks for it here')
  },
  ready: () => 'running',
  reload: () => 'reloading',
  drain: () => 'draining',
})
const { port } = await openPublicHttp({
  ...{ listener: undefined, host: '127.0.0.1', port: 0, logger },
  health: () => health,
  ready: () => true,
  started: () => true,
  metrics: async () => ({ contentType: 'text/plain', body: '' }),
})
console.log(port)
