import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { systemClock } from '../../../supervisor/core/clock.ts'
import { limits } from '../../../supervisor/core/limits.ts'
import { parseProgramHeader } from '../../../supervisor/health/program-header.ts'
import { findPrograms } from '../../../supervisor/health/programs.ts'

const defaults = { intervalMs: 10_000, timeoutMs: 5_000 }

function find(directory: string) {
  return findPrograms({
    directory,
    ...defaults,
    children: {
      spawn() {
        throw new Error('nothing is run by looking')
      },
    },
    pipe() {
      throw new Error('nothing is run by looking')
    },
    clock: systemClock,
    environment: {},
  })
}

function program(path: string, content = '#!/bin/sh\n', mode = 0o755): void {
  writeFileSync(path, content)
  chmodSync(path, mode)
}

t.test('§6 the header of a program, row by row', async (t) => {
  const table: [string, { intervalMs: number; timeoutMs: number } | RegExp][] = [
    ['#!/bin/sh\necho ok', defaults],
    ['#!/bin/sh\n# flowkeep: interval=30s timeout=5s\n', { intervalMs: 30_000, timeoutMs: 5_000 }],
    ['#!/usr/bin/env node\n// flowkeep: timeout=500ms', { intervalMs: 10_000, timeoutMs: 500 }],
    ['-- flowkeep: interval=1m', { intervalMs: 60_000, timeoutMs: 5_000 }],
    ['# flowkeep: interval=2s', { intervalMs: 2_000, timeoutMs: 2_000 }],
    ['   #flowkeep:   timeout=1s   interval=2s  \r\n', { intervalMs: 2_000, timeoutMs: 1_000 }],
    ['echo "flowkeep: interval=1s"', defaults],
    ['# flowkeep:', /says nothing/],
    ['# flowkeep: interval=30', /"30" is not a duration/],
    ['# flowkeep: interval=', /"" is not a duration/],
    ['# flowkeep: interval=30s interval=20s', /interval is given twice/],
    ['# flowkeep: every=30s', /neither interval/],
    ['# flowkeep: __proto__=1s', /neither interval/],
    ['# flowkeep: interval=1s=2s', /neither interval/],
    ['# flowkeep: interval=10ms', /interval is to be from 1s/],
    ['# flowkeep: interval=2d', /interval is to be from 1s to 1d/],
    ['# flowkeep: timeout=1ms', /timeout is to be from 100ms/],
    ['# flowkeep: interval=5s timeout=6s', /timeout is to be .* to the interval/],
    ['# flowkeep: interval=5s\n# flowkeep: timeout=1s', /more than one/],
  ]
  for (const [start, expected] of table) {
    const header = parseProgramHeader(start, defaults)
    if (expected instanceof RegExp) t.match(header, { ok: false, message: expected }, start)
    else t.strictSame(header, { ok: true, times: expected }, start)
  }
})

t.test('§6 no directory means no programs', async (t) => {
  t.strictSame(find(`${t.testdir({})}/absent`), { checks: [], problems: [] })
})

t.test('§6 every executable is a check by its name; everything else is named', async (t) => {
  const directory = t.testdir({})
  program(`${directory}/orders.py`)
  program(`${directory}/10-disk.sh`, '# flowkeep: interval=30s timeout=5s\n')
  program(`${directory}/README.md`, 'text', 0o644)
  program(`${directory}/.hidden`)
  program(`${directory}/notes.sh`, '', 0o644)
  program(`${directory}/Bad Name.sh`)
  program(`${directory}/flow`)
  program(`${directory}/orders.sh`)
  mkdirSync(`${directory}/sub`)
  symlinkSync('/nowhere', `${directory}/dangling`)
  symlinkSync(`${directory}/orders.py`, `${directory}/linked`)
  const { checks, problems } = find(directory)
  t.match(checks, [
    { name: '10-disk', intervalMs: 30_000, timeoutMs: 5_000 },
    { name: 'linked' },
    { name: 'orders', ...defaults },
  ])
  t.match(
    problems.map(({ file, problem }) => `${file.slice(directory.length + 1)}: ${problem}`),
    [
      /^Bad Name\.sh: its name/,
      /^dangling: ENOENT/,
      /^flow: the name flow is taken/,
      /^notes\.sh: it is not executable/,
      /^orders\.sh: another program gives the check orders already/,
      /^sub: it is not a file/,
    ],
  )
})

t.test('§6 more programs than the bound are refused by name', async (t) => {
  const directory = t.testdir({})
  for (let n = 0; n < limits.healthPrograms + 2; n++)
    program(`${directory}/check-${String(n).padStart(3, '0')}`)
  const { checks, problems } = find(directory)
  t.equal(checks.length, limits.healthPrograms)
  t.match(problems, [{ file: /check-050$/ }, { file: /check-051$/ }])
})
