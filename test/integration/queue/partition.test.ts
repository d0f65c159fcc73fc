// The whole way of an operation, over the real journal and a real PostgreSQL that is stopped, frozen, killed, made
// read-only and cut off while several clients write. The effects go into a table without a unique key and to a counter
// that is not idempotent, both in the operation's own transaction: what is applied twice, or never, shows.

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { systemClock as clock } from '../../../supervisor/core/clock.ts'
import type { BreakerState, Submitted } from '../../../supervisor/core/queue.ts'
import { migrate } from '../../../supervisor/postgres/migrate.ts'
import { problemOf } from '../../../supervisor/postgres/sql-text.ts'
import { PostgresTarget } from '../../../supervisor/postgres/target.ts'
import { openJournal } from '../../../supervisor/queue/journal/open-journal.ts'
import { createQueue, type LocalQueue } from '../../../supervisor/queue/queue.ts'
import { startPostgres } from '../../harness/postgres.ts'
import { startPostgresProxy } from '../../harness/postgres-proxy.ts'
import { shortDirectory } from '../../harness/short-directory.ts'
import { until } from '../../harness/until.ts'
import { keepLog } from '../../unit/gate/fakes.ts'
import { poolFor } from '../postgres/pools.ts'

// What a killed server has confirmed must be there when it is back.
const server = await startPostgres({ user: 'rpa', durable: true })
t.teardown(() => server.stop())
const proxy = await startPostgresProxy(server)
t.teardown(() => proxy.close())

const lanes = ['', 'a', 'b', 'c', 'd', 'e', 'f', 'g']
const maxAgeMs = 7 * 86_400_000
const apply = /apply_operations/

const setUp = poolFor(server.url())
await migrate(setUp)
await setUp.query('create table effects (position bigserial, lane text, number int)')
await setUp.query('create table counters (lane text, value int)')
await setUp.query('insert into counters select unnest($1::text[]), 0', [lanes])
await setUp.close()

const { lines, logger } = keepLog()

async function openQueue(directory: string): Promise<LocalQueue> {
  const bounds = { maxOperations: 1_000_000, maxBytes: 2 ** 30, maxAgeMs }
  return createQueue({
    ...{ clock, logger, bounds, problemOf, random: Math.random, counted: () => {}, newId: () => 'none' },
    journal: await openJournal({ directory, ...bounds }),
    targets: [new PostgresTarget('rpa_db', poolFor(proxy.url(), { connectTimeoutMs: 2_000 }))],
  })
}

interface Client {
  /** By their numbers. */
  readonly acknowledged: Set<number>
  readonly counts: Record<string, number>
}

interface Work {
  /** Undefined while it is opened anew. */
  queue: LocalQueue | undefined
  paused: boolean
  over: boolean
}

/** Writes one after the other into its lane; repeats what it does not know the outcome of. */
async function write(lane: string, work: Work): Promise<Client> {
  const client: Client = { acknowledged: new Set(), counts: {} }
  for (let number = 0; !work.over; ) {
    const answer = work.paused ? undefined : await work.queue?.submit([operation(lane, number)])
    const state = said(answer?.[0])
    client.counts[state] = (client.counts[state] ?? 0) + 1
    if (state === 'applied' || state === 'queued') client.acknowledged.add(number++)
    // A pace that fills no disk, and lets the others have their turn.
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  return client
}

function operation(lane: string, number: number): object {
  const effects = [
    { sql: 'insert into effects (lane, number) values ($1, $2)', params: [lane, number] },
    { sql: 'update counters set value = value + 1 where lane = $1', params: [lane] },
  ]
  return { id: `${lane || 'default'}-${number}`, target: 'rpa_db', ...(lane ? { key: lane } : {}), effects }
}

function said(answer: Submitted | undefined): string {
  if (!answer) return 'waited'
  return answer.state === 'refused' ? answer.error.code : answer.state
}

t.test(
  'R8.3 R3.1 R2.5 every partition and restart: each effect once, in the order of its lane',
  async (t) => {
    const directory = join(shortDirectory(t), 'slot')
    mkdirSync(directory)
    const work: Work = { queue: await openQueue(directory), paused: false, over: false }
    t.teardown(() => {
      work.over = true
    })
    const clients = lanes.map((lane) => write(lane, work))
    const queued = () => work.queue?.stats().operations ?? 0
    const grows = (by: number) => {
      const from = queued()
      return until(
        `${by} more are queued`,
        async () => queued(),
        (now) => now >= from + by,
      )
    }
    const breaker = (state: BreakerState) =>
      until(
        `the breaker is ${state}`,
        async () => work.queue?.stats().targets['rpa_db']?.breaker,
        (now) => now === state,
      )
    const drains = async () => {
      // As a health check does that finds it well.
      work.queue?.targetSeen('rpa_db')
      // With the target up and a backlog in every lane, an operation that overtakes would do so now.
      await breaker('closed')
      // While clients write on, the lanes are never empty, and all goes through the queue.
      work.paused = true
      await until(
        'the queue is empty',
        async () => queued(),
        (now) => now === 0,
      )
      work.paused = false
    }

    await server.halt('immediate')
    await grows(100)
    await breaker('open')
    await server.start()
    await drains()
    t.pass('stopped')

    for (const cut of ['cutBeforeQuery', 'cutDuringQuery', 'swallowAnswer'] as const) {
      await proxy[cut](apply)
      await drains()
    }
    t.pass('cut before, during and after COMMIT')

    server.freeze()
    await new Promise((resolve) => setTimeout(resolve, 500))
    server.thaw()
    await drains()
    t.pass('frozen')

    await server.kill()
    await grows(20)
    await server.start()
    await drains()
    t.pass('killed')

    const setting = async (value: 'on' | 'off') => {
      await server.query(`alter system set default_transaction_read_only = ${value}`)
      await server.query('select pg_reload_conf()')
    }
    await setting('on')
    await grows(100)
    await setting('off')
    await drains()
    t.pass('read-only')

    proxy.refuse()
    await grows(100)
    const old = work.queue as LocalQueue
    work.queue = undefined
    const { remaining } = await old.drain(clock.monotonicMs() + 100)
    t.ok(remaining > 0, `${remaining} stay for the next start`)
    await old.close()
    work.queue = await openQueue(directory)
    proxy.heal()
    await drains()
    t.pass('restarted with a backlog')

    proxy.flap(50)
    await grows(1)
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    proxy.heal()
    work.over = true
    const done = await Promise.all(clients)
    await drains()
    await work.queue.close()

    const { rows } = await server.query('select lane, number from effects order by position')
    const counters = await server.query('select lane, value from counters')
    let total = 0
    for (const [index, lane] of lanes.entries()) {
      const { acknowledged = new Set<number>(), counts } = done[index] ?? {}
      const numbers = rows.filter((row) => row.lane === lane).map(({ number }) => Number(number))
      const expected = [...acknowledged]
      // The last one may have been applied without an answer.
      if (numbers.length === expected.length + 1) expected.push(expected.length)
      t.same(numbers, expected, `lane "${lane}": ${JSON.stringify(counts)}`)
      t.equal(counters.rows.find((row) => row.lane === lane)?.value, numbers.length)
      total += numbers.length
    }
    t.comment(`${total} effects`)
    t.same(
      lines.filter(({ event }) => event === 'operation.dead'),
      [],
    )
    t.ok(lines.some(({ event }) => event === 'breaker.closed'))
  },
)
