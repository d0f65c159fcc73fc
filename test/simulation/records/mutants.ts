// The planted bugs of records. Each must be caught; a simulation that lets one of them live proves nothing about it.

import { noFaults } from '../link.ts'
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

/** Owners that come back after others have taken their place. */
const zombies: Partial<RecordScenario> = {
  supervisors: 2,
  leaseMs: 3_000,
  workMs: 2_000,
  strikes: ['stand_still', 'replaced'],
  strikesMax: 5,
  chaosMs: 20_000,
}

/** A flow that is quick, so that records are claimed ahead for it, over a server that stalls. */
const quick: Partial<RecordScenario> = {
  supervisors: 2,
  claimLimit: 1,
  workMs: 0,
  leaseMs: 3_000,
  records: 30,
  busy: 0,
  fails: 0.3,
  releases: 0.3,
}

/** The session that one feed has lost the other has opened again. */
const twoQueues: Partial<RecordScenario> = {
  ...quick,
  queues: 2,
  workers: 2,
  strikes: ['stand_still', 'refused', 'black_hole'],
  strikesMax: 5,
  chaosMs: 20_000,
}

const lateAnswers: Partial<RecordScenario> = {
  timeoutMs: 900_000,
  requestFaults: { ...noFaults, loseAnswer: 0.2, hang: 0.1, zombie: 0.2 },
}

const ofRules: readonly RecordMutant[] = [
  { name: 'no_fence', about: 'a completion with effects is taken under any epoch', defect: 'no_fence' },
  {
    name: 'no_fence_alone',
    about: 'a completion without effects is taken under any epoch',
    defect: 'no_fence_alone',
    bias: { ...zombies, effects: 0 },
  },
  { name: 'local_clock', about: 'leases go by the clock of whoever asks', defect: 'local_clock' },
  {
    name: 'release_without_epoch',
    about: 'a record is released under any epoch',
    defect: 'release_without_epoch',
    bias: { ...zombies, releases: 0.5 },
  },
  {
    name: 'fail_without_epoch',
    about: 'a record has failed under any epoch',
    defect: 'fail_without_epoch',
    bias: { ...zombies, fails: 0.5 },
  },
  {
    name: 'epoch_stays',
    about: 'taking a record back leaves its epoch as it is',
    defect: 'epoch_stays',
    bias: { repeats: 0.4, releases: 0.3 },
  },
  {
    name: 'takes_from_the_living',
    about: 'recovery takes records from sessions whose lease stands',
    defect: 'takes_from_the_living',
    bias: { supervisors: 3, leaseMs: 3_000 },
  },
  {
    name: 'lease_comes_back',
    about: 'a session that was taken for dead can be renewed',
    defect: 'lease_comes_back',
    bias: { ...quick, strikes: ['stand_still', 'refused'], strikesMax: 5, chaosMs: 20_000 },
  },
  {
    name: 'attempt_always_used',
    about: 'what was not begun has used up an attempt',
    defect: 'attempt_always_used',
  },
  {
    name: 'attempts_without_end',
    about: 'a record is tried for ever',
    defect: 'attempts_without_end',
    bias: { maxAttempts: 1, crashes: 0.1 },
  },
  {
    name: 'suspect_in_company',
    about: 'a record that has killed its flow is claimed with others',
    defect: 'suspect_in_company',
    bias: { claimLimit: 10, poison: 0.3 },
  },
  { name: 'completed_again', about: 'a completed record is pending again', defect: 'completed_again' },
  {
    name: 'completion_forgotten',
    about: 'a completion whose answer was lost is stale when it is said again',
    defect: 'completion_forgotten',
    bias: { effects: 0 },
  },
  {
    name: 'effect_before_fence',
    about: 'effects are there before the epoch is looked at',
    defect: 'effect_before_fence',
    bias: { ...zombies, effects: 1 },
  },
  {
    name: 'late_is_left',
    about: 'a record may be held beyond its time limit',
    defect: 'late_is_left',
    bias: { timeoutMs: 20_000, neverAnswers: 0.3 },
  },
  {
    name: 'any_claim_given_back',
    about: 'one lost claim gives back what all others have taken',
    defect: 'any_claim_given_back',
    bias: { ...lateAnswers, workMs: 2_000 },
  },
  { name: 'claimed_twice', about: 'a claim does not lock what it takes', defect: 'claimed_twice' },
  {
    name: 'orphans_left',
    about: "what a lost supervisor has held is nobody's for ever",
    defect: 'orphans_left',
    bias: { strikes: ['kill'], strikesMax: 5 },
  },
]

