// Signals, where Flowkeep differs from others. What holds for any init is in test/conformance.

import t from 'tap'
import { noNamespace, startSupervised } from '../../harness/supervised.ts'

const skip = noNamespace

t.test('§4 signals: SIGUSR1 opens no inspector, and is counted', { skip }, async (t) => {
  const flow = await startSupervised(t, {
    command: ['sh', '-c', 'trap "echo usr1" USR1; echo up; while :; do sleep 1; done'],
  })
  await flow.line('up')
  flow.signal('SIGUSR1')
  await flow.line('usr1')
  t.match((await flow.get('/metrics')).body, /flowkeep_signals_forwarded_total\{signal="SIGUSR1"\} 1/)
  t.notMatch(flow.stderr(), /Debugger listening/)
})

t.test(
  '§4 signals: TERM becomes the flow’s stop signal, INT and QUIT stay as they are',
  { skip },
  async (t) => {
    const script =
      'trap "echo int; exit 5" INT; trap "echo quit; exit 6" QUIT; trap "echo usr2; exit 7" USR2; echo up; while :; do sleep 0.05; done'
    for (const [sent, heard, code] of [
      ['SIGTERM', 'usr2', 7],
      ['SIGINT', 'int', 5],
      ['SIGQUIT', 'quit', 6],
    ] as const) {
      const flow = await startSupervised(t, {
        command: ['sh', '-c', script],
        environment: { CONTAINER_STOP_SIGNAL: 'USR2' },
      })
      await flow.line('up')
      flow.signal(sent)
      await flow.line(heard)
      t.match(await flow.exited, { code, exit: { reason: 'stopped' } })
    }
  },
)
