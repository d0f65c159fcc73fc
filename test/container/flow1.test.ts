// flow1 works real and malformed files through into PostgreSQL; stopped or killed in the middle, others go on where it
// was. Its Prefect server is never there: that must not matter.

import { basename } from 'node:path'
import t from 'tap'
import {
  type Container,
  createNetwork,
  flawsOf,
  startContainer,
  type TestContext,
} from '../harness/container.ts'
import { flowEnvironment, flowOptions, migrate } from '../harness/flow.ts'
import { buildImages, flow1Image } from '../harness/images.ts'
import { countRows, inputDirectory, malformedFiles, realFiles } from '../harness/input-directory.ts'
import { type PostgresContainer, startPostgres } from '../harness/postgres-container.ts'
import { until } from '../harness/until.ts'

await buildImages()

function startFlow(t: TestContext, network: string, input: string): Promise<Container> {
  return startContainer(t, {
    image: flow1Image,
    options: flowOptions,
    network,
    readOnly: true,
    dropCapabilities: true,
    noNewPrivileges: true,
    mounts: [{ source: input, target: '/data' }],
    environment: { ...flowEnvironment, CONTAINER_APP_INPUT_DIRECTORY: '/data' },
  })
}

async function countParts(database: PostgresContainer): Promise<number> {
  // There are no tables yet when the flow has only just started.
  const exists = await database.query("select to_regclass('flow1.parts') is not null")
  return exists === 't' ? Number(await database.query('select count(*) from flow1.parts')) : 0
}

t.test('R9.4 R8.2 every row is stored once or rejected with its reason, whoever dies', async (t) => {
  const network = await createNetwork(t)
  const real = realFiles.filter((file) => /birdstrikes|zipcodes|airports|stocks/.test(file))
  const input = inputDirectory(t, [...real, ...malformedFiles])
  const database = await startPostgres(t, network)
  await migrate(t, network)

  const stopped = await startFlow(t, network, input)
  await until(
    'parts are stored',
    () => countParts(database),
    (parts) => parts > 0,
  )
  const { last } = await stopped.stop()
  t.match(last, { event: 'exit', reason: 'stopped', code: 0 }, 'the batch in hand was done')
  t.same(flawsOf(stopped), [])
  const atStop = await countParts(database)

  const killed = await startFlow(t, network, input)
  await until(
    'others go on where it was',
    () => countParts(database),
    (parts) => parts > atStop,
  )
  await killed.signal('KILL')
  await killed.exited

  const files = real.length + malformedFiles.length
  const [finishing] = await Promise.all([startFlow(t, network, input), startFlow(t, network, input)])
  await until(
    'every part of every file is stored',
    () => database.query('select count(*), sum(parts) = (select count(*) from flow1.parts) from flow1.files'),
    (answer) => answer === `${files}|t`,
  )

  const stored = await database.query('select file, count(*) from flow1.rows group by file')
  t.same(
    stored.split('\n').sort(),
    [
      ...real.map((file) => `${basename(file)}|${countRows(file)}`),
      ...['broken-quotes.csv|3', 'not-text.csv|1', 'wrong-fields.csv|2'],
    ].sort(),
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
  const sums = await database.query('select sum(rows), sum(rejects) from flow1.parts')
  t.equal(sums, `${await database.query('select count(*) from flow1.rows')}|9`, 'what each part says adds up')

  const { body } = await finishing
    .exec('flowkeep', 'health', '--json')
    .then(({ stdout }) => JSON.parse(stdout))
    .then(({ report }) => ({ body: report.checks }))
  t.match(body['code'], { status: 'healthy' })
  t.match(body['work-advances'], { status: 'healthy', message: /settled/ })
})
