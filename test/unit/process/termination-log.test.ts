import t from 'tap'
import { exitReport, terminationMessage } from '../../../supervisor/process/termination-log.ts'

const exit = { code: undefined, signal: 'SIGKILL', status: 137, oomKilled: true }

t.test('R8.5 the report says why, with code, signal, last lines and unsent operations', async (t) => {
  t.same(exitReport({ reason: 'flow_oom_killed' }, 137, exit, ['last words'], 3), {
    reason: 'flow_oom_killed',
    code: 137,
    signal: 'SIGKILL',
    lastLogLines: ['last words'],
    unsentOperations: 3,
  })
})

t.test(
  'R8.5 the termination message is JSON of at most 4,096 bytes, and the oldest lines go first',
  async (t) => {
    const lines = Array.from({ length: 20 }, (_, index) => `line ${index} ${'ä'.repeat(200)}`)
    const text = terminationMessage(exitReport({ reason: 'flow_exited' }, 3, undefined, lines, 0))
    t.ok(Buffer.byteLength(text) <= 4096, `${Buffer.byteLength(text)} bytes`)
    const { lastLogLines } = JSON.parse(text) as { lastLogLines: string[] }
    t.ok(lastLogLines.length > 0)
    t.same(lastLogLines, lines.slice(-lastLogLines.length))
  },
)

t.test('R8.5 a huge message is cut, never the reason', async (t) => {
  const text = terminationMessage(
    exitReport({ reason: 'internal', message: 'x'.repeat(9000) }, 70, undefined, [], 0),
  )
  t.ok(Buffer.byteLength(text) <= 4096)
  t.match(JSON.parse(text), { reason: 'internal', code: 70 })
})
