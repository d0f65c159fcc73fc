import t from 'tap'
import { tellingLines } from '../../../compose/operate/last-words.ts'
import { showLine } from '../../../compose/operate/logs-command.ts'
import { composeArguments, findContainer, parseContainers } from '../../../compose/operate/project.ts'
import { type Replica, type Supervisor, troublesOf } from '../../../compose/operate/status-command.ts'

const listed = (name: string, service: string, state = 'running', more: object = {}) => ({
  ID: name,
  Name: name,
  Service: service,
  State: state,
  ...more,
})
const containers = parseContainers(
  [
    listed('p-flow1-10', 'flow1'),
    listed('p-flow1-2', 'flow1'),
    listed('p-db-1', 'db', 'exited', { ExitCode: 3 }),
  ]
    .map((each) => JSON.stringify(each))
    .join('\n'),
)

t.test('R4.6 what Compose lists, as lines or as one array, in the order of the replicas', async (t) => {
  t.same(
    containers.map(({ name }) => name),
    ['p-db-1', 'p-flow1-2', 'p-flow1-10'],
  )
  t.same(
    parseContainers(JSON.stringify([listed('a', 'b')])),
    parseContainers(JSON.stringify(listed('a', 'b'))),
  )
  t.same(parseContainers('\n'), [])
  t.same(composeArguments({ files: ['/a', '/b'], name: 'p' }, ['ps']), [
    ...['compose', '--file', '/a', '--file', '/b', '--project-name', 'p', '--profile', '*', 'ps'],
  ])
})

t.test('R4.6 a replica is found by its number, and a wrong name is told what there is', async (t) => {
  t.equal(findContainer(containers, 'flow1', undefined).name, 'p-flow1-2')
  t.equal(findContainer(containers, 'flow1', 10).name, 'p-flow1-10')
  t.throws(() => findContainer(containers, 'db', undefined), { message: /db is not running; flow1 are/ })
  t.throws(() => findContainer(containers, 'flow1', 1), { message: /replica 1 of flow1/ })
  t.throws(() => findContainer([], 'flow1', 1), { message: /nothing of the stack/, hint: /npm start/ })
})

t.test(
  'R4.6 JSON lines are shown for people, other lines as they are, and a least level counts',
  async (t) => {
    const look = { color: false, width: 80 }
    const all = { level: undefined, raw: false }
    const line = (record: object) => `flow1-1  | ${JSON.stringify(record)}`
    const started = {
      time: '2030-01-02T03:04:05.678Z',
      level: 'info',
      component: 'supervisor',
      event: 'flow.started',
      message: 'the flow has started',
    }
    t.equal(
      showLine(line(started), all, look),
      '03:04:05.678 flow1-1 · info  the flow has started [flow.started]',
    )
    t.equal(showLine(line(started), { level: 'warn', raw: false }, look), undefined)
    t.equal(showLine(line(started), { level: undefined, raw: true }, look), line(started))
    t.equal(showLine('db-1  | LOG: ready', all, look), 'db-1  | LOG: ready')
    t.equal(showLine('db-1  | {broken', { level: 'info', raw: false }, look), 'db-1  | {broken')
  },
)

t.test('R4.6 the status names what is not as it should be, and nothing else', async (t) => {
  const supervisor = (status: string, checks: Supervisor['health']['checks'] = {}) =>
    ({ health: { status, state: 'running', version: '1', checks } }) as Supervisor
  const replica = (name: string, state: string, more: object = {}, rest: Partial<Replica> = {}): Replica => ({
    container: { id: name, name, service: name, state, health: '', exitCode: 0, ...more },
    ...rest,
  })
  const good = { supervisor: supervisor('healthy', { a: { status: 'healthy', message: 'ok' } }) }
  t.same(
    troublesOf([
      replica('migrate', 'exited'),
      replica('db', 'running', { health: 'healthy' }),
      replica('flow', 'running', {}, good),
    ]),
    [],
  )
  t.same(
    troublesOf([
      replica('job', 'exited', { exitCode: 3 }),
      replica('loop', 'restarting'),
      replica('db', 'running', { health: 'unhealthy' }),
      replica('mute', 'running', {}, { problem: 'no answer' }),
      replica(
        'flow',
        'running',
        {},
        { supervisor: supervisor('degraded', { 'database:x': { status: 'degraded', message: 'refused' } }) },
      ),
      replica('slow', 'running', {}, { supervisor: supervisor('unhealthy') }),
    ]),
    [
      'job ended with exit code 3',
      'loop is restarting',
      'db is unhealthy',
      'mute: no answer',
      'flow: database:x is degraded: refused',
      'slow is unhealthy (running)',
    ],
  )
})

t.test('R4.5 the last words of a container are what tells why it does not run', (t) => {
  const line = (component: string, level: string, message: string) =>
    JSON.stringify({ component, level, message })
  const noise = line('supervisor', 'info', 'gating → starting')
  const flow = [noise, line('flow', 'error', 'Traceback'), line('flow', 'error', 'NoModule'), noise]
  t.equal(tellingLines(flow.join('\n'), 1), 'NoModule')
  t.equal(tellingLines(flow.join('\n'), 5), 'Traceback\nNoModule')
  t.equal(
    tellingLines([noise, line('supervisor', 'fatal', 'no database'), noise].join('\n'), 5),
    'no database',
  )
  t.equal(tellingLines('LOG: up\n\nFATAL: no space\n', 1), 'FATAL: no space', 'a container that is not ours')
  t.equal(tellingLines('', 5), '')
  t.end()
})
