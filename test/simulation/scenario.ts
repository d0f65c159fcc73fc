// What one seed stands for: how many supervisors and clients, what they submit, and which faults may strike. A random
// subset of faults each time: all at once would hide what one of them does alone.

import { type LinkFaults, noFaults } from './link.ts'
import type { Random } from './random.ts'

/** What chaos does at its moments; the faults of single requests are drawn where they strike. */
export const strikes = [
  'refused',
  'black_hole',
  'read_only',
  'expired_password',
  'too_many_connections',
  'flapping',
  'database_restart',
  'permission_lost',
  'kill',
  'power_loss',
  'stop',
  'wall_jump',
  'disk_full',
  'volume_gone',
  'operator',
  'reload',
  'target_seen',
  'takeover',
] as const
export type Strike = (typeof strikes)[number]

/** Everything that must have been felt somewhere in a thousand schedules. */
export const faults = [
  ...['refused', 'black_hole', 'read_only', 'expired_password', 'too_many_connections', 'gave_up', 'slow'],
  ...['drop_before_commit', 'lost_answer', 'hang', 'zombie', 'deadlock', 'lock_wait'],
  ...['poison', 'cursed', 'forbidden', 'io_error', 'disk_full', 'wall_jump'],
  ...['kill', 'power_loss', 'torn_write', 'stopped', 'adopted', 'retry', 'discard'],
  ...['reload', 'target_seen', 'fenced'],
]

export interface Scenario {
  readonly supervisors: number
  readonly clientsPerSupervisor: number
  readonly invocationsPerClient: number
  readonly lanes: number
  /** Milliseconds between two invocations of a client, at most. */
  readonly gapMs: number
  readonly requestFaults: LinkFaults
  readonly strikes: readonly Strike[]
  readonly strikesMax: number
  readonly chaosMs: number
  /** Shares of all operations. */
  readonly poison: number
  readonly guarded: number
  readonly contended: number
  readonly cursed: number
  readonly expiring: number
  readonly repeated: number
  readonly otherContent: number
  readonly toService: number
  /** Completions of records, under an epoch. */
  readonly completions: number
  /** Whether the operator mends what poisoned operations once all is healed, and revives them. */
  readonly revives: boolean
}

const strikeShare = 0.25

export function scenarioOf(random: Random): Scenario {
  const sometimes = (probability: number, from: number, to: number) =>
    random.chance(probability) ? from + random.next() * (to - from) : 0
  return {
    supervisors: random.chance(0.3) ? 2 : 1,
    clientsPerSupervisor: random.between(1, 3),
    invocationsPerClient: random.between(4, 14),
    lanes: random.between(1, 5),
    gapMs: random.pick([0, 20, 500, 5_000]),
    requestFaults: random.chance(0.2)
      ? noFaults
      : {
          dropBeforeCommit: sometimes(0.3, 0.02, 0.3),
          loseAnswer: sometimes(0.4, 0.02, 0.4),
          hang: sometimes(0.2, 0.02, 0.2),
          zombie: sometimes(0.3, 0.02, 0.3),
          slow: sometimes(0.2, 0.02, 0.3),
          deadlocks: sometimes(0.6, 0.1, 0.9),
        },
    strikes: strikes.filter(() => random.chance(strikeShare)),
    strikesMax: random.between(1, 5),
    chaosMs: random.pick([2_000, 20_000, 60_000]),
    poison: sometimes(0.4, 0.05, 0.4),
    guarded: sometimes(0.3, 0.05, 0.3),
    contended: sometimes(0.4, 0.05, 0.4),
    cursed: sometimes(0.2, 0.02, 0.15),
    expiring: sometimes(0.3, 0.05, 0.4),
    repeated: sometimes(0.5, 0.05, 0.4),
    otherContent: sometimes(0.3, 0.05, 0.3),
    toService: sometimes(0.3, 0.1, 0.5),
    completions: sometimes(0.3, 0.05, 0.4),
    revives: random.chance(0.3),
  }
}
