// The planted bugs. Each must be caught; a simulation that lets one of them live proves nothing about it.

import type { DatabaseDefect } from './database.ts'
import type { CreateDisk } from './disk.ts'
import { type JournalName, loadDisk } from './disks.ts'
import { noFaults } from './link.ts'
import type { Mutation } from './mutant.ts'
import { loadProduct, type Product } from './product.ts'
import type { Random } from './random.ts'
import { type Scenario, scenarioOf } from './scenario.ts'

export interface Mutant {
  readonly name: string
  readonly about: string
  /** In the queue's own source. */
  readonly mutation?: Omit<Mutation, 'name'>
  /** Where the mutation is. */
  readonly in?: 'store'
  /** In what a target does. */
  readonly defect?: DatabaseDefect
  /** What brings it out more often than chance does. */
  readonly bias?: Partial<Scenario>
}

const lateAndExpired: Partial<Scenario> = {
  expiring: 0.7,
  poison: 0,
  supervisors: 1,
  lanes: 2,
  requestFaults: { ...noFaults, zombie: 0.4, loseAnswer: 0.3, hang: 0.1 },
}

const ofTargets: readonly Mutant[] = [
  { name: 'no_inbox', about: 'the target keeps no inbox', defect: 'no_inbox' },
  {
    name: 'inbox_in_another_transaction',
    about: 'the inbox knows an operation whose effect was rolled back',
    defect: 'inbox_in_another_transaction',
  },
  {
    name: 'no_hash_check_in_inbox',
    about: 'an id with other content passes for the one that was applied',
    bias: { repeated: 0.5, otherContent: 0.5 },
    defect: 'no_hash_check',
  },
  {
    name: 'revision_ignored',
    about: 'what was cancelled can be applied late',
    bias: lateAndExpired,
    defect: 'revision_ignored',
  },
  {
    name: 'no_tombstone',
    about: 'cancelling leaves nothing behind',
    bias: lateAndExpired,
    defect: 'no_tombstone',
  },
  {
    name: 'lane_goes_on_after_failure',
    about: 'what follows a failed operation in its lane is applied',
    bias: { contended: 0.4, lanes: 1 },
    defect: 'lane_goes_on_after_failure',
  },
  {
    name: 'duplicates_in_one_batch',
    about: 'an id that is twice under way is sent twice, and applied twice within one transaction',
    defect: 'duplicates_in_one_batch',
    mutation: {
      file: 'queue/submit.ts',
      find: 'for (let first = this.#underWay.get(id); first;',
      replace: 'for (let first: UnderWay | undefined; first;',
    },
  },
]

const ofIntake: readonly Mutant[] = [
  {
    name: 'acknowledged_before_written',
    about: 'the answer goes out before the journal has the operation',
    mutation: {
      file: 'queue/intake.ts',
      find: 'const appended = await journal.append(entries)',
      replace: `for (const { waiting } of batch) waiting.answer(answers.queued(waiting.submission.operation.id))
      const appended = await journal.append(entries)`,
    },
  },
  {
    name: 'never_written',
    about: 'the operation is acknowledged and never written',
    mutation: {
      file: 'queue/intake.ts',
      find: 'await journal.append(entries)',
      replace: `entries.map((): Appended => ({ state: 'stored', seq: 1 }))`,
    },
  },
  {
    name: 'direct_overtakes_queue',
    about: 'a direct operation does not ask whether its lane is empty',
    mutation: {
      file: 'queue/intake.ts',
      find: 'else if (!laneQueued) fresh',
      replace: 'else if (true) fresh',
    },
  },

  {
    name: 'lost_answer_is_failure',
    about: 'a direct operation whose answer was lost is said to have failed',
    mutation: {
      file: 'queue/intake.ts',
      find: `if (undecided.outcomeUnknown) return`,
      replace: `if (false) return`,
    },
  },
  {
    name: 'lost_answer_is_success',
    about: 'a direct operation whose answer was lost is said to be applied',
    mutation: {
      file: 'queue/intake.ts',
      find: `return answers.outcomeUnknown(operation.id, undecided.message)`,
      replace: `return answers.applied(operation.id, undefined)`,
    },
  },
  {
    name: 'doubt_forgotten_when_queued',
    about: 'an operation whose answer was lost is queued as if it had never been sent',
    bias: lateAndExpired,
    mutation: {
      file: 'queue/intake.ts',
      find: `maybeApplied: lost(answer.reached ? outcome : answer)`,
      replace: `maybeApplied: false`,
    },
  },
  {
    name: 'doubt_forgotten_when_full',
    about: 'an operation whose answer was lost is refused when the queue is full',
    bias: { strikes: ['disk_full'], strikesMax: 5, requestFaults: { ...noFaults, loseAnswer: 0.4 } },
    mutation: {
      file: 'queue/intake.ts',
      find: 'maybeApplied ? answers.outcomeUnknown(id, refused.error.message) : refused',
      replace: 'refused',
    },
  },
  {
    name: 'failed_write_is_refusal',
    about: 'an operation whose write failed is refused, though it may be on disk',
    bias: { strikes: ['volume_gone'], strikesMax: 5 },
    mutation: {
      file: 'queue/intake.ts',
      find: 'answers.outcomeUnknown(id, messageOf(error))',
      replace: `answers.full(id, 'disk')`,
    },
  },
  {
    name: 'no_hash_check',
    about: 'the queue takes an id it knows for the same operation',
    bias: { repeated: 0.5, otherContent: 0.5 },
    mutation: { file: 'queue/answers.ts', find: 'known.contentHash !== contentHash', replace: 'false' },
  },
]

