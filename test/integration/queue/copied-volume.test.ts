// A state volume is copied, or restored from a snapshot, and both live: the database knows what was done.

import { cpSync } from 'node:fs'
import t from 'tap'
import { systemClock } from '../../../supervisor/core/clock.ts'
import type { Target, Unreached } from '../../../supervisor/core/target.ts'
import { migrate } from '../../../supervisor/postgres/migrate.ts'
import { problemOf } from '../../../supervisor/postgres/sql-text.ts'
import { PostgresTarget } from '../../../supervisor/postgres/target.ts'
import { openJournal } from '../../../supervisor/queue/journal/open-journal.ts'
import { createQueue } from '../../../supervisor/queue/queue.ts'
import { memoryDirectory, smallBounds } from '../../harness/journal.ts'
import { startPostgres } from '../../harness/postgres.ts'
import { until } from '../../harness/until.ts'
import { poolFor } from '../postgres/pools.ts'

const quiet = { debug() {}, info() {}, warn() {}, error() {} }
const server = await startPostgres()
t.teardown(() => server.stop())
const pool = poolFor(server.url())
t.teardown(() => pool.close())
await migrate(pool)
await pool.query('create table effects (place serial, id text not null)')

const refused: Unreached = { reached: false, reason: 'refused', message: 'away', outcomeUnknown: false }
const away: Target = {
  ...{ name: 'rpa_db', kind: 'database', batchMax: 500 },
  deliver: async () => refused,
  cancel: async () => refused,
  close: async () => {},
}

async function openQueue(
  directory: string,
  target: Target = new PostgresTarget('rpa_db', poolFor(server.url())),
) {
  const bounds = { ...smallBounds, maxAgeMs: 86_400_000 }
  const queue = createQueue({
    ...{ clock: systemClock, random: Math.random, logger: quiet, bounds, problemOf, counted() {} },
    targets: [target],
    journal: await openJournal({ ...smallBounds, directory }),
    newId: () => 'generated',
  })
  return {
    submit: (ids: readonly string[]) =>
      queue.submit(
        ids.map((id) => ({
          ...{ id, target: 'rpa_db', key: 'lane', mode: 'queue' },
          ...{ sql: 'insert into effects (id) values ($1)', params: [id] },
        })),
      ),
    drained: () =>
      until(
        'all is applied',
        async () => queue.stats().operations,
        (operations) => operations === 0,
      ),
    close: () => queue.close(),
  }
}

async function effects(): Promise<unknown[]> {
  const { rows } = await pool.query('select id from effects order by place')
  return rows.map((row) => Object.values(row)[0])
}

t.test('R3.1 R8.3 an old copy of a volume that comes to life does nothing a second time', async (t) => {
  const [directory, copy] = [memoryDirectory(t), memoryDirectory(t)]
  const first = ['a', 'b', 'c']
  const partitioned = await openQueue(directory, away)
  t.match(
    await partitioned.submit(first),
    first.map((id) => ({ id, state: 'queued' })),
  )
  await partitioned.close()
  cpSync(directory, copy, { recursive: true })

  const original = await openQueue(directory)
  await original.drained()
  await original.submit(['d'])
  await original.drained()
  await original.close()

  const late = await openQueue(copy)
  await late.submit(['e'])
  await late.drained()
  await late.close()
  t.same(await effects(), [...first, 'd', 'e'])
})
