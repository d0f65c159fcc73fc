// What an error of PostgreSQL means for the work that met it, in one table. The longest beginning of the SQLSTATE that
// is listed decides. The same table judges in the supervisor and, as patterns, inside `flowkeep.apply_operations`.
// https://www.postgresql.org/docs/current/errcodes-appendix.html

export type Verdict =
  /** Doing the same again gives the same: a dead letter. */
  | 'refused'
  /** A permission is missing: someone grants it, then it goes on. */
  | 'forbidden'
  /** It may do better next time: burns an attempt. */
  | 'failed'
  /** It is the connection or the server, not the work: burns nothing, opens the breaker. */
  | 'unreached'

interface Row {
  readonly states: readonly string[]
  readonly verdict: Verdict
  /** With `unreached`: the reason that the breaker and the operator see. */
  readonly reason?: string
}

const table: readonly Row[] = [
  // The statement, its parameters, or the data they meet.
  { states: ['07', '0A', '0B', '0F', '0L', '0P', '0Z', '20', '21', '22', '23', '24'], verdict: 'refused' },
  // Statements that cannot run inside a transaction (25001), and a COMMIT inside a procedure (2D000).
  {
    states: ['25', '27', '2B', '2D', '2F', '34', '38', '39', '3B', '3F', '42', '44', '54'],
    verdict: 'refused',
  },
  // What functions of the database raise themselves: P0001 and its kin.
  { states: ['P0'], verdict: 'refused' },
  // A deferred constraint that fails when it is checked.
  { states: ['40002'], verdict: 'refused' },
  { states: ['42501'], verdict: 'forbidden' },
  // Serialisation, deadlock, a lock that could not be had: others were in the way.
  { states: ['40', '55'], verdict: 'failed' },
  { states: ['08'], verdict: 'unreached', reason: 'connection_lost' },
  { states: ['28'], verdict: 'unreached', reason: 'authentication' },
  { states: ['3D'], verdict: 'unreached', reason: 'missing_database' },
  { states: ['53'], verdict: 'unreached', reason: 'out_of_resources' },
  { states: ['53300'], verdict: 'unreached', reason: 'too_many_connections' },
  { states: ['57P'], verdict: 'unreached', reason: 'shutting_down' },
  { states: ['57P03'], verdict: 'unreached', reason: 'starting' },
  // After a fail-over the old primary, or a standby, refuses every write.
  { states: ['25006'], verdict: 'unreached', reason: 'read_only' },
  // The server ended the session: idle in its transaction, or its transaction took too long.
  { states: ['25P03', '25P04'], verdict: 'unreached', reason: 'connection_lost' },
  // A pooler that shares a session among clients has lost or doubled a prepared statement.
  { states: ['26', '42P05'], verdict: 'unreached', reason: 'pooler' },
  // The server's disk or its files.
  { states: ['58'], verdict: 'unreached', reason: 'server_fault' },
]

/** Nobody knows what it means: worth a bounded number of attempts. */
const unknown: Row = { states: [], verdict: 'failed' }

export function judge(sqlState: string): { readonly verdict: Verdict; readonly reason: string | undefined } {
  let best = { length: 0, row: unknown }
  for (const row of table) {
    for (const state of row.states) {
      if (sqlState.startsWith(state) && state.length > best.length) best = { length: state.length, row }
    }
  }
  return { verdict: best.row.verdict, reason: best.row.reason }
}

/** A PostgreSQL regular expression that matches exactly the SQLSTATEs with this verdict; none for unlisted ones. */
export function patternOf(verdict: Verdict): string {
  const listed = table.flatMap((row) => row.states.map((state) => ({ state, verdict: row.verdict })))
  const wanted = listed.filter((entry) => entry.verdict === verdict).map(({ state }) => state)
  const longer = listed
    .filter((entry) => entry.verdict !== verdict && wanted.some((state) => entry.state.startsWith(state)))
    .map(({ state }) => state)
  // Something listed with another verdict and again below it with this one, such as 40 and 40002.
  const nested = wanted.filter((state) => longer.some((other) => state.startsWith(other)))
  if (nested.length > 0) throw new Error(`the table nests ${nested.join(', ')} too deeply for a pattern`)
  return longer.length === 0 ? `^(?:${wanted.join('|')})` : `^(?!${longer.join('|')})(?:${wanted.join('|')})`
}
