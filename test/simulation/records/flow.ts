// A flow: workers that claim records, work on them, and settle them in every way there is, or not at all. What it asks
// and what it is told goes into the ledger. When all is healed it only does what a good flow does.

import { FlowkeepError } from '../../../supervisor/core/errors.ts'
import type { HandedRecord, RecordAction } from '../../../supervisor/core/records.ts'
import type { RecordDesk } from '../../../supervisor/records/desk.ts'
import type { Random } from '../random.ts'
import type { Scheduler } from '../scheduler.ts'
import type { Asked, Hand, RecordLedger } from './ledger.ts'
import type { RecordScenario } from './scenario.ts'

export interface FlowParts {
  readonly scenario: RecordScenario
  readonly ledger: RecordLedger
  readonly random: Random
  /** Of the container. */
  readonly scheduler: Scheduler
  readonly desk: Pick<RecordDesk, 'claim' | 'settle' | 'completeAll'>
  readonly life: string
  readonly number: number
  readonly healed: () => boolean
  /** Those that it was copied with. */
  readonly isCopied: (record: HandedRecord) => boolean
  /** It takes its process along. */
  readonly crash: () => void
  /** Each hand-out, at its moment. */
  readonly handed: (hand: Hand) => void
  readonly bite: (fault: string) => void
  readonly trace: (line: string) => void
}

export interface Flow {
  readonly alive: boolean
  /** What it has and has not settled. */
  readonly hands: ReadonlyMap<string, Hand>
  /** Whether it will never say anything of some of them. */
  readonly hung: boolean
  /** Its connections end with it. */
  kill(how: 'crashed' | 'ended'): void
}

interface Item {
  readonly record: HandedRecord
  readonly hand: Hand
}

/** What makes sense to ask again. */
const unanswered: ReadonlySet<string> = new Set([
  'dependency_unavailable',
  'outcome_unknown',
  'queue_full',
  'disk_full',
  'draining',
  'lane_busy',
])
const poison = 'poison'
/** So that none of several queues is left for long. */
const healedWaitMs = 1_000

export function payloadOf(number: number, isPoison: boolean): string {
  return JSON.stringify({ number, kind: isPoison ? poison : 'sound' })
}

