// What one seed stands for: supervisors, records, how flows treat them, and which faults may strike. A random subset of
// faults each time: all at once would hide what one of them does alone.

import { type LinkFaults, noFaults } from '../link.ts'
import type { Random } from '../random.ts'

export const recordStrikes = [
  'refused',
  'black_hole',
  'flapping',
  'database_restart',
  'database_clock',
  'stand_still',
  'suspended',
  'kill',
  'replaced',
  'cloned',
  'stop',
  'flow_killed',
  'shed',
  'wall_jump',
] as const
export type RecordStrike = (typeof recordStrikes)[number]

/** Everything that must have been felt somewhere in a thousand schedules. */
export const recordFaults = [
  ...['refused', 'black_hole', 'gave_up', 'slow', 'drop_before_commit', 'lost_answer', 'hang', 'zombie'],
  ...[
    'database_restart',
    'database_clock',
    'stand_still',
    'suspended',
    'kill',
    'replaced',
    'cloned',
    'stopped',
  ],
  ...[
    'flow_killed',
    'flow_crashed',
    'shed',
    'wall_jump',
    'never_answered',
    'hung_up',
    'undelivered',
    'repeated',
  ],
  ...['stale', 'queued', 'orphan', 'late', 'claim_given_back', 'failed', 'released', 'suspect', 'adopted'],
]

export interface RecordScenario {
  readonly supervisors: number
  readonly workers: number
  readonly records: number
  readonly queues: number
  readonly claimLimit: number
  readonly claimWaitMs: number
  /** Milliseconds a flow works on a record, at most. */
  readonly workMs: number
  readonly leaseMs: number
  readonly timeoutMs: number
  readonly maxAttempts: number
  readonly requestFaults: LinkFaults
  readonly strikes: readonly RecordStrike[]
  readonly strikesMax: number
  readonly chaosMs: number
  /** Operations that the local queue takes. */
  readonly queueMax: number
  /** Shares of what flows do with a record; the rest is completed. */
  readonly fails: number
  readonly failsForGood: number
  readonly releases: number
  readonly crashes: number
  readonly neverAnswers: number
  /** Of completions, those with an effect. */
  readonly effects: number
  /** Settled twice, in the same way or another one. */
  readonly repeats: number
  /** Of claims: those whose client goes away, and those whose answer does not arrive. */
  readonly hangsUp: number
  readonly undelivered: number
  /** Of records: those that kill whoever works on them. */
  readonly poison: number
  /** How likely the database seems to have more to do than it can. */
  readonly busy: number
}

const strikeShare = 0.25

export function recordScenarioOf(random: Random): RecordScenario {
  const sometimes = (probability: number, from: number, to: number) =>
    random.chance(probability) ? from + random.next() * (to - from) : 0
  return {
    supervisors: random.between(1, 3),
    workers: random.between(1, 2),
    records: random.between(4, 30),
    queues: random.chance(0.2) ? 2 : 1,
    claimLimit: random.pick([1, 1, 2, 10]),
    claimWaitMs: random.pick([0, 1_000, 25_000]),
    workMs: random.pick([0, 5, 50, 2_000, 40_000]),
    leaseMs: random.pick([3_000, 10_000, 30_000]),
    timeoutMs: random.pick([20_000, 60_000, 900_000, 900_000]),
    maxAttempts: random.pick([1, 3, 5, 5]),
    requestFaults: random.chance(0.2)
      ? noFaults
      : {
          dropBeforeCommit: sometimes(0.3, 0.02, 0.2),
          loseAnswer: sometimes(0.4, 0.02, 0.3),
          hang: sometimes(0.2, 0.02, 0.1),
          zombie: sometimes(0.3, 0.02, 0.2),
          slow: sometimes(0.2, 0.02, 0.2),
          deadlocks: 0,
        },
    strikes: recordStrikes.filter(() => random.chance(strikeShare)),
    strikesMax: random.between(1, 5),
    chaosMs: random.pick([2_000, 20_000, 60_000]),
    queueMax: random.pick([3, 1_000, 1_000]),
    fails: sometimes(0.4, 0.05, 0.3),
    failsForGood: sometimes(0.3, 0.02, 0.1),
    releases: sometimes(0.4, 0.05, 0.3),
    crashes: sometimes(0.2, 0.02, 0.1),
    neverAnswers: sometimes(0.3, 0.02, 0.15),
    effects: random.pick([0, 0.5, 0.5, 1]),
    repeats: sometimes(0.4, 0.05, 0.4),
    hangsUp: sometimes(0.3, 0.05, 0.4),
    undelivered: sometimes(0.3, 0.05, 0.3),
    poison: sometimes(0.2, 0.02, 0.15),
    busy: sometimes(0.2, 0.05, 0.5),
  }
}
