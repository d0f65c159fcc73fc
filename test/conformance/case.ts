// One case of the suite: a name, what an init must offer to take part, and a function that throws Failure.

import type { Init } from './inits.ts'
import type { Instance, StartOptions } from './instance.ts'

export const groups = ['exit codes', 'signals', 'groups', 'reaping', 'lifecycle'] as const
export type Group = (typeof groups)[number]

/** What not every init sets out to do; one that doesn't takes no part in the cases that need it. */
export type Feature = 'grace' | 'gate' | 'restart' | 'reload'

export interface Case {
  readonly group: Group
  /** What must hold. */
  readonly name: string
  /** The requirement of Flowkeep that it proves. */
  readonly requirement: string
  readonly needs?: Feature
  /** @throws Failure when it does not hold */
  run(stage: Stage): Promise<void>
}

/** Where a case plays: an init to start as often as it likes; whatever still runs at the end is killed. */
export interface Stage {
  /** For the case's own files. */
  readonly directory: string
  readonly init: Init
  start(command: readonly string[], options?: StartOptions): Promise<Instance>
  /** Starts one of the Python fixtures; it gets the path of the instance's records, then these arguments. */
  startFixture(name: string, args?: readonly string[], options?: StartOptions): Promise<Instance>
  /**
   * Starts a shell script in which `say WORDS` makes a record.
   * The loop `idle` waits and lets traps run.
   */
  startShell(script: string, options?: StartOptions): Promise<Instance>
  /**
   * Runs a command under the init and once without one, where nobody has prepared anything for it.
   * @param command writes what it finds to this file
   * @returns what it has found
   */
  compare(command: (file: string) => readonly string[]): Promise<{ flow: string; fresh: string }>
  /** How long something that should come about may take. */
  readonly patienceMs: number
  /** Every exit code, or some of them where time is short. */
  readonly exitCodes: readonly number[]
}

/** The init under test did something else than it should. */
export class Failure extends Error {}

/** @throws Failure */
export function expect(holds: boolean, otherwise: string): asserts holds {
  if (!holds) throw new Failure(otherwise)
}

/** Does the work for each item, several at once. */
export async function each<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const waiting = [...items]
  async function worker(): Promise<void> {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await work(item)
  }
  await Promise.all([worker(), worker(), worker()])
}

/**
 * For what must take less than a second. A busy machine may be slow once, so it may try three times.
 * @param work gives how long it took, in milliseconds
 */
export async function soon(work: () => Promise<number>): Promise<void> {
  let fastestMs = Number.POSITIVE_INFINITY
  for (let attempt = 0; attempt < 3 && fastestMs >= 1_000; attempt++) {
    fastestMs = Math.min(fastestMs, await work())
  }
  expect(fastestMs < 1_000, `took ${Math.round(fastestMs)} ms`)
}