const ofFeed: readonly RecordMutant[] = [
  {
    name: 'lost_claims_forgotten',
    about: 'a claim whose answer was lost is forgotten',
    mutation: {
      file: 'records/feed.ts',
      find: 'if (error instanceof StoreFailure && error.outcomeUnknown) lostClaims.add(number)',
      replace: '',
    },
  },
  {
    name: 'lost_claims_asked_once',
    about: 'a claim whose answer was lost is given back once, and may be done later',
    mutation: {
      file: 'records/lost-claims.ts',
      find: 'if (untilMs <= askedAtMs) this.#lost.delete(number)',
      replace: 'if (untilMs !== askedAtMs) this.#lost.delete(number)',
    },
    bias: { ...lateAnswers, leaseMs: 3_000, records: 30, claimWaitMs: 0, chaosMs: 60_000 },
  },
  {
    name: 'ahead_under_a_doubtful_lease',
    about: 'what was claimed ahead is handed out though the lease may have run out',
    mutation: { file: 'records/feed.ts', find: '&& !session.certain', replace: '&& false' },
    bias: { ...quick, strikes: ['stand_still'], strikesMax: 5, chaosMs: 2_000 },
  },
  {
    name: 'ahead_kept_for_nobody',
    about: 'what was claimed ahead and is not asked for is kept',
    mutation: {
      file: 'records/feed.ts',
      find: 'this.#unused = clock.startTimer(limits.recordsAheadMs, () => giveBack(this.empty()))',
      replace: '',
    },
    bias: quick,
  },
  {
    name: 'ahead_dropped',
    about: 'what was claimed ahead is dropped without a word',
    mutation: {
      file: 'records/feed.ts',
      find: 'limits.recordsAheadMs, () => giveBack(this.empty()))',
      replace: 'limits.recordsAheadMs, () => void this.empty())',
    },
    bias: quick,
  },
  {
    name: 'handed_and_kept',
    about: 'what is handed out stays among what was claimed ahead',
    mutation: {
      file: 'records/feed.ts',
      find: 'this.#ahead.splice(0, handful)',
      replace: 'this.#ahead.slice(0, handful)',
    },
  },
  {
    name: 'failed_claim_goes_on',
    about: 'after a claim that failed none is made',
    mutation: {
      file: 'records/feed.ts',
      find: `    } catch (error) {
      this.#claiming = false`,
      replace: '    } catch (error) {',
    },
  },
  {
    name: 'nobody_is_dismissed',
    about: 'whose time is up is not told',
    mutation: {
      file: 'records/feed.ts',
      find: 'for (const { resolve } of impatient) resolve([])',
      replace: '',
    },
  },
]

const ofSession: readonly RecordMutant[] = [
  {
    name: 'wall_clock_for_the_lease',
    about: 'the desk measures its lease with the wall clock',
    wallClock: true,
    bias: { ...quick, strikes: ['stand_still', 'wall_jump'], strikesMax: 5, chaosMs: 2_000 },
  },
  {
    name: 'lease_from_the_answer',
    about: 'the lease counts from the answer to its renewal, not from the question',
    mutation: {
      file: 'records/session.ts',
      find: `      this.#renewedAtMs = askedAtMs
      this.#renewIn(leaseMs() / 3)
    } catch`,
      replace: `      this.#renewedAtMs = clock.monotonicMs()
      this.#renewIn(leaseMs() / 3)
    } catch`,
    },
    bias: { ...quick, requestFaults: { ...noFaults, slow: 0.3 }, strikes: ['stand_still'], strikesMax: 5 },
  },
  {
    name: 'claims_under_a_doubtful_lease',
    about: 'records are claimed and given back over and over while a renewal has no answer',
    mutation: {
      file: 'records/session.ts',
      find: `if (this.#id !== undefined && !this.certain) await this.#renew()`,
      replace: 'if (this.#id !== undefined) return this.#id',
    },
    bias: { ...quick, supervisors: 1, requestFaults: { ...noFaults, hang: 0.1 } },
  },
  {
    name: 'loss_unnoticed',
    about: 'a session that was taken for dead goes on',
    mutation: { file: 'records/session.ts', find: 'if (!stands) return this.forget(id)', replace: '' },
    bias: { ...quick, strikes: ['stand_still', 'refused'], strikesMax: 5, chaosMs: 20_000 },
  },
  {
    name: 'held_kept_after_the_lease',
    about: 'what was held under a lost lease is still held',
    mutation: {
      file: 'records/desk.ts',
      find: 'const records = this.#held.clear()',
      replace: 'const records = this.#held.size',
    },
    bias: { ...zombies, neverAnswers: 0.3, timeoutMs: 60_000 },
  },
]

