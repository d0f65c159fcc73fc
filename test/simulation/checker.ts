// Holds what the targets have against what the clients were told. Pure. Each violation is one line that names the
// operation; a schedule without any is a pass only if it also drained and if its faults were seen to bite.

import { limits } from '../../supervisor/core/limits.ts'
import type { Effect } from './database.ts'
import { type DeadLetter, hasFailed, type Invocation, isAcknowledged, type Ledger } from './ledger.ts'

export interface TargetTruth {
  readonly name: string
  readonly effects: readonly Effect[]
  /** What a counter in the effects' transactions came to. */
  readonly counter: number
  /** A service may repeat an effect, a database must not. */
  readonly exactlyOnce: boolean
}

export interface History {
  readonly ledger: Ledger
  readonly targets: readonly TargetTruth[]
  readonly dead: readonly DeadLetter[]
  /** Whether any of this operation's faults can have killed it legitimately. */
  /** Whether a record has an owner newer than that epoch. */
  readonly isVoid: (id: string, epoch: number) => boolean
  readonly mayDie: (letter: DeadLetter) => boolean
  /** How often the target failed each operation. */
  readonly attempts: (id: string) => number
  /** How many more attempts than its budget one may have: each crash and lost write can forget one. */
  readonly attemptsForgotten: number
}

export interface Violation {
  readonly kind:
    | 'lost'
    | 'duplicate'
    | 'phantom'
    | 'effect_after_failure'
    | 'effect_of_dead_letter'
    | 'order'
    | 'conflict_accepted'
    | 'conflict_invented'
    | 'wrong_answer'
    | 'dead_without_reason'
    | 'too_many_attempts'
    | 'unanswered'
    | 'stuck'
  readonly message: string
}

export function check(history: History): Violation[] {
  const { ledger, targets } = history
  return targets.flatMap((target) => {
    const invocations = ledger.invocations.filter((invocation) => invocation.target === target.name)
    const byId = grouped(invocations, ({ id }) => id)
    const dead = history.dead.filter(({ id }) => byId.has(id))
    const effectsById = grouped(target.effects, ({ id }) => id)
    const deadById = grouped(dead, ({ id }) => id)
    const ofTarget = { ...history, invocations, byId, effectsById, dead, deadById, target }
    return [
      ...counted(target),
      ...[...byId].flatMap(([id, group]) => ofId(id, group, ofTarget)),
      ...phantoms(ofTarget),
      ...order(ofTarget),
      ...dead
        .filter((letter) => !history.mayDie(letter))
        .map(({ id, code, slot }) =>
          violation('dead_without_reason', `${id} died of ${code} in ${slot}, which cannot have happened`),
        ),
    ]
  })
}

/** With indexes: a run of the real thing has a million of each. */
interface OfTarget extends History {
  readonly target: TargetTruth
  readonly invocations: readonly Invocation[]
  readonly byId: ReadonlyMap<string, readonly Invocation[]>
  readonly effectsById: ReadonlyMap<string, readonly Effect[]>
  readonly deadById: ReadonlyMap<string, readonly DeadLetter[]>
}

function violation(kind: Violation['kind'], message: string): Violation {
  return { kind, message }
}

function counted({ name, counter, effects }: TargetTruth): Violation[] {
  if (counter === effects.length) return []
  return [violation('duplicate', `the counter of ${name} says ${counter}, its list ${effects.length}`)]
}

function ofId(id: string, group: readonly Invocation[], history: OfTarget): Violation[] {
  const effects = history.effectsById.get(id) ?? []
  return [
    ...multiplicity(id, effects, history.target),
    ...[...grouped(group, ({ content }) => content)].flatMap(([content, same]) => [
      ...lost(
        id,
        same,
        effects.filter((effect) => effect.content === content),
        history,
      ),
      ...answers(
        id,
        same,
        effects.filter((effect) => effect.content === content),
      ),
    ]),
    ...conflicts(id, group, history),
    ...attempted(id, group, history),
  ]
}

