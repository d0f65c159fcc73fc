// A signal to the init is a signal to the flow: to its whole process group, once. SIGCHLD is the init's own business.

import { constants } from 'node:os'
import {
  firstRealTimeSignal,
  lastRealTimeSignal,
  signalName,
} from '../../../supervisor/process/signal-names.ts'
import { type Case, expect, Failure, type Stage } from '../case.ts'
import { childOf, type Instance, stateOf } from '../instance.ts'

const { SIGTERM, SIGINT, SIGQUIT, SIGCHLD, SIGTSTP, SIGTTIN, SIGTTOU, SIGCONT, SIGUSR2 } = constants.signals
const group = 'signals'
const requirement = '§4'

// Not among them: what stops the flow (cases of its own), KILL and STOP, which nobody can forward, CHLD, the faults
// of a process itself (SEGV, BUS …), PIPE, and job control.
const standard = (
  ['SIGHUP', 'SIGUSR1', 'SIGALRM', 'SIGSTKFLT', 'SIGCONT', 'SIGURG', 'SIGXCPU', 'SIGXFSZ'] as const
).map((name) => constants.signals[name])
const more = (['SIGVTALRM', 'SIGPROF', 'SIGWINCH', 'SIGIO', 'SIGPWR'] as const).map(
  (name) => constants.signals[name],
)
const realTime = Array.from(
  { length: lastRealTimeSignal - firstRealTimeSignal + 1 },
  (_, offset) => firstRealTimeSignal + offset,
)
const settleMs = 1_000
const suspendedMs = 200

export const signalCases: readonly Case[] = [
  {
    group,
    requirement,
    name: 'HUP, USR1, ALRM, WINCH … reach the whole group, once each',
    run: (stage) => reachOnce(stage, [...standard, ...more]),
  },
  {
    group,
    requirement,
    name: 'real-time signals 34–64 reach the whole group, once each',
    run: (stage) => reachOnce(stage, realTime),
  },
  ...([SIGTERM, SIGINT, SIGQUIT] as const).map(
    (number): Case => ({
      group,
      requirement: 'R5.5',
      name: `${signalName(number).slice(3)} reaches the whole group`,
      async run(stage) {
        const instance = await startListener(stage)
        instance.signal(number)
        for (const who of ['leader', 'member']) await instance.record(`${who} ${number}`)
      },
    }),
  ),
  {
    group,
    requirement,
    name: 'CHLD is not forwarded',
    async run(stage) {
      const instance = await startListener(stage)
      instance.signal(SIGCHLD)
      await fence(instance)
      const heard = instance.records().filter((record) => record.endsWith(` ${SIGCHLD}`))
      expect(heard.length === 0, `the flow got it: ${heard.join(', ')}`)
    },
  },
  {
    group,
    requirement,
    name: 'TSTP, TTIN, TTOU: TERM still ends it',
    async run(stage) {
      const instance = await stage.startShell('say up; idle', { graceMs: 600_000 })
      await instance.record('up')
      for (const number of [SIGTSTP, SIGTTIN, SIGTTOU]) await suspend(instance, number)
      instance.signal(SIGTERM)
      await instance.ended()
    },
  },
  {
    group,
    requirement,
    name: 'TSTP, then CONT: the flow works on',
    async run(stage) {
      const instance = await stage.startShell('while :; do say tick; sleep 0.02; done')
      await instance.record('tick')
      await suspend(instance, SIGTSTP)
      instance.signal(SIGCONT)
      await instance.taken()
      const before = instance.records().length
      await instance.until('the flow works on', () => instance.records().length > before + 10)
    },
  },
  {
    group,
    requirement,
    name: 'the flow starts with no signal blocked or ignored',
    async run(stage) {
      // No shell: some unblock every signal when they start.
      const found = await stage.compare((file) => ['cp', '/proc/self/status', file])
      const masks = (status: string) => status.match(/^Sig(Blk|Ign):.*$/gm)?.join(', ')
      const [flow, fresh] = [masks(found.flow), masks(found.fresh)]
      expect(flow === fresh, `${flow} instead of ${fresh}`)
    },
  },
]

async function startListener(stage: Stage): Promise<Instance> {
  const instance = await stage.startFixture('listener', [], { graceMs: 600_000 })
  for (const who of ['leader', 'member']) await instance.record(`${who} up`)
  return instance
}

async function reachOnce(stage: Stage, numbers: readonly number[]): Promise<void> {
  const instance = await startListener(stage)
  for (const number of numbers) instance.signal(number)
  const wanted = numbers.flatMap((number) => [`leader ${number}`, `member ${number}`])
  const missing = () => {
    const records = instance.records()
    return wanted.filter((line) => !records.includes(line))
  }
  await instance.until('all have come', () => missing().length === 0, settleMs).catch(() => undefined)
  const lost = [...new Set(missing().map((line) => line.split(' ')[1]))].map(Number)
  await fence(instance)
  const records = instance.records()
  const twice = wanted.filter((line) => records.indexOf(line) !== records.lastIndexOf(line))
  const whole = lost.filter((number) => !records.includes(`leader ${number}`))
  if (lost.length > 0) {
    const what = whole.length === lost.length ? 'are not forwarded' : 'reach only a part of the group'
    throw new Failure(
      `${lost.length} of ${numbers.length} ${what}: ${lost.slice(0, 4).map(signalName).join(', ')}`,
    )
  }
  expect(twice.length === 0, `more than once: ${twice.slice(0, 4).join(', ')}`)
}

/** Sends a signal that may stop the flow, and gives that the time to happen. */
async function suspend(instance: Instance, number: number): Promise<void> {
  instance.signal(number)
  await instance.taken()
  const isStopped = () => stateOf(childOf(instance.pid)) === 'T'
  await instance.until('the flow is stopped', isStopped, suspendedMs).catch(() => undefined)
}

/** What was sent before has come, if it comes at all, once this has. */
async function fence(instance: Instance): Promise<void> {
  instance.signal(SIGUSR2)
  await instance.record(`leader ${SIGUSR2}`)
}