const ofReturns: readonly RecordMutant[] = [
  {
    name: 'returns_forgotten',
    about: 'what could not be given back at once is forgotten',
    mutation: {
      file: 'records/returns.ts',
      find: 'this.#timer = this.#parts.clock.startTimer(limits.recordsRetryMs, () => void this.send())',
      replace: 'this.#waiting = []',
    },
    bias: { ...quick, timeoutMs: 900_000, strikes: ['refused', 'flow_killed', 'shed'], strikesMax: 5 },
  },
  {
    name: 'undelivered_kept',
    about: 'what did not reach the flow is not given back',
    mutation: {
      file: 'records/desk.ts',
      find: `      this.#held.remove(left)
      this.#returns.give(left, unbegun)`,
      replace: '      this.#held.remove(left)',
    },
    bias: { undelivered: 0.3, timeoutMs: 900_000 },
  },
  {
    name: 'flow_leaves_all',
    about: 'what a flow leaves behind is not given back',
    mutation: {
      file: 'records/desk.ts',
      find: `this.#returns.give(this.#held.flowGone(), { begun, suspect: how === 'crashed', reason })`,
      replace: 'this.#held.flowGone()',
    },
    bias: { timeoutMs: 900_000, strikes: ['flow_killed'], strikesMax: 5 },
  },
  {
    name: 'crash_is_free',
    about: 'a flow that crashes uses up no attempt',
    mutation: {
      file: 'records/desk.ts',
      find: `const begun = how !== 'stopped'`,
      replace: `const begun = how === 'ended'`,
    },
    bias: { crashes: 0.2 },
  },
  {
    name: 'unbegun_is_begun',
    about: 'what was claimed ahead and not handed out uses up an attempt',
    mutation: {
      file: 'records/desk.ts',
      find: `const unbegun = { begun: false,`,
      replace: `const unbegun = { begun: true,`,
    },
    bias: quick,
  },
  {
    name: 'suspects_together',
    about: 'a record that has killed its flow is handed out with others',
    mutation: {
      file: 'records/feed.ts',
      find: 'if (this.#ahead[0]?.suspect) return 1',
      replace: 'if (this.#ahead[0]?.suspect) return Math.min(limit, this.#ahead.length)',
    },
    bias: {
      claimLimit: 10,
      poison: 0.4,
      workers: 2,
      records: 30,
      supervisors: 1,
      maxAttempts: 5,
      workMs: 0,
      busy: 0,
    },
  },
  {
    name: 'unsettled_kept',
    about: 'what a flow left behind while it was being settled is not given back',
    mutation: {
      file: 'records/desk.ts',
      find: `if (left) this.#returns.give([left], { begun: true, suspect: false, reason: 'the flow ended' })`,
      replace: '',
    },
    bias: {
      ...{ timeoutMs: 900_000, effects: 1, queueMax: 3, strikes: ['refused', 'flow_killed'], strikesMax: 5 },
      ...{ workers: 2, claimLimit: 10, workMs: 5 },
    },
  },
]

