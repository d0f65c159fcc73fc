// Holds what became of each record against what flows were handed and told. Pure. Each violation is one line that names
// the record.

import { limits } from '../../../supervisor/core/limits.ts'
import { grouped } from '../checker.ts'
import type { Ending, Grant } from './database.ts'
import { keyOf } from './flow.ts'
import type { Asked, Hand, RecordLedger } from './ledger.ts'
import type { Effect } from './server.ts'

export interface RecordHistory {
  readonly ledger: RecordLedger
  readonly endings: readonly Ending[]
  readonly effects: readonly Effect[]
  readonly grants: readonly Grant[]
  /** Every record there ever was. */
  readonly added: readonly { readonly id: string; readonly payload: string }[]
  /** A session was shared by a supervisor and its copy. */
  readonly hasCopies: boolean
  /** What is left in the hands of supervisors when everything has ended. */
  readonly left: readonly { readonly life: string; readonly held: number; readonly ahead: number }[]
  /** Completions that each desk has counted, and those it has told or was told of. */
  readonly counted: readonly { readonly life: string; readonly completed: number; readonly told: number }[]
}

export interface RecordViolation {
  readonly kind:
    | 'lost'
    | 'ended_twice'
    | 'duplicate'
    | 'stale_effect'
    | 'effect_of_failure'
    | 'missing_effect'
    | 'epoch_twice'
    | 'handed_twice'
    | 'handed_after_lease'
    | 'stolen'
    | 'suspect_in_company'
    | 'attempts'
    | 'wrong_answer'
    | 'left_behind'
    | 'miscounted'
    | 'restless'
    | 'orphan'
    | 'stuck'
    | 'enqueued_twice'
  readonly message: string
}

export function check(history: RecordHistory): RecordViolation[] {
  const endings = grouped(history.endings, ({ id }) => id)
  const effects = grouped(history.effects, ({ recordId }) => recordId)
  const asked = grouped(history.ledger.asked, keyOf)
  return [
    ...history.added.flatMap(({ id }) => ofRecord(id, endings.get(id) ?? [], effects.get(id) ?? [], asked)),
    ...[...asked].flatMap(([key, group]) => answers(key, group, endings)),
    ...owners(history),
    ...attempts(history),
    ...restless(history),
    ...supervisors(history),
    ...enqueued(history),
  ]
}

const idleMax = 100

type ByKey<T> = ReadonlyMap<string, readonly T[]>

function violation(kind: RecordViolation['kind'], message: string): RecordViolation {
  return { kind, message }
}

function ofRecord(
  id: string,
  endings: readonly Ending[],
  effects: readonly Effect[],
  asked: ByKey<Asked>,
): RecordViolation[] {
  const [ending, ...more] = endings
  if (ending === undefined) return [violation('lost', `record ${id} has no end`)]
  if (more.length > 0) {
    const times = endings.map(({ outcome, epoch, atMs }) => `${outcome} under ${epoch} at ${atMs}`).join(', ')
    return [violation('ended_twice', `record ${id} was ${times}`)]
  }
  const problems: RecordViolation[] = []
  const times = effects.map(({ epoch, atMs }) => `under ${epoch} at ${atMs}`).join(', ')
  if (effects.length > 1) problems.push(violation('duplicate', `record ${id} has effects ${times}`))
  if (ending.outcome === 'failed' && effects.length > 0)
    problems.push(violation('effect_of_failure', `record ${id} has failed, with effects ${times}`))
  if (ending.outcome === 'completed' && effects.some(({ epoch }) => epoch !== ending.epoch))
    problems.push(
      violation('stale_effect', `record ${id} was completed under ${ending.epoch}, with effects ${times}`),
    )
  const completions = (asked.get(keyOf(ending)) ?? []).filter(({ action }) => action === 'complete')
  if (ending.outcome === 'completed' && completions.length === 0)
    problems.push(violation('wrong_answer', `nobody has asked to complete ${keyOf(ending)}`))
  if (ending.outcome === 'completed' && effects.length === 0 && completions.every(({ effect }) => effect))
    problems.push(violation('missing_effect', `record ${id} was completed, and its effect is missing`))
  if (effects.length > 0 && completions.every(({ effect }) => !effect))
    problems.push(violation('stale_effect', `record ${id} was completed without an effect and has ${times}`))
  return problems
}

/** Of one owner: what it asked, maybe several times and in several ways. */
function answers(key: string, group: readonly Asked[], endings: ByKey<Ending>): RecordViolation[] {
  const ending = (endings.get(group[0]?.id ?? '') ?? []).find((each) => keyOf(each) === key)
  const completed = ending?.outcome === 'completed' ? ending : undefined
  const oneWay = new Set(group.map(({ action, effect }) => `${action} ${effect}`)).size === 1
  return group.flatMap(({ action, answer }) => {
    if (answer === undefined) return []
    const problem = (text: string) => [
      violation('wrong_answer', `${action} ${key} was ${answer.state}, ${text}`),
    ]
    // Who has asked for one thing and for another has a dead letter for an answer, if the first was done meanwhile.
    if (answer.code === 'operation_refused' && !oneWay) return []
    if (answer.state === 'refused') return problem(`for ${answer.code}, a reason that there is none for`)
    if (answer.state === 'applied' && action === 'complete' && !completed)
      return problem('and never completed')
    if (answer.state === 'applied' && action !== 'complete' && completed)
      return problem('and was completed all the same')
    if (answer.state === 'stale' && action === 'complete' && completed && oneWay)
      return problem('and was completed')
    return []
  })
}

