// What the effects leave behind, and the account that is taken of it. Neither table has a key that could hide a second
// effect; the sequence numbers the effects of a lane in the order in which they came, because a lane has one transaction
// at a time.

import pg from 'pg'
import type { PostgresServer } from '../../harness/postgres.ts'
import type { TargetTruth } from '../../simulation/checker.ts'
import { databaseName } from './plan.ts'

/** Who the flows' supervisors connect as, where the password can expire. */
export const passwordUser = 'chaos_flow'

const schema = `
create table public.chaos_effects (
  sequence bigserial, id text, lane text, content text, at timestamptz default clock_timestamp());
create table public.chaos_counters (lane text unique, effects bigint);
create role ${passwordUser} login password 'first-of-all';
grant usage on schema flowkeep to ${passwordUser};
grant select, insert, update, delete on all tables in schema flowkeep, public to ${passwordUser};
grant usage on all sequences in schema flowkeep, public to ${passwordUser};
`

export async function prepareDatabase(server: PostgresServer): Promise<void> {
  await inOneSession(server, (client) => client.query(schema))
}

/** Everything is at rest: what comes later than this belongs to no round, and shows as a phantom of the next one. */
export async function forgetEffects(server: PostgresServer): Promise<void> {
  await server.query('truncate public.chaos_effects, public.chaos_counters')
}

export async function effectsSoFar(server: PostgresServer): Promise<number> {
  const { rows } = await server.query('select last_value from public.chaos_effects_sequence_seq')
  return Number(rows[0]?.last_value)
}

export interface Truth extends TargetTruth {
  /** Where a lane's counter is another number than its effects. */
  readonly miscounted: readonly string[]
}

export async function readTruth(server: PostgresServer): Promise<Truth> {
  return await inOneSession(server, async (client) => {
    const effects = await client.query(
      'select id, lane, content, floor(extract(epoch from at) * 1000)::float8 as at_ms from public.chaos_effects order by sequence',
    )
    const counters = await client.query('select lane, effects::float8 as effects from public.chaos_counters')
    const listed = Map.groupBy(effects.rows, ({ lane }) => String(lane))
    const counted = new Map(counters.rows.map((row) => [String(row.lane), Number(row.effects)]))
    const lanes = new Set([...listed.keys(), ...counted.keys()])
    return {
      name: databaseName,
      exactlyOnce: true,
      effects: effects.rows.map(({ id, content, at_ms }) => ({ id, content, atMs: at_ms })),
      counter: [...counted.values()].reduce((sum, count) => sum + count, 0),
      miscounted: [...lanes]
        .filter((lane) => (listed.get(lane)?.length ?? 0) !== (counted.get(lane) ?? 0))
        .map(
          (lane) =>
            `lane ${lane}: ${listed.get(lane)?.length ?? 0} effects, counted ${counted.get(lane) ?? 0}`,
        ),
    }
  })
}

async function inOneSession<T>(server: PostgresServer, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const { host, port, user, password } = server
  const client = new pg.Client({ host, port, user, password, database: 'postgres', ssl: false })
  client.on('error', () => {})
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

/** Every session but those of the runner, as a fail-over ends them. */
export async function endSessions(server: PostgresServer): Promise<void> {
  await server.query(
    "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and backend_type = 'client backend'",
  )
}

export async function setReadOnly(server: PostgresServer, isReadOnly: boolean): Promise<void> {
  await inOneSession(server, async (client) => {
    await client.query('set default_transaction_read_only = off')
    await client.query(`alter system set default_transaction_read_only = ${isReadOnly ? 'on' : 'off'}`)
    await client.query('select pg_reload_conf()')
  })
}

export async function setPassword(server: PostgresServer, password: string): Promise<void> {
  await server.query(`alter role ${passwordUser} password ${pg.escapeLiteral(password)}`)
}
