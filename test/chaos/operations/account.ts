// The account at the end of a round: the ledgers of all flows, what the database holds, and the dead letters of every
// slot, given to the checker that the simulation has, too.

import { join } from 'node:path'
import type { OperationView } from '../../../supervisor/core/queue.ts'
import { check, grouped, type Violation } from '../../simulation/checker.ts'
import {
  createLedger,
  type DeadLetter,
  hasFailed,
  type Invocation,
  isAcknowledged,
} from '../../simulation/ledger.ts'
import { readTruth } from './database.ts'
import { readLedger } from './ledger-file.ts'
import { askOffline } from './offline.ts'
import { requestOf } from './plan.ts'
import type { Stage } from './stage.ts'

export interface Account {
  readonly invocations: number
  readonly acknowledged: number
  readonly queued: number
  readonly refused: number
  readonly unanswered: number
  readonly conflicts: number
  readonly effects: number
  readonly dead: number
  readonly violations: readonly Violation[]
}

export async function takeAccount(stage: Stage, round: number): Promise<Account> {
  const invocations = readLedger(join(stage.work.path, 'ledger', String(round)))
  const byId = grouped(invocations, ({ id }) => id)
  const truth = await readTruth(stage.server)
  const dead = await deadLetters(stage, byId)
  const ledger = { ...createLedger(), invocations }
  const violations = check({
    ...{ ledger, dead, targets: [truth], attempts: () => 0, attemptsForgotten: 0 },
    isVoid: () => false,
    mayDie: (letter) => mayDie(letter, byId.get(letter.id) ?? []),
  })
  const count = (fits: (invocation: Invocation) => boolean) => invocations.filter(fits).length
  return {
    invocations: invocations.length,
    acknowledged: count(isAcknowledged),
    queued: count(({ answer }) => answer?.state === 'queued'),
    refused: count(hasFailed),
    unanswered: count(({ answer }) => answer === undefined || answer.code === 'outcome_unknown'),
    conflicts: count(({ answer }) => answer?.code === 'operation_conflict'),
    effects: truth.effects.length,
    dead: dead.length,
    violations: [
      ...violations,
      ...truth.miscounted.map((message) => ({ kind: 'duplicate', message }) as const),
    ],
  }
}

/** Every slot is drained: what is dead now stays so. */
async function deadLetters(
  stage: Stage,
  byId: ReadonlyMap<string, readonly Invocation[]>,
): Promise<DeadLetter[]> {
  const letters: DeadLetter[] = []
  for (const member of stage.members) {
    for (const view of await member.deadLetters()) {
      const invocations = byId.get(view.id)
      if (invocations) letters.push(await letterOf(view, invocations, () => member.show(view.id)))
    }
  }
  const [heir] = stage.pair
  if (!heir) return letters
  // A slot that its supervisor never came back to was let go when it was drained.
  const known = new Set(letters.map(({ id }) => id))
  for (const view of await askOffline<{ operations: OperationView[] }>(stage, heir, [
    ...['list', '--state', 'dead', '--limit', '1000'],
  ]).then(({ operations }) => operations)) {
    const invocations = byId.get(view.id)
    if (!invocations || known.has(view.id)) continue
    letters.push(
      await letterOf(view, invocations, () => askOffline<OperationView>(stage, heir, ['show', view.id])),
    )
  }
  return letters
}

async function letterOf(
  { id, reason }: OperationView,
  invocations: readonly Invocation[],
  show: () => Promise<OperationView>,
): Promise<DeadLetter> {
  const contents = new Map(invocations.map((invocation) => [invocation.content, invocation]))
  const [only] = contents.values()
  const one = contents.size === 1 ? only : await whichOf([...contents.values()], show)
  const { slot = '', content = '' } = one ?? {}
  return { id, slot, content, code: reason?.code ?? 'none' }
}

/** The one of these that the queue holds, by the statements in it. */
async function whichOf(
  candidates: readonly Invocation[],
  show: () => Promise<OperationView>,
): Promise<Invocation | undefined> {
  const held = JSON.stringify((await show()).work)
  return candidates.find((each) => {
    const { effects } = requestOf(each) as { effects: { params: readonly unknown[] }[] }
    return held.includes(JSON.stringify(effects[0]?.params))
  })
}

function mayDie({ code, content }: DeadLetter, invocations: readonly Invocation[]): boolean {
  if (code === '22012') return invocations.some((each) => each.sql === 'poison' && each.content === content)
  return code === 'conflict' && invocations.some((each) => each.content !== content)
}
