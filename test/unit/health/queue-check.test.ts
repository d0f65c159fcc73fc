import t from 'tap'
import type { CheckStatus } from '../../../supervisor/core/health.ts'
import type { QueueStats, TargetStats } from '../../../supervisor/core/queue.ts'
import { createQueueCheck, queueOutcome } from '../../../supervisor/health/queue-check.ts'
import { emptyStats, idleTarget } from '../../harness/fake-queue.ts'

const target = (more: Partial<TargetStats>) => ({ rpa_db: { ...idleTarget, ...more } })
const away = { queued: 12, breaker: 'open', reason: 'refused: nobody listens' } as const

const rows: [string, Partial<QueueStats>, CheckStatus, string][] = [
  ['nothing in it', {}, 'healthy', 'empty'],
  ['work on its way', { operations: 3, targets: target({ queued: 3 }) }, 'healthy', '3 waiting'],
  [
    'full by operations',
    { full: 'operations', operations: 9, maxOperations: 9 },
    'unhealthy',
    'takes nothing new: 9 of 9 operations waiting',
  ],
  [
    'full by bytes',
    { full: 'bytes', operations: 2, bytes: 99, maxBytes: 100 },
    'unhealthy',
    'takes nothing new: 99 of 100 bytes used (2 waiting)',
  ],
  ['full by disk', { full: 'disk' }, 'unhealthy', 'takes nothing new: the disk is full (0 waiting)'],
  [
    'the database is away while there is room',
    { operations: 12, targets: target(away) },
    'degraded',
    '12 waiting for rpa_db: refused: nobody listens',
  ],
  [
    'away, and nothing waits yet',
    { targets: target({ breaker: 'half_open' }) },
    'degraded',
    'nothing waits for rpa_db: its breaker is half open',
  ],
  [
    'full because the database is away',
    { full: 'operations', operations: 12, maxOperations: 12, targets: target(away) },
    'unhealthy',
    'takes nothing new: 12 of 12 operations waiting; 12 waiting for rpa_db: refused: nobody listens',
  ],
  [
    'a permission is missing',
    { operations: 1, targets: target({ held: 1 }) },
    'degraded',
    '1 held for rpa_db: a permission is missing',
  ],
  [
    'dead letters alone make no load balancer turn away',
    { targets: target({ dead: 1 }) },
    'healthy',
    'empty; 1 dead letter for rpa_db',
  ],
  [
    'and neither do those for a database that is not named any more',
    { targets: target({ dead: 2, breaker: 'open', reason: 'not_configured' }) },
    'healthy',
    'empty; 2 dead letters for rpa_db',
  ],
  [
    'what waits for one that is not named any more',
    { operations: 1, targets: target({ queued: 1, breaker: 'open', reason: 'not_configured' }) },
    'degraded',
    '1 waiting for rpa_db: not_configured',
  ],
  [
    'corruption was put aside',
    { corruptEntries: 4, quarantinedFiles: ['a', 'b'] },
    'degraded',
    '2 corrupt files put aside; 4 lost to corruption so far',
  ],
  ['corruption was looked at', { corruptEntries: 4 }, 'healthy', 'empty; 4 lost to corruption so far'],
]

t.test('§6 the queue, row by row', async (t) => {
  for (const [name, stats, status, message] of rows) {
    t.strictSame(queueOutcome({ ...emptyStats, ...stats }), { status, message }, name)
  }
})

t.test('§6 the target with the most to do comes first', async (t) => {
  const targets = {
    little: { ...idleTarget, ...away, queued: 1 },
    much: { ...idleTarget, ...away, queued: 5 },
  }
  t.match(queueOutcome({ ...emptyStats, targets }).message, /^5 waiting for much.*; 1 waiting for little/)
})

t.test('§6 as a check it counts for the whole, since a full queue is unhealthy', async (t) => {
  let stats = emptyStats
  const check = createQueueCheck({ intervalMs: 1, timeoutMs: 2, stats: () => stats })
  t.match(check, { name: 'queue', instant: true, intervalMs: 1, timeoutMs: 2, dependency: undefined })
  const { signal } = new AbortController()
  t.match(await check.run(signal), { status: 'healthy' })
  stats = { ...emptyStats, full: 'disk' }
  t.match(await check.run(signal), { status: 'unhealthy' })
})
