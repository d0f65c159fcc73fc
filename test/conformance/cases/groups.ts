// Nothing of the flow outlives it, and whatever belongs to it is asked before it is killed.

import { constants } from 'node:os'
import { type Case, expect, soon } from '../case.ts'

const { SIGTERM } = constants.signals
const group = 'groups'
const requirement = '§4'

/** Leaves a member in the group that hears TERM and stays, and goes with exit code 4. */
const leaveMember =
  '(trap "say asked" TERM; say up; idle) & until grep -q up "$R"; do sleep 0.01; done; exit 4'

export const groupCases: readonly Case[] = [
  {
    group,
    requirement,
    name: 'the leader exits: what is left of its group is asked by TERM first',
    async run(stage) {
      const instance = await stage.startShell(leaveMember, { graceMs: 1_000 })
      expect((await instance.ended()) === 4, 'the exit code of the leader was lost')
      expect(instance.records().includes('asked'), 'killed before it could answer to TERM')
    },
  },
  {
    group,
    requirement,
    name: 'the leader exits: a member that ignores TERM is gone before the init is',
    async run(stage) {
      // As PID 1 the kernel would see to it.
      const instance = await stage.startShell(leaveMember, { graceMs: 1_000, asPid1: false })
      expect((await instance.ended()) === 4, 'the exit code of the leader was lost')
      const survivors = instance.records().find((record) => record.startsWith('survivors'))
      expect(survivors === 'survivors', `left alive: ${survivors?.split(' ').length ?? 0} processes`)
    },
  },
  {
    group,
    requirement,
    name: 'a grandchild in a session of its own gets TERM when the flow is stopped',
    async run(stage) {
      const grandchild =
        'trap "echo told >>\\"$1\\"; exit" TERM; echo up >>"$1"; while :; do sleep 0.05; done'
      const instance = await stage.startShell(`setsid sh -c '${grandchild}' sh "$R" & wait`)
      await instance.record('up')
      instance.signal(SIGTERM)
      await instance.ended()
      expect(instance.records().includes('told'), 'killed before it could answer to TERM')
    },
  },
  {
    group,
    requirement,
    name: 'the flow exits while a grandchild holds its stdout: noticed in under a second',
    run: (stage) =>
      soon(async () => {
        const instance = await stage.startShell('sleep 60 & say leaving; exit 6')
        await instance.record('leaving')
        const leftAtMs = performance.now()
        expect((await instance.ended()) === 6, 'the exit code was lost')
        return performance.now() - leftAtMs
      }),
  },
]