const ofReplay: readonly Mutant[] = [
  {
    name: 'removed_before_applied',
    about: 'an operation leaves the journal before it is delivered',
    mutation: {
      file: 'queue/replay.ts',
      find: 'const { verdicts, asked, unreached } = await this.#bring(entries)',
      replace: `await this.#parts.journal.settle(entries.map(({ seq }) => ({ to: 'done' as const, seq })))
    const { verdicts, asked, unreached } = await this.#bring(entries)`,
    },
  },
  {
    name: 'never_settled',
    about: 'an applied operation stays in the journal',
    mutation: { file: 'queue/settle.ts', find: 'changes.length === 0', replace: 'true' },
  },
  {
    name: 'doubt_forgotten_by_replay',
    about: 'replay does not write down that an answer was lost',
    bias: lateAndExpired,
    mutation: {
      file: 'queue/replay.ts',
      find: `const verdicts = answer.outcomeUnknown ?`,
      replace: `const verdicts = false ?`,
    },
  },
  {
    name: 'expired_without_asking',
    about: 'an operation that may be applied becomes a dead letter without its target',
    bias: lateAndExpired,
    mutation: {
      file: 'queue/overdue.ts',
      find: 'const answer = await channel.cancel(late.map(({ entry }) => entry))',
      replace: `const answer: Awaited<ReturnType<typeof channel.cancel>> = {
    reached: true,
    outcomes: late.map(() => 'cancelled' as const),
  }`,
    },
  },
  {
    name: 'outage_burns_attempts',
    about: 'an operation that could not be sent has failed',
    mutation: {
      file: 'queue/replay.ts',
      find: `const verdicts = answer.outcomeUnknown ? entries.flatMap((entry) => maybeApplied(entry) ?? []) : []`,
      replace: `const pauses = this.#pauses()
    const verdicts = entries.flatMap(
      (entry) => verdictOn(entry, { state: 'failed', code: answer.reason, message: '' }, pauses) ?? [],
    )`,
    },
  },
  {
    name: 'lane_shared',
    about: 'two batches have the same lane',
    bias: { ...lateAndExpired, lanes: 1 },
    mutation: { file: 'queue/lanes.ts', find: 'if (this.#busy.has(key)) return false', replace: '' },
  },
  {
    name: 'attempts_never_counted',
    about: 'a failed operation is tried for ever',
    mutation: { file: 'queue/verdict.ts', find: 'entry.attempts + 1', replace: '1' },
  },
  {
    name: 'poison_tried_again',
    about: 'a refused operation holds its lane',
    mutation: {
      file: 'queue/verdict.ts',
      find: 'return dead(entry, reasonOf(outcome))',
      replace: 'return failed(entry, reasonOf(outcome), pauses)',
    },
  },
  {
    name: 'missing_permission_is_poison',
    about: 'a missing permission kills the operation',
    bias: { strikes: ['permission_lost'], strikesMax: 5, guarded: 0.5 },
    mutation: {
      file: 'queue/verdict.ts',
      find: `case 'forbidden': {`,
      replace: `case 'forbidden': {
      return dead(entry, reasonOf(outcome))`,
    },
  },
  {
    name: 'conflict_forgotten',
    about: 'an operation whose id is another one is dropped',
    bias: { repeated: 0.5, otherContent: 0.5 },
    mutation: {
      file: 'queue/verdict.ts',
      find: `case 'conflict':`,
      replace: `case 'conflict':
      return { entry, change: { to: 'done', seq } }
    case undefined as never:`,
    },
  },
  {
    name: 'fenced_is_a_failure',
    about: 'a completion whose record has a newer owner is tried again',
    bias: { completions: 0.5, strikes: ['takeover', 'refused'], strikesMax: 5 },
    mutation: {
      file: 'queue/verdict.ts',
      find: `return { entry, change: { to: 'done', seq, result: overtaken }, fenced: true }`,
      replace: `return failed(entry, { code: 'fenced', message: '' }, pauses)`,
    },
  },
  {
    name: 'skipped_is_done',
    about: 'an operation that was not tried is dropped',
    mutation: {
      file: 'queue/verdict.ts',
      find: `case 'skipped':`,
      replace: `case 'skipped':
      return { entry, change: { to: 'done', seq } }
    case undefined as never:`,
    },
  },
  {
    name: 'breaker_stays_open',
    about: 'a target that was away is never asked again',
    mutation: {
      file: 'queue/breaker.ts',
      find: 'this.#parts.monotonicMs() >= this.#untilMs',
      replace: 'false',
    },
  },
  {
    name: 'wall_clock_for_pauses',
    about: 'the breaker measures its pauses with the wall clock',
    bias: { strikes: ['wall_jump', 'refused'], strikesMax: 5 },
    mutation: {
      file: 'queue/channel.ts',
      find: 'monotonicMs: () => parts.clock.monotonicMs()',
      replace: 'monotonicMs: () => parts.clock.wallMs()',
    },
  },
]

