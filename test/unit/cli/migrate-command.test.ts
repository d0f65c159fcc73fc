import t from 'tap'
import { runMigrateCommand } from '../../../supervisor/cli/migrate-command.ts'
import { FlowkeepError } from '../../../supervisor/core/errors.ts'

const fresh = { name: 'orders', migrate: async () => ({ from: 0, to: 3 }) }
const current = { name: 'rpa_db', migrate: async () => ({ from: 3, to: 3 }) }
const older = { name: 'archive', migrate: async () => ({ from: 2, to: 3 }) }
const away = { name: 'away', migrate: () => Promise.reject(new Error('db:5432 refused the connection')) }
const guarded = {
  name: 'guarded',
  migrate: () =>
    Promise.reject(
      new FlowkeepError('migration_refused', {
        operation: 'cannot bring the schema flowkeep up to date',
        message: 'permission denied (SQLSTATE 42501)',
        hint: 'Grant it',
      }),
    ),
}

async function run(
  databases: (typeof fresh | typeof away)[],
  options: { wanted?: string; json?: boolean } = {},
) {
  let [out, err] = ['', '']
  const code = await runMigrateCommand({
    databases,
    wanted: options.wanted,
    json: options.json ?? false,
    write(text) {
      out += `${text}\n`
    },
    writeError(text) {
      err += text
    },
  })
  return { code, out, err }
}

t.test('§3 flowkeep migrate says what it did to each database', async (t) => {
  t.same(await run([fresh, current, older]), {
    code: 0,
    out: `orders: the schema flowkeep was created (version 3)
rpa_db: the schema flowkeep is up to date (version 3)
archive: the schema flowkeep was brought from version 2 to 3
`,
    err: '',
  })
  t.match(await run([fresh, current], { wanted: 'rpa_db' }), { out: /^rpa_db: [^\n]*\n$/ })
})

t.test(
  '§3 one database that fails keeps no other from its turn, and the exit code says which kind it was',
  async (t) => {
    const both = await run([away, fresh])
    t.match(both, {
      code: 69,
      out: /^orders: /,
      err: /^away: db:5432 refused the connection \(dependency_unavailable\)\n {2}Run /,
    })
    t.match(await run([guarded, fresh]), { code: 1, err: /42501\) \(migration_refused\)\n {2}Grant it\n$/ })
    t.match(await run([guarded, away]), { code: 69 })
    const { out } = await run([guarded, current], { json: true })
    t.match(JSON.parse(out), {
      databases: [
        { name: 'guarded', error: { code: 'migration_refused', hint: 'Grant it' } },
        { name: 'rpa_db', from: 3, to: 3 },
      ],
    })
  },
)

t.test('§3 a database that nobody knows, or none at all', async (t) => {
  t.match(await run([fresh, current], { wanted: 'ordres' }), {
    code: 64,
    err: 'flowkeep migrate: there is no database "ordres"; configured: orders, rpa_db\n',
  })
  t.match(await run([]), { code: 78, err: /CONTAINER_DATABASE_<NAME>_URL/ })
})
