// Runs the cases against one init and says of each whether it holds.

import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { messageOf } from '../../supervisor/core/errors.ts'
import { findNamespace } from '../demo/namespace.ts'
import { checkout } from '../harness/checkout.ts'
import { unusedPort } from '../harness/servers.ts'
import { type Case, expect, Failure, type Group, type Stage } from './case.ts'
import { exitCodeCases } from './cases/exit-codes.ts'
import { groupCases } from './cases/groups.ts'
import { lifecycleCases } from './cases/lifecycle.ts'
import { reapingCases } from './cases/reaping.ts'
import { signalCases } from './cases/signals.ts'
import type { Init, Place } from './inits.ts'
import { type Instance, recordsIn, type StartOptions, startInstance } from './instance.ts'

export const cases: readonly Case[] = [
  ...exitCodeCases,
  ...signalCases,
  ...groupCases,
  ...reapingCases,
  ...lifecycleCases,
]

export interface Result {
  readonly group: Group
  readonly name: string
  readonly outcome: 'pass' | 'fail' | 'not applicable'
  /** Why it fails or does not apply. */
  readonly reason?: string
  readonly durationMs: number
}

export interface RunOptions {
  /** Those that are tried; `allExitCodes` where time is not short. */
  readonly exitCodes: readonly number[]
  /** How long something that should come about may take. An init that passes never makes anyone wait for it. */
  readonly patienceMs?: number
}

export const allExitCodes: readonly number[] = Array.from({ length: 256 }, (_, code) => code)

const namespace = findNamespace(true)
// In a container PID 1 leads a session, and there is no terminal.
const asPid1OfASession = [...namespace.launcher, 'setsid']
const port = await unusedPort()
const prelude = `R=$1; say() { echo "$*" >>"$R"; }; idle() { while :; do sleep 0.05; done; };`

/** Why the suite cannot be run here; undefined where it can. */
export function cannotRun(): string | undefined {
  if (namespace.launcher.length === 0) return `no PID namespace can be made here: ${namespace.description}`
  return python === undefined
    ? 'python3, in which the fixtures are written, is not on this machine'
    : undefined
}

// The interpreter itself: what is found by its name may be a script that starts it, and has children of its own.
const python = (() => {
  const args = ['-c', 'import sys; print(sys.executable)']
  const { status, stdout } = spawnSync('python3', args, { encoding: 'utf8' })
  return status === 0 ? stdout.trim() : undefined
})()

const atOnceMax = 3

/** Starts the cases, some at once, and gives their results in the order of the cases. */
export function run(init: Init, chosen: readonly Case[], options: RunOptions): Promise<Result>[] {
  const ended: Promise<unknown>[] = []
  return chosen.map((one, index) => {
    const room = Promise.resolve(ended[index - atOnceMax])
    const result = room.then(() => runCase(init, one, options))
    ended.push(result.catch(() => undefined))
    return result
  })
}

async function runCase(init: Init, one: Case, options: RunOptions): Promise<Result> {
  const { group, name, needs } = one
  const startedMs = performance.now()
  const result = (outcome: Result['outcome'], reason?: string): Result => {
    const durationMs = Math.round(performance.now() - startedMs)
    return { group, name, outcome, ...(reason === undefined ? {} : { reason }), durationMs }
  }
  if (needs && !init.features.has(needs)) return result('not applicable', `has no ${needs}`)

  const directory = mkdtempSync(join(tmpdir(), 'conformance-'))
  const instances: Instance[] = []
  try {
    await one.run(createStage(init, directory, options, instances))
    return result('pass')
  } catch (thrown) {
    if (!(thrown instanceof Failure))
      throw new Error(`${group}: ${name}: ${messageOf(thrown)}`, { cause: thrown })
    return result('fail', thrown.message)
  } finally {
    await Promise.all(instances.map((instance) => instance.kill()))
    rmSync(directory, { recursive: true, force: true })
  }
}

function createStage(
  init: Init,
  directory: string,
  { exitCodes, patienceMs = 10_000 }: RunOptions,
  instances: Instance[],
): Stage {
  async function start(
    flowFor: (records: string) => readonly string[],
    { asPid1 = true, graceMs, environment, input }: StartOptions,
  ): Promise<Instance> {
    const place = nextPlace(directory)
    const records = recordsIn(place.directory)
    const command = asPid1 ? init.command : (init.commandBelow ?? init.command)
    const argv = [
      ...asPid1OfASession,
      ...(asPid1 ? [] : [...fixture('above'), records]),
      ...command(flowFor(records), place),
    ]
    const settings = { ...init.environment?.(place, graceMs), ...environment }
    const instance = await startInstance(argv, place.directory, settings, { input, patienceMs })
    instances.push(instance)
    return instance
  }
  const shell = (script: string) => (records: string) => ['sh', '-c', `${prelude} ${script}`, 'flow', records]
  async function startWithout(command: readonly string[]): Promise<Instance> {
    const place = nextPlace(directory)
    return startInstance([...asPid1OfASession, ...command], place.directory, {}, { patienceMs })
  }
  return {
    init,
    directory,
    exitCodes,
    patienceMs,
    start: (command, options = {}) => start(() => command, options),
    startFixture: (name, args = [], options = {}) =>
      start((records) => [...fixture(name), records, ...args], options),
    startShell: (script, options = {}) => start(shell(script), options),
    async compare(command) {
      const found = async (name: string, startIt: (argv: readonly string[]) => Promise<Instance>) => {
        const file = join(directory, name)
        const instance = await startIt(command(file))
        const code = await instance.ended()
        expect(code === 0, `${command(file)[0]} ended with ${code}: ${instance.output('stderr')}`)
        return readFileSync(file, 'utf8')
      }
      const flow = await found('flow', (argv) => start(() => argv, {}))
      return { flow, fresh: await found('fresh', startWithout) }
    },
  }
}

/** argv of one of the Python programs, without its arguments. */
export function fixture(name: string): string[] {
  return [python as string, '-I', '-S', `${checkout}/test/conformance/fixtures/${name}.py`]
}

let placesGiven = 0

/** A port may be used by many at once, as each listens on a loopback address of its own. */
function nextPlace(parent: string): Place {
  const number = placesGiven++
  const directory = join(parent, String(number))
  mkdirSync(directory)
  return { directory, host: `127.1.${(number >> 8) & 255}.${number & 255}`, port }
}
