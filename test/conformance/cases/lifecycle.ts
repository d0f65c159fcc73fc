// A stop is never lost and never without end; the flow finds its standard streams as it should.

import { readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { type Case, expect, type Stage } from '../case.ts'
import { childOf, type Instance, maskOf } from '../instance.ts'
import { flowkeepCases } from './flowkeep.ts'

const { SIGTERM } = constants.signals
const group = 'lifecycle'
const stubborn = 'trap "say told" TERM; say up; idle'
const rounds = 5

export const lifecycleCases: readonly Case[] = [
  {
    group,
    requirement: '§4',
    name: 'TERM as soon as it can be heard is not lost',
    async run(stage) {
      for (let round = 0; round < rounds; round++) {
        const instance = await stage.start(['sleep', '60'])
        await instance.until('it listens to signals', () => listens(instance, stage))
        instance.signal(SIGTERM)
        await instance.ended()
      }
    },
  },
  {
    group,
    requirement: 'R5.5',
    needs: 'grace',
    name: 'a flow that stays on TERM is killed when its grace is over',
    async run(stage) {
      const instance = await stage.startShell(stubborn, { graceMs: 1_000 })
      await instance.record('up')
      instance.signal(SIGTERM)
      expect((await instance.ended()) === 137, 'the exit code is not that of SIGKILL')
      expect(instance.records().includes('told'), 'killed without having been asked')
    },
  },
  {
    group,
    requirement: '§4',
    needs: 'grace',
    name: 'a second TERM does not wait for the grace',
    async run(stage) {
      const instance = await stage.startShell(stubborn, { graceMs: 600_000 })
      await instance.record('up')
      instance.signal(SIGTERM)
      await instance.record('told')
      instance.signal(SIGTERM)
      expect((await instance.ended()) === 137, 'the exit code is not that of SIGKILL')
    },
  },
  {
    group,
    requirement: '§4',
    name: 'the flow can read its standard input',
    async run(stage) {
      const script = 'read -r line; [ "$line" = hello ] && exit 7; exit 8'
      const instance = await stage.startShell(script, { input: 'hello\n' })
      expect((await instance.ended()) === 7, 'it read something else')
    },
  },
  {
    group,
    requirement: '§9',
    name: '/dev/stdout and /dev/stderr can be opened',
    async run(stage) {
      const script = 'echo through stdout >/dev/stdout && echo through stderr >/dev/stderr && exit 5'
      const instance = await stage.startShell(script)
      expect((await instance.ended()) === 5, 'they cannot')
      const written = instance.output('stdout') + instance.output('stderr')
      for (const text of ['through stdout', 'through stderr'])
        expect(written.includes(text), `"${text}" was lost`)
    },
  },
  {
    group,
    requirement: 'R7.4',
    name: 'the flow inherits no open file of the init',
    async run(stage) {
      const { flow, fresh } = await stage.compare((file) => [
        ...['find', '/proc/self/fd', '-mindepth', '1', '-fprintf', file, '%f '],
      ])
      expect(flow === fresh, `${flow}instead of ${fresh}`)
    },
  },
  ...flowkeepCases,
]

/** From now on a PID 1 has to take notice: the kernel drops only what is neither handled nor blocked. */
function listens({ pid }: Instance, { init }: Stage): boolean {
  if (readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'unshare') return false
  // Every program blocks all signals for a moment now and then, so what is blocked tells nothing. An init that waits
  // for signals instead of handling them has blocked them by the time there is a flow.
  return (maskOf(pid, 'SigCgt') & (1n << BigInt(init.lastListened - 1))) !== 0n || childOf(pid) !== 0
}
