// The rules of records in the simulation are those of the database: the same calls, drawn by chance, give the same answers
// and leave the same rows in both.

import t from 'tap'
import { type Held, StoreFailure } from '../../../supervisor/core/record-store.ts'
import { migrate } from '../../../supervisor/postgres/migrate.ts'
import { createRecordStore } from '../../../supervisor/postgres/record-store.ts'
import { startPostgres } from '../../harness/postgres.ts'
import { createRandom } from '../../simulation/random.ts'
import { createTables } from '../../simulation/records/database.ts'
import { poolFor } from '../postgres/pools.ts'

const server = await startPostgres()
t.teardown(() => server.stop())

const at = { nowMs: Date.parse('2030-01-01T00:00:00Z'), callersWallMs: 0 }
const queue = 'q'
const steps = 250
const records = 40
/** What is set to run out has run out. */
const past = -60_000
const future = 900_000

for (const seed of [1, 2]) {
  t.test(
    `R3.1 the simulated rules of records are those of PostgreSQL, calls drawn from ${seed}`,
    async (t) => {
      const random = createRandom(seed)
      const database = `rules_${seed}`
      await server.createDatabase(database)
      const pool = poolFor(server.url(database))
      t.teardown(() => pool.close())
      await migrate(pool)
      const store = createRecordStore(() => pool)
      const query = async (sql: string, parameters: unknown[] = []) =>
        (await server.query(sql, parameters, database)).rows as Record<string, unknown>[]
      const tables = createTables({ random: { next: () => 0, chance: () => false }, locked: 0 })

      const fresh = Array.from({ length: records }, (_, index) => {
        return { payload: String(index), key: null, priority: random.between(0, 2), runAt: null }
      })
      const request = { id: 'enqueue:e', contentHash: 'h', queue, records: fresh }
      t.same(await store.enqueue(request), tables.enqueue(request, at))

      /** In the simulation, in the database. */
      const sessions: { readonly simulated: string; readonly real: string }[] = []
      let claims = 0

      function anyHeld(): Held {
        const known = [...tables.rows.values()]
        if (known.length === 0 || random.chance(0.1)) {
          const ending = tables.endings.length > 0 ? random.pick(tables.endings) : { id: '1', epoch: 1 }
          return { id: ending.id, epoch: ending.epoch }
        }
        const { id, epoch } = random.pick(known)
        return { id: String(id), epoch: random.chance(0.8) ? epoch : Math.max(0, epoch - 1) }
      }
      function someHeld(): Held[] {
        const held = Array.from({ length: random.between(1, 4) }, anyHeld)
        return [...new Map(held.map((each) => [each.id, each])).values()]
      }

      const calls: Readonly<Record<string, () => Promise<readonly [real: unknown, simulated: unknown]>>> = {
        async open() {
          const real = await store.openSession('here', future)
          sessions.push({ real, simulated: tables.openSession('here', future, at) })
          return [true, true]
        },
        async renew() {
          const { real, simulated } = random.pick(sessions)
          const leaseMs = random.pick([future, past])
          return [await store.renewSession(real, leaseMs), tables.renewSession(simulated, leaseMs, at)]
        },
        async end() {
          const { real, simulated } = random.pick(sessions)
          return [await store.endSession(real), tables.endSession(simulated)]
        },
        async claim() {
          const { real, simulated } = random.pick(sessions)
          const number = ++claims
          const rest = { number, queue, limit: random.between(1, 6), maxAttempts: random.between(1, 3) }
          const timeoutMs = random.pick([future, future, past])
          return [
            await told(async () => claimed(await store.claim({ ...rest, timeoutMs, session: real }))),
            await told(async () => {
              const lease = tables.mustStand(simulated)
              return claimed(tables.claim({ ...rest, timeoutMs, session: simulated }, lease, at))
            }),
          ]
        },
        async complete() {
          const held = someHeld()
          return [await store.complete(held), tables.complete(held, at)]
        },
        async giveBack() {
          const [held, begun] = [someHeld(), random.chance(0.5)]
          const how = { begun, suspect: begun && random.chance(0.5), reason: 'why' }
          return [await store.giveBack(held, how), tables.giveBack(held, how, at)]
        },
        async giveBackClaims() {
          const { real, simulated } = random.pick(sessions)
          const numbers = [random.between(1, claims + 1), random.between(1, claims + 1)]
          return [await store.giveBackClaims(real, numbers), tables.giveBackClaims(simulated, numbers, at)]
        },
        async recover() {
          const own = random.chance(0.8) ? random.pick(sessions) : undefined
          const real = await store.recover(own?.real, records)
          const simulated = tables.recover(own?.simulated, records, at)
          return [
            { ...real, late: [...real.late].sort() },
            { ...simulated, late: [...simulated.late].sort() },
          ]
        },
        async change() {
          const { id: recordId, epoch } = anyHeld()
          const action = random.pick(['complete', 'fail', 'release'] as const)
          const more =
            action === 'fail' ? { reason: 'why', retry: random.chance(0.6) } : { alone: random.chance(0.5) }
          const change = { action, recordId, epoch, ...more }
          const [row] = await query('select flowkeep.change_record($1::jsonb) as done', [
            JSON.stringify(change),
          ])
          // Not due before `wait` says so, however long this takes.
          await query(`update flowkeep.processing_queue set run_at = '2100-01-01'
          where status = 'scheduled' and run_at > now()`)
          return [row?.['done'], tables.change(change, at)]
        },
        /** What was scheduled is due. */
        async wait() {
          const due = `update flowkeep.processing_queue set run_at = '2000-01-01' where status = 'scheduled'`
          await query(due)
          for (const row of tables.rows.values()) if (row.status === 'scheduled') row.runAtMs = -1
          return [true, true]
        },
      }

      async function rowsInDatabase(): Promise<unknown> {
        const rows = await query(`select id::text, status, attempts, epoch::integer, claim::integer, suspect,
          session_id::text as session from flowkeep.processing_queue as queued order by queued.id`)
        const history = await query(`select id::text, outcome, epoch::integer, attempts
          from flowkeep.record_history as history order by history.id`)
        const nameOf = (real: unknown) => sessions.find((each) => each.real === real)?.simulated ?? null
        return { rows: rows.map((row) => ({ ...row, session: nameOf(row['session']) })), history }
      }
      function rowsInSimulation(): unknown {
        const rows = [...tables.rows.values()]
          .sort((a, b) => a.id - b.id)
          .map((row) => ({
            ...{ id: String(row.id), status: row.status, attempts: row.attempts, epoch: row.epoch },
            ...{ claim: row.claim ?? null, suspect: row.suspect, session: row.session ?? null },
          }))
        const endings = [...tables.endings].sort((a, b) => Number(a.id) - Number(b.id))
        const history = endings.map(({ id, outcome, epoch, attempts }) => ({ id, outcome, epoch, attempts }))
        return { rows, history }
      }

      const weighted = [...Object.keys(calls), 'claim', 'claim', 'claim', 'recover']
      const made = new Set<string>()
      for (let step = 0; step < steps; step++) {
        const name = sessions.length < 2 ? 'open' : random.pick(weighted)
        made.add(name)
        const [real, simulated] = (await calls[name]?.()) ?? []
        t.same(simulated, real, `the answer of step ${step}, ${name}`)
        t.same(rowsInSimulation(), await rowsInDatabase(), `the rows after step ${step}, ${name}`)
        if (!t.passing()) return
      }
      t.equal(made.size, Object.keys(calls).length, 'each call was made')
      const outcomes = new Set(tables.endings.map(({ outcome }) => outcome))
      t.same([...outcomes].sort(), ['completed', 'failed'])
    },
  )
}

function claimed(
  given: readonly { id: string; epoch: number; attempt: number; suspect: boolean }[],
): unknown {
  return given.map(({ id, epoch, attempt, suspect }) => ({ id, epoch, attempt, suspect }))
}

async function told(ask: () => Promise<unknown>): Promise<unknown> {
  try {
    return await ask()
  } catch (error) {
    if (error instanceof StoreFailure) return error.reason
    throw error
  }
}
