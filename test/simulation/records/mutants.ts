// The planted bugs of records. Each must be caught; a simulation that lets one of them live proves nothing about it.

import type { Mutation } from '../mutant.ts'
import { loadProduct } from '../product.ts'
import type { Random } from '../random.ts'
import type { RulesDefect } from './database.ts'
import { loadDesk } from './product.ts'
import { type RecordScenario, recordScenarioOf } from './scenario.ts'
import type { RecordScheduleOptions } from './schedule.ts'

export interface RecordMutant {
  readonly name: string
  readonly about: string
  /** In the source of the desk. */
  readonly mutation?: Omit<Mutation, 'name'>
  /** In the rules of the database. */
  readonly defect?: RulesDefect
  /** The desk measures durations with the wall clock. */
  readonly wallClock?: true
  /** What brings it out more often than chance does. */
  readonly bias?: Partial<RecordScenario>
}

export const recordMutants: readonly RecordMutant[] = [
  {
    name: 'no_fence',
    about: 'a completion with effects is taken under any epoch',
    defect: 'no_fence',
  },
  {
    name: 'local_clock',
    about: 'leases go by the clock of whoever asks',
    defect: 'local_clock',
  },
  {
    name: 'release_without_epoch',
    about: 'a record is released under any epoch',
    defect: 'release_without_epoch',
  },
  {
    name: 'lost_claims_forgotten',
    about: 'a claim whose answer was lost is forgotten',
    mutation: {
      file: 'records/feed.ts',
      find: 'if (error instanceof StoreFailure && error.outcomeUnknown) lostClaims.add(number)',
      replace: '',
    },
  },
]

export function findRecordMutant(name: string): RecordMutant | undefined {
  return recordMutants.find((mutant) => mutant.name === name)
}

export async function recordMutantOptions(name: string | undefined): Promise<RecordScheduleOptions> {
  const mutant = name === undefined ? undefined : findRecordMutant(name)
  const mutation = mutant?.mutation && { name: mutant.name, ...mutant.mutation }
  return {
    product: await loadProduct(),
    Desk: await loadDesk(mutation),
    defect: mutant?.defect,
    wallClock: mutant?.wallClock ?? false,
    scenario: (random: Random) => ({ ...recordScenarioOf(random), ...mutant?.bias }),
  }
}
