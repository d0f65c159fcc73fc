// flow1 works real and malformed files through into PostgreSQL; stopped or killed in the middle, it goes on where it was.

import { basename } from 'node:path'
import t from 'tap'
import {
  type Container,
  createNetwork,
  flawsOf,
  startContainer,
  type TestContext,
} from '../harness/container.ts'
import { buildImages, flow1Image } from '../harness/images.ts'
import { countRows, inputDirectory, malformedFiles, realFiles } from '../harness/input-directory.ts'
import { databaseUrl, type PostgresContainer, startPostgres } from '../harness/postgres-container.ts'
import { until } from '../harness/until.ts'

await buildImages()

function startFlow(
  t: TestContext,
  network: string,
  input: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<Container> {
  return startContainer(t, {
    image: flow1Image,
    network,
    mounts: [{ source: input, target: '/data' }],
    environment: {
      CONTAINER_APP_INPUT_DIRECTORY: '/data',
      CONTAINER_DATABASE_FLOWS_URL: databaseUrl,
      ...environment,
    },
  })
}

async function countStored(database: PostgresContainer): Promise<number> {
  // There are no tables yet when the flow has only just started.
  const exists = await database.query("select to_regclass('flow1.rows') is not null")
  return exists === 't' ? Number(await database.query('select count(*) from flow1.rows')) : 0
}

t.test('R9.4 every row of every file is in the database, or rejected there with its reason', async (t) => {
  const network = await createNetwork(t)
  const input = inputDirectory(t, [...realFiles, ...malformedFiles])
  const [database, flow] = await Promise.all([
    startPostgres(t, network),
    startFlow(t, network, input, { CONTAINER_APP_ONCE: 'true' }),
  ])
  const { code, last } = await flow.exited

  t.equal(code, 0)
  t.match(last, { event: 'exit', reason: 'flow_exited', code: 0 })
  t.same(flawsOf(flow), [])

  const stored = await database.query('select file, count(*) from flow1.rows group by file order by file')
  const real = realFiles.map((file) => `${basename(file)}|${countRows(file)}`)
  t.same(
    stored.split('\n').sort(),
    [...real, 'broken-quotes.csv|3', 'not-text.csv|1', 'wrong-fields.csv|2'].sort(),
  )

  const rejected = await database.query('select file, line, reason from flow1.rejects order by file, line')
  t.same(rejected.split('\n'), [
    `broken-quotes.csv|2|a quote is opened and not closed: ',' expected after '"'`,
    `broken-quotes.csv|4|',' expected after '"'`,
    'no-header.csv|1|a NUL byte',
    'no-header.csv|2|the file has no readable header',
    'not-text.csv|2|not UTF-8: byte 0xe9',
    'not-text.csv|3|a NUL byte',
    'not-text.csv|4|an empty line',
    'wrong-fields.csv|3|2 fields where the header has 3',
    'wrong-fields.csv|4|4 fields where the header has 3',
  ])

  const sums = await database.query('select sum(rows), sum(rejects) from flow1.files')
  t.equal(sums, `${await countStored(database)}|9`, 'what each file says of itself adds up')
})

t.test('R8.2 stopped and killed in the middle, it loses and doubles no row', async (t) => {
  const network = await createNetwork(t)
  const files = realFiles.filter((file) => /birdstrikes|zipcodes/.test(file))
  const expected = files.reduce((rows, file) => rows + countRows(file), 0)
  const input = inputDirectory(t, files)
  const database = await startPostgres(t, network)
  // A transaction for each of 52,000 rows: there is time to stop it in the middle.
  const slowly = { CONTAINER_APP_BATCH_ROWS: '1' }

  const stopped = await startFlow(t, network, input, slowly)
  await stopped.log.next('flow.started')
  await until(
    'rows are stored',
    () => countStored(database),
    (rows) => rows > 0,
  )
  const { code, last } = await stopped.stop()
  t.equal(code, 0, 'the flow ended by itself')
  t.match(last, { event: 'exit', reason: 'stopped', code: 0 })
  t.same(flawsOf(stopped), [])
  const rowsAtStop = await countStored(database)
  t.ok(rowsAtStop < expected, `it was in the middle: ${rowsAtStop} of ${expected}`)
  const place = await database.query('select bool_and(next_line = rows + 2), sum(rows) from flow1.files')
  t.equal(place, `t|${rowsAtStop}`, 'the place reached and the rows stored are of one batch')

  const killed = await startFlow(t, network, input, slowly)
  await until(
    'it has gone on',
    () => countStored(database),
    (rows) => rows > rowsAtStop,
  )
  await killed.signal('KILL')
  await killed.exited
  const rowsAtKill = await countStored(database)
  t.ok(rowsAtKill < expected, `it was in the middle: ${rowsAtKill} of ${expected}`)

  const finishing = await startFlow(t, network, input, { CONTAINER_APP_ONCE: 'true' })
  t.equal((await finishing.exited).code, 0)
  t.equal(await countStored(database), expected)
  t.equal(await database.query('select count(*) from flow1.rejects'), '0')
})
