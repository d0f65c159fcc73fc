import { parseArgs } from 'node:util'
import { faultNames } from './faults/all.ts'
import { plantedBugs } from './planted-bugs.ts'

export interface Options {
  readonly seed: number
  /** Faults in all, or as many as fit into the time. */
  readonly cycles: number | undefined
  readonly minutes: number | undefined
  /** Only these faults; all of them when empty. */
  readonly scenarios: readonly string[]
  readonly supervisors: number
  /** In each flow. */
  readonly writers: number
  readonly bug: string | undefined
  readonly json: string | undefined
  readonly keep: boolean
}

export type ParsedOptions =
  | { readonly ok: true; readonly options: Options }
  | { readonly ok: false; readonly text: string; readonly exitCode: number }

export const defaults = { supervisors: 3, writers: 4, minutes: 5 }

export const help = `usage: npm run chaos -- [OPTION…]
       npm run chaos -- records|plans --help

Real supervisors with flows of several writers, a real PostgreSQL, and one fault after the other: each is seen to bite,
is healed, and is seen healed. Every round ends with everything drained, and with every effect held against what the
writers were told. Exit code 0 only if nothing was lost, duplicated or invented, no lane lost its order, and every fault
has bitten.

  --minutes N        as many rounds as begin within this time (${defaults.minutes})
  --cycles N         this many faults instead
  --seed N           what is drawn: faults, victims, operations (the time)
  --scenario NAME,…  these faults alone: ${faultNames.join(', ')}
  --supervisors N    1 to 8 (${defaults.supervisors}); the second and third share a state directory
  --writers N        in each flow, 1 to 32 (${defaults.writers})
  --bug NAME         with a bug planted into the supervisor, which must be found: ${plantedBugs.map(({ name }) => name).join(', ')}
  --json FILE        the report as JSON as well
  --keep             leaves the files also after a pass
  --help
`

export function parseOptions(args: readonly string[], nowMs: number): ParsedOptions {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        minutes: { type: 'string' },
        cycles: { type: 'string' },
        seed: { type: 'string' },
        scenario: { type: 'string' },
        supervisors: { type: 'string' },
        writers: { type: 'string' },
        bug: { type: 'string' },
        json: { type: 'string' },
        keep: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    })
    if (values.help) return { ok: false, text: help, exitCode: 0 }
    const cycles = values.cycles === undefined ? undefined : count('--cycles', values.cycles, 1_000_000)
    const minutes = count('--minutes', values.minutes ?? String(defaults.minutes), 10_000)
    return {
      ok: true,
      options: {
        seed:
          values.seed === undefined ? Math.floor(nowMs) % 1_000_000 : count('--seed', values.seed, 2 ** 31),
        cycles,
        minutes: cycles === undefined ? minutes : undefined,
        scenarios: (values.scenario ?? '')
          .split(',')
          .flatMap((name) => oneOf('--scenario', name, faultNames) ?? []),
        supervisors: count('--supervisors', values.supervisors ?? String(defaults.supervisors), 8),
        writers: count('--writers', values.writers ?? String(defaults.writers), 32),
        bug: oneOf(
          '--bug',
          values.bug,
          plantedBugs.map(({ name }) => name),
        ),
        json: values.json,
        keep: values.keep ?? false,
      },
    }
  } catch (error) {
    return { ok: false, text: `${(error as Error).message}\n\n${help}`, exitCode: 64 }
  }
}

function count(option: string, text: string, max: number): number {
  if (!/^[1-9]\d*$/.test(text) || Number(text) > max) {
    throw new Error(`${option} takes a number from 1 to ${max}, not ${JSON.stringify(text)}`)
  }
  return Number(text)
}

function oneOf(option: string, name: string | undefined, names: readonly string[]): string | undefined {
  if (name === undefined || name === '') return undefined
  if (names.includes(name)) return name
  throw new Error(`${option} takes one of ${names.join(', ')}, not ${JSON.stringify(name)}`)
}
