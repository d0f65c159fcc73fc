import t from 'tap'
import { buildProblem } from '../../../compose/build/bake.ts'
import { criticalPath, followProgress, isInstruction } from '../../../compose/build/progress.ts'

const at = (ms: number) => new Date(Date.UTC(2026, 0, 1) + ms).toISOString()
const vertex = (digest: string, name: string, from: number, to: number | undefined, more: object = {}) => ({
  digest,
  name,
  started: at(from),
  ...(to !== undefined && { completed: at(to) }),
  ...more,
})

t.test('R4.3 the events of a build, compact or spread over lines, and text between them', async (t) => {
  const ended: string[] = []
  const progress = followProgress(({ name }) => ended.push(name))
  const events = [
    { vertexes: [vertex('1', '[internal] load build definition', 0, 5)] },
    { vertexes: [{ digest: '2', name: '[base 1/2] RUN a' }] },
    { vertexes: [vertex('2', '[base 1/2] RUN a', 10, undefined)] },
    { logs: [{ vertex: '2', data: Buffer.from('one\ntwo\n').toString('base64') }] },
    { vertexes: [vertex('2', '[base 1/2] RUN a', 10, 110, { error: 'exit code: 1' })] },
  ]
  for (const [index, event] of events.entries()) {
    for (const line of JSON.stringify(event, null, index % 2 ? 2 : 0).split('\n')) progress.line(line)
    if (index === 2) t.equal(progress.current()?.name, '[base 1/2] RUN a')
  }
  progress.line('ERROR: failed to solve')
  t.same(ended, ['[internal] load build definition', '[base 1/2] RUN a'])
  t.same(progress.logOf('2'), ['one', 'two'])
  t.same(progress.text(), ['ERROR: failed to solve'])
  t.match(progress.steps().get('2'), { error: 'exit code: 1', cached: false })
  t.same([...progress.steps().values()].filter(isInstruction).length, 1)
})

t.test(
  'R4.3 the critical path follows what each step needed, and else what ended last before it',
  async (t) => {
    const progress = followProgress()
    const vertexes = [
      vertex('from', '[base 1/3] FROM x', 0, 10),
      vertex('slow', '[base a 1/1] RUN slow', 10, 500, { inputs: ['from'] }),
      vertex('quick', '[base b 1/1] RUN quick', 10, 50, { inputs: ['from'] }),
      vertex('join', '[base 3/3] COPY', 500, 520, { inputs: ['quick', 'slow'] }),
      vertex('twin', '[flow 2/2] RUN', 525, 600, { inputs: ['quick'] }),
      vertex('export', 'exporting to image', 601, 650),
    ]
    progress.line(JSON.stringify({ vertexes }))
    t.same(
      criticalPath(progress.steps()).map(({ name }) => name),
      [
        '[base 1/3] FROM x',
        '[base a 1/1] RUN slow',
        '[base 3/3] COPY',
        '[flow 2/2] RUN',
        'exporting to image',
      ],
    )
  },
)

t.test(
  'R4.3 a Dockerfile that cannot be read is named with its line, whatever else was cut off by it',
  (t) => {
    const progress = followProgress()
    const cut = 'rpc error: code = Unavailable desc = error reading from server: connection reset by peer'
    progress.line(
      JSON.stringify({
        vertexes: [vertex('1', '[flow2 internal] load build context', 0, 9, { error: cut })],
      }),
    )
    for (const line of [
      'Dockerfile.flow1:2',
      '   2 | >>> FORM base',
      'ERROR: failed to solve: dockerfile parse error on line 2: unknown instruction: FORM (did you mean FROM?)',
    ]) {
      progress.line(line)
    }
    const { message, hint } = buildProblem({ progress, code: 1 }, ['flow1', 'flow2'])
    t.equal(
      message,
      'cannot build flow1, flow2: Dockerfile.flow1:2: dockerfile parse error on line 2: unknown instruction: FORM (did you mean FROM?)',
    )
    t.match(hint, /that line/)
    t.end()
  },
)