export function startFlow(parts: FlowParts): Flow {
  const { scenario, ledger, random, scheduler, desk, bite, trace, healed } = parts
  const hands = new Map<string, Hand>()
  const connections = new Set<AbortController>()
  let alive = true
  let hung = false
  const name = `${parts.life}.${parts.number}`
  const drawn = (share: number) => !healed() && random.chance(share)

  async function worker(): Promise<void> {
    while (alive) {
      const items = await claim()
      if (items.length === 0) continue
      if (random.chance(0.3) && items.every(({ record }) => isSound(record))) await together(items)
      else for (const item of items) await one(item)
    }
  }

  async function claim(): Promise<readonly Item[]> {
    const gone = new AbortController()
    connections.add(gone)
    const queue = `queue-${random.between(1, scenario.queues)}`
    const waitMs = Math.min(scenario.claimWaitMs, healed() ? healedWaitMs : scenario.claimWaitMs)
    if (drawn(scenario.hangsUp)) {
      scheduler.after(random.between(0, waitMs + 20), () => {
        bite('hung_up')
        gone.abort()
      })
    }
    try {
      const { records, undelivered } = await desk.claim(
        { queue, limit: scenario.claimLimit, waitMs },
        gone.signal,
      )
      if (gone.signal.aborted) return []
      const lost = records.length > 0 && drawn(scenario.undelivered)
      if (lost) {
        bite('undelivered')
        undelivered()
        // It may have them all the same.
        if (random.chance(0.5)) return []
      }
      if (records.length === 0) await scheduler.pause(random.between(20, 500))
      return records.map((record) => ({ record, hand: take(record, records.length, lost) }))
    } catch (error) {
      codeOf(error)
      await scheduler.pause(random.between(20, 1_000))
      return []
    } finally {
      connections.delete(gone)
    }
  }

  function take(record: HandedRecord, company: number, undelivered: boolean): Hand {
    const { id, epoch } = record
    const hand: Hand = {
      ...{ id, epoch, life: parts.life, flow: parts.number, copied: parts.isCopied(record) },
      ...{ company, undelivered, atMs: scheduler.nowMs, crashedWith: false },
    }
    trace(`${name} has ${id}:${epoch}, attempt ${record.attempt}`)
    ledger.hands.push(hand)
    hands.set(keyOf(hand), hand)
    parts.handed(hand)
    return hand
  }

  async function one({ record, hand }: Item): Promise<void> {
    await scheduler.pause(random.between(0, healed() ? 20 : scenario.workMs))
    if (!alive) return
    if (!isSound(record) || drawn(scenario.crashes)) {
      bite('flow_crashed')
      return parts.crash()
    }
    if (drawn(scenario.neverAnswers)) {
      bite('never_answered')
      hung = true
      return
    }
    const action = actionOf()
    const effect = action === 'complete' && random.chance(scenario.effects)
    const way = { action, effect }
    const more = drawn(scenario.repeats) ? [random.chance(0.6) ? way : other(way)] : []
    if (more.length > 0) bite('repeated')
    if (random.chance(0.5)) await Promise.all([way, ...more].map((each) => settle(hand, each)))
    else for (const each of [way, ...more]) await settle(hand, each)
  }

  function actionOf(): RecordAction | 'fail_for_good' {
    if (drawn(scenario.fails)) return 'fail'
    if (drawn(scenario.failsForGood)) return 'fail_for_good'
    return drawn(scenario.releases) ? 'release' : 'complete'
  }

  /** Completes them in one request, again and again what has no answer. */
  async function together(items: readonly Item[]): Promise<void> {
    await scheduler.pause(random.between(0, healed() ? 20 : scenario.workMs))
    const past = drawn(scenario.repeats) ? ledger.hands.filter(isPast) : []
    const again = past.length > 0 ? [random.pick(past)] : []
    if (again.length > 0) bite('repeated')
    const open = [...items.map(({ hand }) => hand), ...again].map((hand) => ({
      hand,
      asked: note(hand, { action: 'complete', effect: random.chance(scenario.effects) }),
    }))
    while (alive && open.length > 0) {
      const answers = await desk
        .completeAll(
          open.map(({ asked: { id, epoch, effect } }) => ({ id, epoch, effects: effect ? effects : [] })),
        )
        .catch((error) => codeOf(error))
      if (typeof answers === 'string') {
        await scheduler.pause(random.between(50, 1_000))
        continue
      }
      const still = open.splice(0).filter(({ hand, asked }, index) => {
        const answer = answers[index]
        if (answer === undefined) return true
        if (answer.state !== 'refused') return !told(hand, asked, answer.state)
        return !refused(hand, asked, answer.error.code)
      })
      open.push(...still)
      if (open.length > 0) await scheduler.pause(random.between(50, 1_000))
    }
  }

  /** It had that one before, and may be confused. */
  function isPast(hand: Hand): boolean {
    return hand.life === parts.life && hand.flow === parts.number && !hands.has(keyOf(hand))
  }

  async function settle(hand: Hand, way: Way): Promise<void> {
    const asked = note(hand, way)
    const { id, epoch, action } = asked
    const body = {
      complete: { epoch, effects: way.effect ? effects : [] },
      fail: { epoch, reason: 'as it is', retry: way.action === 'fail' },
      release: { epoch },
    }[action]
    while (alive) {
      try {
        const { state } = await desk.settle(action, id, body)
        told(hand, asked, state)
        return
      } catch (error) {
        if (refused(hand, asked, codeOf(error))) return
      }
      await scheduler.pause(random.between(50, 1_000))
    }
  }

  function note({ id, epoch }: Hand, { action, effect }: Way): Asked {
    const known = action === 'fail_for_good' ? 'fail' : action
    const asked: Asked = { id, epoch, action: known, effect, life: parts.life, answer: undefined }
    ledger.asked.push(asked)
    trace(`${name} ? ${action} ${id}:${epoch}${effect ? ' with an effect' : ''}`)
    return asked
  }

  function told(hand: Hand, asked: Asked, state: 'applied' | 'queued' | 'stale'): true {
    trace(`${name} ! ${asked.action} ${hand.id}:${hand.epoch} ${state}`)
    if (state !== 'applied') bite(state)
    asked.answer = { state, atMs: scheduler.nowMs }
    hands.delete(keyOf(hand))
    return true
  }

  /** Whether that is the end of it. */
  function refused(hand: Hand, asked: Asked, code: string): boolean {
    if (code === 'epoch_stale') return told(hand, asked, 'stale')
    trace(`${name} ! ${asked.action} ${hand.id}:${hand.epoch} ${code}`)
    if (unanswered.has(code)) return false
    asked.answer = { state: 'refused', code, atMs: scheduler.nowMs }
    hands.delete(keyOf(hand))
    return true
  }

  for (let index = 0; index < scenario.workers; index++) void worker()
  return {
    get alive() {
      return alive
    },
    hands,
    get hung() {
      return hung
    },
    kill(how) {
      if (!alive) return
      alive = false
      trace(`${name} ${how}`)
      const open = new Set(ledger.asked.filter(({ answer }) => answer === undefined).map(keyOf))
      for (const [key, hand] of hands) {
        const known = !hand.undelivered && !hand.copied && !open.has(key)
        hand.crashedWith = how === 'crashed' && known
      }
      for (const connection of connections) connection.abort()
    },
  }
}

interface Way {
  readonly action: RecordAction | 'fail_for_good'
  readonly effect: boolean
}

const effects = [{ sql: 'insert into effects values ($1)', params: ['here'] }]

function other({ action, effect }: Way): Way {
  if (action === 'complete') return effect ? { action, effect: false } : { action: 'fail', effect: false }
  return { action: 'complete', effect: true }
}

function isSound({ payload }: HandedRecord): boolean {
  return !payload.includes(poison)
}

export function keyOf({ id, epoch }: { readonly id: string; readonly epoch: number }): string {
  return `${id}:${epoch}`
}

/** Anything else is a fault of the code under test. */
export function codeOf(error: unknown): string {
  if (error instanceof FlowkeepError) return error.code
  throw error
}
