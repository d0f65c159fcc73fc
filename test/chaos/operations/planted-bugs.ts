// Supervisors with one thing broken, bundled from a patched copy of the source. A run that does not find them would say
// nothing about the real one. A piece of source that is no longer there is an error.

import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { bundleSupervisor } from '../../../images/bundle.ts'
import { checkout } from '../../harness/checkout.ts'
import type { Violation } from '../../simulation/checker.ts'

export interface PlantedBug {
  readonly name: string
  readonly about: string
  readonly patches: readonly Patch[]
  /** The fault that brings it out. */
  readonly scenario: string
  /** Of it that are enough. */
  readonly cycles: number
  /** The kind of violation. */
  readonly found: Violation['kind']
}

interface Patch {
  /** Below `supervisor/`. */
  readonly file: string
  readonly find: string
  readonly replace: string
}

export const plantedBugs: readonly PlantedBug[] = [
  {
    name: 'no_inbox',
    about: 'the database does not look whether it has seen an id',
    scenario: 'answer_swallowed',
    cycles: 3,
    found: 'duplicate',
    patches: [
      {
        file: 'postgres/sql/apply-operations.ts',
        find: 'if not operation.is_claimed then',
        replace: 'if false then',
      },
    ],
  },
  {
    name: 'acknowledged_before_written',
    about: 'the answer goes out before the journal has the operation',
    scenario: 'supervisor_killed',
    cycles: 3,
    found: 'lost',
    patches: [
      {
        file: 'queue/intake.ts',
        find: 'const appended = await journal.append(entries)',
        replace: `for (const { waiting } of batch) waiting.answer(answers.queued(waiting.submission.operation.id))
      await new Promise((resolve) => setTimeout(resolve, 20))
      const appended = await journal.append(entries)`,
      },
    ],
  },
  {
    name: 'lost_answer_is_failure',
    about: 'a direct operation whose answer was lost is said not to have happened',
    scenario: 'answer_swallowed',
    cycles: 6,
    found: 'effect_after_failure',
    patches: [
      { file: 'queue/intake.ts', find: 'if (undecided.outcomeUnknown) return', replace: 'if (false) return' },
    ],
  },
  {
    name: 'no_lane_order',
    about: 'an operation past the queue does not ask what its lane holds',
    scenario: 'partition',
    cycles: 3,
    found: 'order',
    patches: [
      {
        file: 'queue/intake.ts',
        find: 'const behind = sorted.queue.has(key) || this.#appending.has(key) || lanes.has(key)',
        replace: 'const behind = false',
      },
      { file: 'queue/intake.ts', find: 'else if (!laneQueued) fresh', replace: 'else if (true) fresh' },
    ],
  },
]

export function findBug(name: string | undefined): PlantedBug | undefined {
  return plantedBugs.find((bug) => bug.name === name)
}

/** @returns the path of the program */
export async function buildSupervisor(directory: string, bug: PlantedBug | undefined): Promise<string> {
  const { version } = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8'))
  const root = bug ? patchedCopy(join(directory, 'source'), bug) : checkout
  return await bundleSupervisor(root, directory, version)
}

function patchedCopy(root: string, { name, patches }: PlantedBug): string {
  mkdirSync(root, { recursive: true })
  for (const part of ['supervisor', 'package.json', 'tsconfig.json']) {
    cpSync(join(checkout, part), join(root, part), { recursive: true })
  }
  symlinkSync(join(checkout, 'node_modules'), join(root, 'node_modules'))
  for (const { file, find, replace } of patches) {
    const path = join(root, 'supervisor', file)
    const pieces = readFileSync(path, 'utf8').split(find)
    if (pieces.length !== 2) throw new Error(`${name}: ${file} has ${pieces.length - 1} times: ${find}`)
    writeFileSync(path, pieces.join(replace))
  }
  return root
}