const ofStore: readonly Mutant[] = [
  {
    name: 'doubt_ends_with_the_process',
    about: 'what an earlier process may have sent passes for never sent',
    bias: { ...lateAndExpired, strikes: ['kill', 'refused'], strikesMax: 5 },
    in: 'store',
    mutation: {
      file: 'queue/journal/ledger.ts',
      find: 'row.session === this.#session ? row : { ...row, maybe: 1 }',
      replace: 'row',
    },
  },
  {
    name: 'attempts_end_with_the_process',
    about: 'a restart gives a failed operation all its attempts again',
    bias: { cursed: 0.4, strikes: ['kill', 'stop'], strikesMax: 5, chaosMs: 60_000, requestFaults: noFaults },
    in: 'store',
    mutation: {
      file: 'queue/journal/ledger.ts',
      find: 'row.session === this.#session ? row : { ...row, maybe: 1 }',
      replace: 'row.session === this.#session ? row : { ...row, maybe: 1, attempts: 0 }',
    },
  },
  {
    name: 'done_is_forgotten',
    about: 'the journal forgets the id of what is done',
    bias: { repeated: 0.5, otherContent: 0.5 },
    in: 'store',
    mutation: {
      file: 'queue/journal/ledger.ts',
      find: 'this.#remember(where.id, where.hash, change.result)',
      replace: '',
    },
  },
  {
    name: 'committed_later',
    about: 'what is acknowledged is committed with the next batch',
    bias: { strikes: ['kill'], strikesMax: 5 },
    in: 'store',
    mutation: {
      file: 'queue/journal/ledger.ts',
      find: 'if (!this.#writing) return false',
      replace: 'if (!this.#writing || this.#meta.next_seq % 2 === 0) return false',
    },
  },
  {
    name: 'lane_in_any_order',
    about: 'the entries of a lane come newest first',
    in: 'store',
    bias: { lanes: 1, strikes: ['refused'], strikesMax: 5 },
    mutation: {
      file: 'queue/journal/database.ts',
      find: 'AND seq >= ? AND seq < ? ORDER BY seq`',
      replace: 'AND seq >= ? AND seq < ? ORDER BY seq DESC`',
    },
  },
  {
    name: 'revision_stays',
    about: 'a revived operation is delivered in its old revision',
    bias: { expiring: 0, strikes: ['wall_jump', 'refused', 'operator'], strikesMax: 5, revives: true },
    in: 'store',
    mutation: { file: 'queue/journal/ledger.ts', find: 'row.revision++', replace: '' },
  },
]

export const mutants: readonly Mutant[] = [...ofTargets, ...ofIntake, ...ofReplay, ...ofStore]

export function findMutant(name: string): Mutant | undefined {
  return mutants.find((mutant) => mutant.name === name)
}

export interface MutantOptions {
  readonly product: Product
  readonly createDisk: CreateDisk
  readonly defect: DatabaseDefect | undefined
  readonly scenario: (random: Random) => Scenario
}

/** @param journal of those that are not in it */
export async function mutantOptions(name: string | undefined, journal: JournalName): Promise<MutantOptions> {
  const mutant = name === undefined ? undefined : findMutant(name)
  const mutation = mutant?.mutation && { name: mutant.name, ...mutant.mutation }
  const scenario = (random: Random) => ({ ...scenarioOf(random), ...mutant?.bias })
  const inStore = mutant?.in === 'store'
  return {
    product: await loadProduct(inStore ? undefined : mutation),
    createDisk: inStore ? await loadDisk('store', mutation) : await loadDisk(journal),
    defect: mutant?.defect,
    scenario,
  }
}
