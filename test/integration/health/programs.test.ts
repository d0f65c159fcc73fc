// Real programs, started the way the supervisor starts them.

import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { systemClock } from '../../../supervisor/core/clock.ts'
import { limits } from '../../../supervisor/core/limits.ts'
import type { CheckOutcome, HealthCheck } from '../../../supervisor/health/check.ts'
import { type ProgramParts, runProgram } from '../../../supervisor/health/program-run.ts'
import { createProgramChecks } from '../../../supervisor/health/programs.ts'
import { createChildren } from '../../../supervisor/process/children.ts'
import { loadNative } from '../../../supervisor/process/native.ts'
import { quiet } from '../../unit/http/public-fixture.ts'

const children = createChildren(() => {})
const native = loadNative()

function checkOf(t: Test, script: string, environment: Record<string, string> = {}): HealthCheck {
  const directory = t.testdir({})
  writeFileSync(`${directory}/check.sh`, script)
  chmodSync(`${directory}/check.sh`, 0o755)
  const times = { intervalMs: 10_000, timeoutMs: 5_000 }
  const [check] = createProgramChecks({ ...parts(directory, environment), ...times, logger: quiet })
  return check as HealthCheck
}

function parts(directory: string, environment: Record<string, string> = {}): ProgramParts {
  return {
    directory,
    children,
    pipe: native.pipe,
    clock: systemClock,
    environment: { PATH: process.env['PATH'], ...environment },
  }
}

function run(t: Test, script: string, environment?: Record<string, string>): Promise<CheckOutcome> {
  return checkOf(t, script, environment).run(new AbortController().signal)
}

function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length
}

t.test('§6 the exit code is the status and the first line the message', async (t) => {
  const table: [string, CheckOutcome][] = [
    ['#!/bin/sh\necho all good; echo more', { status: 'healthy', message: 'all good' }],
    ['#!/bin/sh\nexit 0', { status: 'healthy', message: 'ok' }],
    ['#!/bin/sh\necho slow; exit 1', { status: 'degraded', message: 'slow' }],
    ['#!/bin/sh\necho dead >&2; exit 2', { status: 'unhealthy', message: 'dead' }],
    ['#!/bin/sh\nexit 2', { status: 'unhealthy', message: 'exit code 2' }],
    ['#!/bin/sh\necho what; exit 7', { status: 'unhealthy', message: 'exit code 7: what' }],
    ['#!/bin/sh\nkill -SEGV $$', { status: 'unhealthy', message: 'ended by SIGSEGV' }],
    [
      '#!/bin/sh\necho noise >&2; echo "  the verdict "; exit 1',
      { status: 'degraded', message: 'the verdict' },
    ],
    ['echo no interpreter named; exit 1', { status: 'degraded', message: 'no interpreter named' }],
    ['#!/bin/sh\necho by path > /dev/stdout', { status: 'healthy', message: 'by path' }],
    [
      '#!/bin/sh\n# flowkeep: every=1s\nexit 0',
      {
        status: 'degraded',
        message: 'its "flowkeep:" header is not understood: "every=1s" is neither interval=… nor timeout=…',
      },
    ],
    ['#!/bin/sh\n# flowkeep: every=1s\necho dead; exit 2', { status: 'unhealthy', message: 'dead' }],
  ]
  for (const [script, expected] of table) t.strictSame(await run(t, script), expected, script)
})

t.test('§6 a program that cannot be run is unhealthy with the reason', async (t) => {
  t.match(await run(t, '#!/nowhere/interpreter\n'), {
    status: 'unhealthy',
    message: /cannot be run: .*does not exist/,
  })
})

t.test('R7.2 it sees the environment that it is given and no other', async (t) => {
  process.env['FLOWKEEP_TEST_CANARY'] = 'hunter2'
  t.teardown(() => delete process.env['FLOWKEEP_TEST_CANARY'])
  const outcome = await run(t, '#!/bin/sh\necho "[$FLOWKEEP_TEST_CANARY][$GIVEN]"', { GIVEN: 'yes' })
  t.equal(outcome.message, '[][yes]')
})