function multiplicity(id: string, effects: readonly Effect[], target: TargetTruth): Violation[] {
  if (effects.length <= 1) return []
  if (!target.exactlyOnce) return []
  const times = effects.map(({ content, atMs }) => `${content} at ${atMs}`).join(', ')
  return [violation('duplicate', `${id} has ${effects.length} effects: ${times}`)]
}

/** @param same invocations of one operation: one id, one content */
function lost(
  id: string,
  same: readonly Invocation[],
  effects: readonly Effect[],
  history: OfTarget,
): Violation[] {
  const content = same[0]?.content
  const dead = (history.deadById.get(id) ?? []).filter((letter) => letter.content === content)
  const first = effects[0]
  if (first !== undefined) {
    if (same.every(hasFailed)) {
      return [
        violation('effect_after_failure', `${id} was refused each time, its effect came at ${first.atMs}`),
      ]
    }
    const [letter] = dead
    return letter !== undefined && contradicts(letter, same, history.target)
      ? [violation('effect_of_dead_letter', `${id} is a dead letter (${letter.code}), its effect is there`)]
      : []
  }
  return same.filter(isAcknowledged).flatMap((invocation) => {
    const { epoch } = invocation
    const isVoid = epoch !== undefined && invocation.answer?.state === 'queued' && history.isVoid(id, epoch)
    if (history.ledger.discarded.has(id) || isVoid) return []
    if (invocation.answer?.state === 'queued' && dead.some(({ slot }) => slot === invocation.slot)) return []
    return [
      violation(
        'lost',
        `${id} was ${invocation.answer?.state} at ${invocation.answer?.atMs}, its effect is missing`,
      ),
    ]
  })
}

/**
 * Dead because its time was over: its target has promised that it will not be applied any more. One that was refused can
 * still be applied by an earlier request that arrives late, if what was wrong has been mended meanwhile; and another
 * submission of the same operation explains the effect as well.
 */
function contradicts(
  { slot, code }: DeadLetter,
  same: readonly Invocation[],
  { exactlyOnce }: TargetTruth,
): boolean {
  if (!exactlyOnce || !cancelledCodes.has(code)) return false
  return same.every((each) => each.slot === slot && (each.answer?.state === 'queued' || hasFailed(each)))
}

const cancelledCodes: ReadonlySet<string> = new Set(['expired', 'too_old', 'cancelled'])

function answers(id: string, same: readonly Invocation[], effects: readonly Effect[]): Violation[] {
  return same.flatMap(({ answer, content }) => {
    if (answer?.state !== 'applied') return []
    const problems: Violation[] = []
    if (!effects.some(({ atMs }) => atMs <= answer.atMs)) {
      problems.push(
        violation('wrong_answer', `${id} was said to be applied at ${answer.atMs}, before it was`),
      )
    }
    if (answer.result !== undefined && answer.result !== content) {
      problems.push(violation('wrong_answer', `${id} was answered ${answer.result}, not ${content}`))
    }
    return problems
  })
}

function conflicts(id: string, group: readonly Invocation[], { ledger, target }: OfTarget): Violation[] {
  return group.flatMap((later) => {
    const others = group.filter((other) => other.content !== later.content)
    if (later.answer?.code === 'operation_conflict') {
      const cause = others.some((other) => other.invokedAtMs <= (later.answer?.atMs ?? 0))
      return cause ? [] : [violation('conflict_invented', `${id} has one content, and was answered 409`)]
    }
    if (!isAcknowledged(later) || ledger.discarded.has(id) || !target.exactlyOnce) return []
    const before = others.find(
      (other) =>
        other.slot === later.slot && (other.answer?.atMs ?? 0) < later.invokedAtMs && excludes(other, later),
    )
    return before === undefined
      ? []
      : [violation('conflict_accepted', `${id} was accepted as ${before.content} and as ${later.content}`)]
  })
}

