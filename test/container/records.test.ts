// Records in a PostgreSQL as distributions build it: with a just-in-time compiler, which the one of the integration
// tests does not have.

import t from 'tap'
import { migrations } from '../../supervisor/postgres/migrations/index.ts'
import { createNetwork } from '../harness/container.ts'
import { startPostgres } from '../harness/postgres-container.ts'
import { until } from '../harness/until.ts'

const session = '00000000-0000-0000-0000-000000000001'
/** All that supervisors ask for all day. */
const asked = [
  `insert into flowkeep.worker_session (id, instance, lease_expires_at) values ('${session}', 'a', now() + interval '1 hour')`,
  `select count(*) from flowkeep.enqueue_records('e', 'h', 'q', array[null, null, null], array['1', '2', '3'], array[0, 0, 0], array[null, null, null]::timestamptz[])`,
  `select count(*) from flowkeep.claim_records('${session}', 1, 'q', 3, 1000000, '1 min', 5, -2147483648, '-infinity', 0)`,
  `select count(*) from flowkeep.complete_records(array[1], array[1])`,
  `select count(*) from flowkeep.give_back_records(array[2], array[1], true, 'why', true, false, false)`,
  `select flowkeep.give_back_claims('${session}', array[1])`,
  `select count(*) from flowkeep.recover_records('${session}', 500)`,
]

t.test(
  'R6.4 nothing that is done to records is compiled just in time, which takes longer than doing it',
  async (t) => {
    const { container, query } = await startPostgres(t, await createNetwork(t))
    // The one that sets the database up does not listen there.
    const answers = () => container.exec('pg_isready', '--quiet', '--host=127.0.0.1')
    await until('PostgreSQL answers', answers, ({ code }) => code === 0)
    t.equal(await query('select pg_jit_available()'), 't')
    const statements = ['create schema flowkeep', ...migrations.flatMap((migration) => migration.statements)]
    await query(statements.join(';\n'))
    const explained = (settings: string, sql: readonly string[]) =>
      container.exec(
        ...['psql', '-XAt', '-v', 'ON_ERROR_STOP=1', '-U', 'flow', '-d', 'flows', '-c'],
        `load 'auto_explain'; set auto_explain.log_min_duration = 0; set auto_explain.log_nested_statements = on;
       set auto_explain.log_analyze = on; set client_min_messages = log; ${settings} ${sql.join(';\n')}`,
      )
    const { stderr } = await explained('', asked)
    t.match(stderr, /processing_queue/)
    t.notMatch(stderr, /^JIT:/m)
    const compiled = await explained('set jit_above_cost = 0;', ['select count(*) from flowkeep.inbox'])
    t.match(compiled.stderr, /^JIT:/m, 'which would be seen here')
  },
)
