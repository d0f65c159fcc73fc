import { stripVTControlCharacters } from 'node:util'
import t from 'tap'
import { renderAccepted, renderProblems } from '../../../supervisor/cli/check-report.ts'
import { renderConfigJson, renderConfigTable } from '../../../supervisor/cli/config-command.ts'
import { wrap } from '../../../supervisor/core/text-table.ts'
import { accepted, problemsWith } from './load-with.ts'

const { entries } = accepted({
  CONTAINER_DATABASE_RPA_DB_URL: 'postgres://app:hunter2@db:5432/rpa',
  CONTAINER_SERVICE_PREFECT_URL: 'http://prefect:4200/api',
  CONTAINER_SERVICE_PREFECT_REQUIRED: 'no',
})
const problems = problemsWith({
  CONTAINER_HTTP_PORT: '8080x',
  CONTAINER_DATABASE_RPA_DB_ULR: 'postgres://db/rpa',
  CONTAINER_STOP_GRACE: '30',
})

t.test(
  'R1.4 the report as a table: each problem with variable, found, expected and what to do',
  async (t) => {
    const report = renderProblems(problems, { color: false, width: 160 })
    t.match(report, /^The configuration is refused: 3 problems\n\n/)
    t.match(report, /Variable +Found +Expected +What to do/)
    t.match(report, /CONTAINER_HTTP_PORT +"8080x" +a whole number from 1 to 65535 +Correct it/)
    t.match(report, /CONTAINER_DATABASE_RPA_DB_ULR +an unknown name/)
    t.notMatch(report, /\n$/)
  },
)

t.test('R1.4 where a table would not fit the report is a list with the same content', async (t) => {
  const report = renderProblems(problems, { color: false, width: 80 })
  t.match(
    report,
    /\nCONTAINER_HTTP_PORT\n {2}found {7}"8080x"\n {2}expected {4}a whole number from 1 to 65535\n {2}what to do /,
  )
  const words = (text: string) =>
    text
      .split(/[\s─]+/)
      .filter((word) => word !== '')
      .sort()
  const table = words(renderProblems(problems, { color: false, width: 400 }))
  for (const word of words(report))
    t.ok(table.includes(word) || ['found', 'expected', 'what'].includes(word), word)
})

t.test('R1.4 a name that has to be copied is never broken', async (t) => {
  const long = problemsWith({
    CONTAINER_DATABASE_ORDERS_ARCHIVE_POOL_SIZE: '5',
    CONTAINER_DATBASE_ORDERS_ARCHIVE_URL: 'postgres://db/orders',
  })
  for (const width of [80, 100, 120, 140, 200]) {
    const words = new Set(renderProblems(long, { color: false, width }).split(/\s+/))
    for (const name of [
      'CONTAINER_DATABASE_ORDERS_ARCHIVE_POOL_SIZE',
      'CONTAINER_DATABASE_ORDERS_ARCHIVE_URL?',
    ])
      t.ok(words.has(name), `${name} at ${width}`)
  }
})

t.test('R1.4 no line is longer than the terminal is wide, and nothing is cut off', async (t) => {
  for (const width of [60, 80, 120, 160, 200]) {
    const lines = renderProblems(problems, { color: false, width }).split('\n')
    t.ok(
      lines.every((line) => line.length <= width),
      `${Math.max(...lines.map((line) => line.length))} of ${width}`,
    )
  }
  const long = 'word '.repeat(20) + 'x'.repeat(50)
  t.equal(wrap(long, 10).join('').replaceAll(' ', ''), long.replaceAll(' ', ''))
  t.ok(wrap(long, 10).every((line) => line.length <= 10))
})

t.test('R1.4 colour changes no character', async (t) => {
  for (const width of [80, 160]) {
    const colored = renderProblems(problems, { color: true, width })
    t.match(colored, '\u001b[')
    t.equal(stripVTControlCharacters(colored), renderProblems(problems, { color: false, width }))
    t.equal(
      stripVTControlCharacters(renderAccepted(entries, { color: true, width })),
      renderAccepted(entries, { color: false, width }),
    )
  }
})

t.test('R1.1 a sound configuration is summed up', async (t) => {
  const summary = renderAccepted(entries, { color: false, width: 100 })
  t.match(summary, /^The configuration is sound\n/)
  t.match(summary, /flow +orders \(development\)/)
  t.match(summary, /database +rpa_db at postgres:\/\/app:\[redacted\]@db:5432\/rpa\n/)
  t.match(summary, /service +prefect at http:\/\/prefect:4200\/api \(optional\)\n/)
  t.match(summary, /set by +4 by environment, \d+ by default/)
})

t.test('§5 flowkeep config --json has exactly these fields', async (t) => {
  const { settings, ...rest } = JSON.parse(
    renderConfigJson(entries.map((entry) => ({ ...entry, extra: 'left out' }))),
  )
  t.same(rest, {})
  t.equal(settings.length, entries.length)
  for (const setting of settings) t.same(Object.keys(setting), ['name', 'path', 'value', 'source', 'secret'])
  t.same(
    settings.find(({ path }: { path: string }) => path === 'databases.rpa_db.url'),
    {
      name: 'CONTAINER_DATABASE_RPA_DB_URL',
      path: 'databases.rpa_db.url',
      value: 'postgres://app:[redacted]@db:5432/rpa',
      source: 'environment',
      secret: true,
    },
  )
})

t.test('§5 flowkeep config shows name, value and source', async (t) => {
  const table = renderConfigTable(entries, { color: false, width: 120 })
  t.match(table, /^Name +Value +Source\n/)
  t.match(table, /CONTAINER_HTTP_PORT +8088 +default\n/)
  t.match(table, /CONTAINER_FLOW_USER +– +default\n/)
  t.equal(table.split('\n').length, entries.length + 2)
})
