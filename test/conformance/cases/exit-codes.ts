// What the engine learns of the flow's end is what the flow ended with.

import { chmodSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { type Case, each, expect, type Stage } from '../case.ts'

const { SIGTERM } = constants.signals
const group = 'exit codes'
const requirement = '§4'

export const exitCodeCases: readonly Case[] = [
  {
    group,
    requirement,
    name: '0–255 as they are',
    async run(stage) {
      const wrong: string[] = []
      await each(stage.exitCodes, async (code) => {
        const got = await codeOf(stage, `exit ${code}`)
        if (got !== code) wrong.push(`${code} became ${got}`)
      })
      expect(wrong.length === 0, `${wrong.length} are others: ${wrong.slice(0, 3).join(', ')}`)
    },
  },
  ...(
    [
      ['TERM', 15],
      ['HUP', 1],
      ['QUIT', 3],
      ['KILL', 9],
      ['SEGV', 11],
      ['37', 37],
    ] as const
  ).map(
    ([name, number]): Case => ({
      group,
      requirement,
      name: `128 + n when ${name === '37' ? 'a real-time signal' : name} ends the flow`,
      run: (stage) => expectCode(stage, `ulimit -c 0; kill -${name} $$; sleep 60`, 128 + number),
    }),
  ),
  {
    group,
    requirement,
    name: '127 for a command that is not there',
    async run(stage) {
      const instance = await stage.start(['/no/such/command'])
      expectSame(await instance.ended(), 127)
    },
  },
  {
    group,
    requirement,
    name: '126 for a command that cannot be executed',
    async run(stage) {
      const file = join(stage.directory, 'plain')
      writeFileSync(file, 'no program')
      chmodSync(file, 0o644)
      const instance = await stage.start([file])
      expectSame(await instance.ended(), 126)
    },
  },
  {
    group,
    requirement: 'R5.5',
    name: 'the code that a flow chooses when it is told to stop',
    async run(stage) {
      const instance = await stage.startShell('trap "exit 7" TERM; say up; idle')
      await instance.record('up')
      instance.signal(SIGTERM)
      expectSame(await instance.ended(), 7)
    },
  },
]

async function codeOf(stage: Stage, script: string): Promise<number> {
  return (await stage.startShell(script)).ended()
}

async function expectCode(stage: Stage, script: string, expected: number): Promise<void> {
  expectSame(await codeOf(stage, script), expected)
}

function expectSame(code: number, expected: number): void {
  expect(code === expected, `${expected} became ${code}`)
}
