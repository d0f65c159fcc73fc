// What can't be started ends at once, with an exit code and a last line that say why.

import t from 'tap'
import { flawsOf, startContainer } from '../harness/container.ts'
import { baseImage, buildImages } from '../harness/images.ts'
import { databasePassword } from '../harness/postgres-container.ts'

await buildImages()

const environment = { CONTAINER_FLOW_NAME: 'refused' }

t.test('§4 a command that does not exist: 127', async (t) => {
  const flow = await startContainer(t, { image: baseImage, command: ['no-such-program'], environment })
  const { code, last } = await flow.exited
  t.equal(code, 127)
  t.match(last, { event: 'exit', reason: 'command_unusable', code: 127, message: /no-such-program/ })
  t.same(flawsOf(flow), [])
})

t.test('§4 a command that is not executable: 126', async (t) => {
  const flow = await startContainer(t, { image: baseImage, command: ['/etc/passwd'], environment })
  const { code, last } = await flow.exited
  t.equal(code, 126)
  t.match(last, { event: 'exit', reason: 'command_unusable', code: 126, message: /\/etc\/passwd/ })
  t.same(flawsOf(flow), [])
})

t.test('R1.4 a wrong configuration: 78, with every problem and no secret', async (t) => {
  const flow = await startContainer(t, {
    image: baseImage,
    command: ['sleep', '1000'],
    environment: {
      CONTAINER_FLOW_NAME: 'Not A Name',
      CONTAINER_HTTP_PRT: '8080',
      CONTAINER_STOP_GRACE: 'soon',
      CONTAINER_DATABASE_FLOWS_URL: `mysql://flow:${databasePassword}@db/flows`,
      CONTAINER_APP_ANYTHING: 'is for the flow',
    },
  })
  const { code, last } = await flow.exited
  t.equal(code, 78)
  t.match(last, { event: 'exit', reason: 'config_invalid', code: 78 })
  const problems = flow.log.all.filter(({ event }) => event === 'config.invalid')
  t.same(problems.map((problem) => problem['variable']).sort(), [
    'CONTAINER_DATABASE_FLOWS_URL',
    'CONTAINER_FLOW_NAME',
    'CONTAINER_HTTP_PRT',
    'CONTAINER_STOP_GRACE',
  ])
  t.match(JSON.stringify(problems), /CONTAINER_HTTP_PORT/, 'the nearest known name')
  t.notOk(JSON.stringify(flow.log.all).includes(databasePassword))
  t.same(flawsOf(flow), [])
})

t.test('§4 a state directory that cannot be written: 73', async (t) => {
  const flow = await startContainer(t, {
    image: baseImage,
    command: ['sleep', '1000'],
    environment: { ...environment, CONTAINER_STATE_DIRECTORY: '/etc/state' },
  })
  const { code, last } = await flow.exited
  t.equal(code, 73)
  t.match(last, { event: 'exit', reason: 'resource_unavailable', code: 73 })
})

t.test('§3 no command at all: 64, and how to write one', async (t) => {
  const flow = await startContainer(t, { image: baseImage, environment })
  t.equal((await flow.exited).code, 64)
  t.match(flow.stderr(), /flowkeep run -- /)
})