const ofSettling: readonly RecordMutant[] = [
  {
    name: 'operation_without_epoch',
    about: 'two owners of a record settle it under one id',
    mutation: {
      file: 'records/desk.ts',
      find: `\`record:\${id}:\${epoch}\``,
      replace: `\`record:\${id}\``,
    },
    bias: { effects: 1, fails: 0.3 },
  },
  {
    name: 'epoch_left_out',
    about: 'an operation names the epoch that its record has now',
    mutation: {
      file: 'records/desk.ts',
      find: 'recordId: id, epoch }',
      replace: 'recordId: id, epoch: epoch + 1 }',
    },
    bias: { effects: 1 },
  },
  {
    name: 'answers_mixed_up',
    about: 'every completion of a batch is answered like the first',
    mutation: {
      file: 'records/completions.ts',
      find: 'applied[index] ?? false',
      replace: 'applied[0] ?? index < 0',
    },
    bias: { effects: 0, claimLimit: 10, repeats: 0.5, releases: 0.3, records: 30 },
  },
  {
    name: 'lost_completion_is_stale',
    about: 'a completion whose answer was lost is said to be stale',
    mutation: {
      file: 'records/desk.ts',
      find: `if (!(error instanceof StoreFailure) || error.reason !== 'unavailable')`,
      replace: `if (error instanceof StoreFailure && error.outcomeUnknown) return stale
      if (!(error instanceof StoreFailure) || error.reason !== 'unavailable')`,
    },
    bias: { ...lateAnswers, effects: 0 },
  },
  {
    name: 'lost_completion_is_done',
    about: 'a completion that was not sent is said to be applied',
    mutation: {
      file: 'records/desk.ts',
      find: `return this.#submit(settling, queue, 'queue')`,
      replace: `return { state: 'applied' }`,
    },
    bias: { effects: 0, strikes: ['refused'], strikesMax: 5 },
  },
  {
    name: 'other_settling_is_an_error',
    about: 'what was settled in another way before has no answer that a client can go by',
    mutation: {
      file: 'records/desk.ts',
      find: `if (answer.error.code === 'operation_conflict') return stale`,
      replace: '',
    },
    bias: { repeats: 0.4, effects: 1 },
  },
  {
    name: 'settled_stays_held',
    about: 'what is settled is still held',
    mutation: {
      file: 'records/desk.ts',
      find: `error.code === 'epoch_stale') this.#held.remove([{ id, epoch }])`,
      replace: `error.code === 'epoch_stale') this.#notSettled(settling)`,
    },
  },
  {
    name: 'completed_is_counted_twice',
    about: 'a completion is counted when it is asked for and when it is done',
    mutation: {
      file: 'records/desk.ts',
      find: 'if (counter) this.#figures.add(queue ?? unknownQueue, counter)',
      replace: 'if (counter) this.#figures.add(queue ?? unknownQueue, counter, 2)',
    },
  },
  {
    name: 'lost_late_ones_stay_held',
    about: 'what was taken back at its time limit, by a recovery whose answer was lost, is still held',
    mutation: { file: 'records/desk.ts', find: 'this.#held.removeLate(askedAtMs)', replace: '' },
    bias: {
      ...{ timeoutMs: 20_000, neverAnswers: 0.3, strikes: [], chaosMs: 60_000 },
      requestFaults: { ...noFaults, loseAnswer: 0.3 },
    },
  },
  {
    name: 'answer_for_a_lost_session',
    about: 'what was claimed under a lost session is handed out under the next one',
    mutation: {
      file: 'records/feed.ts',
      find: 'if (session.current !== id) return this.#claimedForNobody(records)',
      replace: '',
    },
    bias: {
      ...twoQueues,
      ...{ supervisors: 3, workers: 3, releases: 0.5, timeoutMs: 900_000, maxAttempts: 5, strikes: [] },
      ...{ chaosMs: 60_000, requestFaults: { ...noFaults, slow: 0.1, hang: 0.1 } },
    },
  },
]

/** In the rules of the database and in what the desk asks of it; and in what the desk does with what it has. */
export const ownershipMutants: readonly RecordMutant[] = [...ofRules, ...ofFeed]
export const deskMutants: readonly RecordMutant[] = [...ofSession, ...ofReturns, ...ofSettling]
export const recordMutants: readonly RecordMutant[] = [...ownershipMutants, ...deskMutants]

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