function attempted(id: string, group: readonly Invocation[], { ledger, ...history }: OfTarget): Violation[] {
  const attempts = history.attempts(id)
  const slots = new Set(group.map(({ slot }) => slot)).size
  // Whoever submits it directly sees its failure and burns nothing.
  const max = limits.deliveryAttempts * slots + group.length + history.attemptsForgotten
  if (attempts <= max || ledger.revived.has(id) || ledger.discarded.has(id)) return []
  return [violation('too_many_attempts', `${id} was tried ${attempts} times, at most ${max} were due`)]
}

/** What went past the queue left no trace here: the target alone knows it, and makes the later one a dead letter. */
function excludes({ answer }: Invocation, later: Invocation): boolean {
  return answer?.state === 'queued' || (answer?.state === 'applied' && later.answer?.state === 'applied')
}

function phantoms({ target, invocations }: OfTarget): Violation[] {
  const invoked = new Set(invocations.map(({ id, content }) => `${id} ${content}`))
  return target.effects
    .filter(({ id, content }) => !invoked.has(`${id} ${content}`))
    .map(({ id, content, atMs }) =>
      violation('phantom', `${id} with ${content} at ${atMs} was never asked for`),
    )
}

/**
 * Acknowledged before the other was submitted, to the same slot and lane: its effect comes first as well, unless it has
 * left the lane.
 */
function order({ ledger, target, invocations, byId, dead }: OfTarget): Violation[] {
  const positions = new Map<string, number>()
  target.effects.forEach(({ id }, index) => {
    if (!positions.has(id)) positions.set(id, index)
  })
  const left = new Set([...ledger.revived, ...ledger.discarded, ...dead.map(({ id }) => id)])
  const counting = invocations.filter(
    ({ id }) => positions.has(id) && !left.has(id) && cameOneWay(byId.get(id)),
  )
  const lanes = grouped(counting, ({ slot, lane }) => `${slot} ${lane}`)
  return [...lanes.values()].flatMap((lane) => overtaking(lane, positions))
}

/** Sent to several supervisors or with several contents, it may have come another way. */
function cameOneWay(group: readonly Invocation[] = []): boolean {
  const [first] = group
  return group.every(({ slot, content }) => slot === first?.slot && content === first.content)
}

interface Passage {
  readonly id: string
  readonly invokedAtMs: number
  readonly acknowledgedAtMs: number
  readonly position: number
}

function overtaking(lane: readonly Invocation[], positions: ReadonlyMap<string, number>): Violation[] {
  const passages = [...grouped(lane, ({ id }) => id)].map(([id, group]): Passage => {
    const acknowledged = group.filter(isAcknowledged).flatMap(({ answer }) => answer?.atMs ?? [])
    return {
      id,
      invokedAtMs: Math.min(...group.map(({ invokedAtMs }) => invokedAtMs)),
      acknowledgedAtMs: Math.min(Number.POSITIVE_INFINITY, ...acknowledged),
      position: positions.get(id) ?? 0,
    }
  })
  const byAcknowledgement = passages.toSorted((a, b) => a.acknowledgedAtMs - b.acknowledgedAtMs)
  const byInvocation = passages.toSorted((a, b) => a.invokedAtMs - b.invokedAtMs)
  // Of all that were acknowledged before this one was submitted, the one whose effect came last.
  let last: Passage | undefined
  let next = 0
  return byInvocation.flatMap((later) => {
    for (
      ;
      (byAcknowledgement[next]?.acknowledgedAtMs ?? Number.POSITIVE_INFINITY) < later.invokedAtMs;
      next++
    ) {
      const earlier = byAcknowledgement[next] as Passage
      if (last === undefined || earlier.position > last.position) last = earlier
    }
    if (last === undefined || last.position <= later.position) return []
    const { lane: name, slot } = lane[0] as Invocation
    return [violation('order', `${later.id} overtook ${last.id} in lane ${name} of ${slot}`)]
  })
}

export function grouped<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const key = keyOf(item)
    const group = groups.get(key)
    if (group) group.push(item)
    else groups.set(key, [item])
  }
  return groups
}
