// Signals: each reaches the flow's group once; stops are never lost and stay within their budget.

import { readFileSync } from 'node:fs'
import t from 'tap'
import { noNamespace, noPython, startSupervised } from '../../harness/supervised.ts'

const skip = noNamespace
const forwarded = [
  'SIGHUP',
  'SIGUSR1',
  'SIGUSR2',
  'SIGALRM',
  'SIGWINCH',
  'SIGURG',
  'SIGCONT',
  'SIGPWR',
  'SIGVTALRM',
  'SIGXCPU',
  'SIGRTMIN',
  'SIGRTMIN+3',
  'SIGRTMIN+30',
]
/** A flow whose leader and child both say which signals they got. Python names them all, real-time ones too. */
const listener = `
import os, signal, sys
def tell(who):
    def got(number, frame):
        os.write(1, f"{who} {number}\\n".encode())
    for number in range(1, 65):
        if number in (9, 19, 32, 33, 17): continue
        try: signal.signal(number, got)
        except (OSError, ValueError): pass
child = os.fork()
tell("leader" if child else "member")
os.write(1, b"up\\n")
while True: signal.pause()
`

t.test(
  '§4 signals: each is forwarded to the flow’s whole group, once',
  { skip: skip || noPython },
  async (t) => {
    const flow = await startSupervised(t, { command: ['python3', '-c', listener] })
    await flow.record(() => flow.records.filter(({ message }) => message === 'up').length === 2)
    const { signalNumber } = await import('../../../supervisor/process/signal-names.ts')
    for (const name of forwarded) {
      const number = signalNumber(name)
      flow.signal(name)
      await flow.line(`leader ${number}`)
      await flow.line(`member ${number}`)
    }
    const heard = flow.records.filter(({ message }) => /^(leader|member) \d+$/.test(message))
    t.equal(heard.length, forwarded.length * 2, 'nothing came twice')
    t.match((await flow.get('/metrics')).body, /flowkeep_signals_forwarded_total\{signal="SIGHUP"\} 1/)
    flow.signal('SIGTERM')
    await flow.line('leader 15')
    flow.signal('SIGTERM')
    t.match((await flow.exited).exit, { reason: 'stopped', code: 137 })
  },
)

t.test('§4 signals: SIGUSR1 opens no inspector', { skip }, async (t) => {
  const flow = await startSupervised(t, {
    command: ['sh', '-c', 'trap "echo usr1" USR1; echo up; while :; do sleep 1; done'],
  })
  await flow.line('up')
  flow.signal('SIGUSR1')
  await flow.line('usr1')
  t.notMatch(flow.stderr(), /Debugger listening/)
})

t.test('§4 signals: a stop sent the moment Node.js can hear it is not lost', { skip }, async (t) => {
  for (let round = 0; round < 5; round++) {
    const flow = await startSupervised(t, { command: ['sleep', '60'] })
    // Before, Node.js itself is starting. SIGTTOU is the last one that we listen to, so then all handlers stand.
    while (!catches(flow.pid, 22)) await new Promise((resolve) => setImmediate(resolve))
    flow.signal('SIGTERM')
    t.match((await flow.exited).exit, { reason: 'stopped' })
  }
})

function catches(pid: number, signal: number): boolean {
  const mask = /^SigCgt:\s*([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '0'
  return (BigInt(`0x${mask}`) & (1n << BigInt(signal - 1))) !== 0n
}

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

t.test('R5.5 a flow that ignores TERM is killed before the grace is over', { skip }, async (t) => {
  const flow = await startSupervised(t, {
    command: ['sh', '-c', 'trap "" TERM; echo up; while :; do sleep 0.05; done'],
    environment: { CONTAINER_STOP_GRACE: '1s' },
  })
  await flow.line('up')
  flow.signal('SIGTERM')
  const { code, exit } = await flow.exited
  t.equal(code, 137)
  t.match(exit, { reason: 'stopped', signal: 'SIGKILL' })
  t.ok(flow.records.some(({ event, to }) => event === 'state.changed' && to === 'killing'))
})

t.test('§4 a second stop escalates at once', { skip }, async (t) => {
  const flow = await startSupervised(t, {
    command: ['sh', '-c', 'trap "echo term" TERM; echo up; while :; do sleep 0.05; done'],
    environment: { CONTAINER_STOP_GRACE: '10m' },
  })
  await flow.line('up')
  flow.signal('SIGTERM')
  await flow.line('term')
  flow.signal('SIGTERM')
  t.match(await flow.exited, { code: 137, exit: { reason: 'stopped' } })
})

t.test('§4 a stop during backoff ends the container with the last flow’s code', { skip }, async (t) => {
  const flow = await startSupervised(t, {
    command: ['sh', '-c', 'exit 9'],
    environment: {
      CONTAINER_RESTART_POLICY: 'always',
      CONTAINER_RESTART_BACKOFF_MIN: '5m',
      CONTAINER_RESTART_BACKOFF_MAX: '5m',
    },
  })
  await flow.record(({ to }) => to === 'backoff')
  flow.signal('SIGTERM')
  t.match(await flow.exited, { code: 9, exit: { reason: 'stopped' } })
})