function owners({ ledger, grants, hasCopies }: RecordHistory): RecordViolation[] {
  const twice = [...grouped(grants, keyOf)].filter(([, same]) => same.length > 1)
  const handed = [
    ...grouped(
      ledger.hands.filter(({ copied }) => !copied),
      keyOf,
    ),
  ].filter(([, same]) => same.length > 1)
  const hands = grouped(ledger.hands, keyOf)
  const asked = grouped(ledger.asked, keyOf)
  return [
    ...twice.map(([key]) => violation('epoch_twice', `${key} was claimed twice`)),
    ...handed.map(([key, same]) =>
      violation(
        'handed_twice',
        `${key} was handed to ${same.map(({ life, flow }) => `${life}.${flow}`).join(', ')}`,
      ),
    ),
    ...grants.flatMap((grant) => {
      const { end, suspect, company } = grant
      const key = keyOf(grant)
      const problems: RecordViolation[] = []
      if (suspect && company > 1)
        problems.push(
          violation('suspect_in_company', `${key} has killed its flow, and came with ${company - 1} others`),
        )
      if (end?.by === 'orphan' && end.leaseUntilMs >= end.atMs)
        problems.push(violation('stolen', `${key} was taken from ${grant.session}, whose lease stood`))
      const handedWith = (hands.get(key) ?? []).find((hand) => suspect && hand.company > 1 && !hand.copied)
      if (handedWith)
        problems.push(
          violation('suspect_in_company', `${key} has killed its flow, and was handed out with others`),
        )
      const action = end && settledBy[end.by]
      if (action && !(asked.get(key) ?? []).some((each) => each.action === action))
        problems.push(
          violation('wrong_answer', `${key} was ended by ${action}, and nobody has asked for that`),
        )
      if (end?.by === 'claim_given_back' && hands.has(key) && !hasCopies)
        problems.push(violation('stolen', `${key} was given back as unknown, and a flow had it`))
      return problems
    }),
  ]
}

const settledBy: Readonly<Partial<Record<NonNullable<Grant['end']>['by'], Asked['action']>>> = {
  completed: 'complete',
  failed: 'fail',
  released: 'release',
}

/** Used up where a flow had it, and nowhere else. */
function attempts({ ledger, grants, endings, hasCopies }: RecordHistory): RecordViolation[] {
  const hands = grouped(ledger.hands, keyOf)
  const problems = grants.flatMap((grant) => {
    const { end, attempt, maxAttempts } = grant
    const key = keyOf(grant)
    const had: readonly Hand[] = hands.get(key) ?? []
    if (attempt > maxAttempts)
      return [violation('attempts', `${key} is attempt ${attempt} of at most ${maxAttempts}`)]
    if (end?.by === 'given_back' && end.begun && had.length === 0)
      return [violation('attempts', `${key} was given back as begun, and no flow had it`)]
    if (end?.by === 'given_back' && !end.begun && !hasCopies && had.some(({ crashedWith }) => crashedWith))
      return [violation('attempts', `${key} was given back as not begun, and a flow has crashed with it`)]
    return []
  })
  const byRecord = grouped(grants, ({ id }) => id)
  for (const { id, attempts } of endings) {
    const used = (byRecord.get(id) ?? []).filter(({ end }) => end?.begun === true).length
    if (attempts !== used)
      problems.push(violation('attempts', `record ${id} ended with ${attempts} attempts, of ${used} begun`))
  }
  return problems
}

/** Claimed for nobody over and over: far more often within a second than records there are. */
function restless({ ledger, grants }: RecordHistory): RecordViolation[] {
  const hands = new Set(ledger.hands.map(keyOf))
  const idle = grants.filter((grant) => grant.end?.by === 'given_back' && !hands.has(keyOf(grant)))
  const seconds = grouped(
    idle,
    ({ session, end }) => `${session} in second ${Math.floor((end?.atMs ?? 0) / 1_000)}`,
  )
  return [...seconds]
    .filter(([, { length }]) => length > idleMax)
    .map(([where, { length }]) => violation('restless', `${length} claimed for nobody by ${where}`))
}

function supervisors({ left, counted, hasCopies }: RecordHistory): RecordViolation[] {
  return [
    ...left
      .filter(({ held, ahead }) => ahead > 0 || (held > 0 && !hasCopies))
      .map(({ life, held, ahead }) =>
        violation('left_behind', `${life} still holds ${held} and has ${ahead} ahead, when all have ended`),
      ),
    ...left
      .filter(({ held, ahead }) => held > limits.recordsHeld || ahead > limits.recordsAhead)
      .map(({ life, held, ahead }) =>
        violation('left_behind', `${life} holds ${held} and has ${ahead} ahead`),
      ),
    ...counted
      .filter(({ completed, told }) => completed !== told)
      .map(({ life, completed, told }) =>
        violation('miscounted', `${life} counts ${completed} completions of ${told}`),
      ),
  ]
}

/** No two records have the same payload. */
function enqueued({ ledger, added }: RecordHistory): RecordViolation[] {
  const there = grouped(added, ({ payload }) => payload)
  return [
    ...[...there]
      .filter(([, same]) => same.length > 1)
      .map(([payload]) => violation('enqueued_twice', `${payload} is there several times`)),
    ...ledger.enqueued
      .filter(({ ids, payloads }) => ids !== undefined && payloads.some((payload) => !there.has(payload)))
      .map(({ id, ids = [] }) =>
        violation('lost', `${id} was enqueued as ${ids.join()}, which are not there`),
      ),
  ]
}
