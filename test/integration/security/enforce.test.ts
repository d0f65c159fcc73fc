// A start is refused before anything of the flow runs. A test machine is no container: `critical` refuses it anywhere,
// since /proc can be written to.

import t from 'tap'
import { noNamespace, startSupervised } from '../../harness/supervised.ts'

t.test(
  'R7 `critical` refuses a start outside of a container: 78, and why',
  { skip: noNamespace },
  async (t) => {
    const supervised = await startSupervised(t, {
      command: ['sleep', '1000'],
      environment: { CONTAINER_SECURITY_ENFORCE: 'critical' },
    })
    const { code, exit } = await supervised.exited
    t.equal(code, 78)
    t.match(exit, {
      reason: 'config_invalid',
      code: 78,
      message: /CONTAINER_SECURITY_ENFORCE=critical: .*S15/,
    })
    t.match(
      supervised.records.find(({ event }) => event === 'security.refused'),
      { code: 'security_refused' },
    )
    t.notOk(supervised.records.some(({ event }) => event === 'flow.started'))
  },
)