t.test('§6 endless output blocks nothing and is bounded', async (t) => {
  const outcome = await run(t, '#!/bin/sh\nhead -c 20000000 /dev/zero | tr "\\0" x; exit 1')
  t.equal(outcome.status, 'degraded')
  t.equal(outcome.message.length, limits.foreignMessageChars)
})

t.test('§6 what comes after the first 4 KiB is not kept', async (t) => {
  const outcome = await run(t, '#!/bin/sh\nhead -c 5000 /dev/zero | tr "\\0" "\\n"; echo late')
  t.strictSame(outcome, { status: 'healthy', message: 'ok' })
})

t.test('§6 an aborted run ends its whole group', async (t) => {
  const directory = t.testdir({})
  const check = checkOf(
    t,
    `#!/bin/sh\nsleep 1000 &\necho $$ $! > ${directory}/pids\nmv ${directory}/pids ${directory}/ready\ntrap '' TERM\nwait`,
  )
  const abort = new AbortController()
  const pending = check.run(abort.signal)
  await appears(`${directory}/ready`)
  const pids = readFileSync(`${directory}/ready`, 'utf8').trim().split(' ').map(Number)
  abort.abort()
  t.match(await pending, { status: 'unhealthy', message: 'ended by SIGKILL' })
  for (const pid of pids) t.ok(await ends(pid), `${pid} has ended`)
})

t.test('§6 what a program leaves running is ended with it', async (t) => {
  const directory = t.testdir({})
  const outcome = await run(t, `#!/bin/sh\nsleep 1000 &\necho $! > ${directory}/pid\necho done`)
  t.strictSame(outcome, { status: 'healthy', message: 'done' })
  t.ok(await ends(Number(readFileSync(`${directory}/pid`, 'utf8'))))
})

t.test('§6 a process that fled the group and holds the output does not hold the verdict', async (t) => {
  const directory = t.testdir({})
  const outcome = await run(
    t,
    `#!/bin/sh\nsetsid sh -c 'echo $$ > ${directory}/pid; mv ${directory}/pid ${directory}/ready; exec sleep 1000' &\nwhile [ ! -f ${directory}/ready ]; do :; done\necho done`,
  )
  t.strictSame(outcome, { status: 'healthy', message: 'done' })
  process.kill(Number(readFileSync(`${directory}/ready`, 'utf8')), 'SIGKILL')
})

t.test('R6.2 a hundred runs leave no descriptor open', async (t) => {
  const check = checkOf(t, '#!/bin/sh\necho ok')
  const missing = checkOf(t, '#!/nowhere\n')
  const { signal } = new AbortController()
  await check.run(signal)
  const before = openDescriptors()
  const refusing = {
    ...parts(t.testdir({})),
    children: {
      spawn: () => {
        throw new Error('no processes left')
      },
    },
  }
  for (let n = 0; n < 50; n++)
    t.match(await runProgram('/x', refusing, signal), { status: 'unhealthy', message: /no processes left/ })
  for (let n = 0; n < 50; n++) await Promise.all([check.run(signal), missing.run(signal)])
  t.equal(openDescriptors(), before)
})

t.test('§6 the example that ships is a check with a header of its own', async (t) => {
  const [check, ...others] = createProgramChecks({
    ...parts(new URL('../../../healthchecks', import.meta.url).pathname),
    intervalMs: 10_000,
    timeoutMs: 1_000,
    logger: { ...quiet, warn: (fields) => t.fail(JSON.stringify(fields)) },
  })
  t.match(check, { name: 'work-directory', intervalMs: 30_000, timeoutMs: 5_000 })
  t.equal(others.length, 0)
  const outcome = await check?.run(new AbortController().signal)
  t.match(outcome?.message, /^\d+ % free under \/tmp$/)
})

async function appears(path: string): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const look = setInterval(() => {
    try {
      readFileSync(path)
      resolve()
    } catch {}
  }, 10)
  await promise
  clearInterval(look)
}

/** Dead, or a zombie that whoever adopted it has yet to reap. */
async function ends(pid: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const look = setInterval(() => {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
      if (stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z')) resolve(true)
    } catch {
      resolve(true)
    }
  }, 10)
  const ended = await promise
  clearInterval(look)
  return ended
}
