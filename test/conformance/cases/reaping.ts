// Whoever loses its parent is waited for, and no exit status of the flow is lost over it.

import { type Case, expect } from '../case.ts'

const group = 'reaping'
const requirement = 'R8.2'

const orphans = 1_000
const rounds = 3

export const reapingCases: readonly Case[] = [
  {
    group,
    requirement,
    name: '1,000 orphans leave no zombie, and the init lives',
    async run(stage) {
      const instance = await stage.startFixture('orphans', [String(orphans), String(stage.patienceMs)])
      const code = await instance.ended(60_000)
      const [verdict] = instance.records()
      expect(verdict === 'zombies 0', `${verdict}`)
      expect(code === 0, `the flow's exit code 0 became ${code}`)
    },
  },
  {
    group,
    requirement,
    name: 'the flow and 50 orphans end in the same moment: its exit code is kept',
    async run(stage) {
      for (let round = 0; round < rounds; round++) {
        const instance = await stage.startFixture('exit_with_orphans', ['42', '50'])
        const code = await instance.ended()
        expect(code === 42, `42 became ${code}`)
      }
    },
  },
  {
    group,
    requirement,
    name: 'where it is not PID 1 it adopts the orphans of the flow',
    async run(stage) {
      const instance = await stage.startFixture('adopted', [], { asPid1: false })
      await instance.until('the orphan has a new parent', () => instance.records().length >= 2)
      const parent = (who: string) =>
        instance
          .records()
          .find((record) => record.startsWith(who))
          ?.split(' ')[1]
      expect(parent('adopted') === parent('init'), 'they go to the PID 1 above')
    },
  },
]
