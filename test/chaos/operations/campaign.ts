// A run: rounds of faults over one stage. Each round ends with the flows at rest, everything drained and an account; what
// does not drain is no pass. A run that is told to end, ends with the round it is in.

import { setTimeout as delay } from 'node:timers/promises'
import type { QueueStats } from '../../../supervisor/core/queue.ts'
import { until } from '../../harness/until.ts'
import { type Account, takeAccount } from './account.ts'
import { effectsSoFar, forgetEffects } from './database.ts'
import { faults } from './faults/all.ts'
import { type Fault, queueOf, running } from './faults/fault.ts'
import type { Member } from './member.ts'
import { askOffline } from './offline.ts'
import { databaseName } from './plan.ts'
import type { Stage } from './stage.ts'
import { tellWish } from './wish.ts'

export interface CampaignOptions {
  readonly cycles: number | undefined
  readonly minutes: number | undefined
  /** These faults alone; all of them when empty. */
  readonly scenarios: readonly string[]
  readonly abort: AbortSignal
  say(line: string): void
}

export interface Cycle {
  readonly fault: string
  readonly seen: string
  readonly bittenMs: number
  readonly healedMs: number
}

export interface Campaign {
  readonly cycles: readonly Cycle[]
  readonly accounts: readonly Account[]
  readonly tookMs: number
  readonly longestDrainMs: number
  /** What kept the run from being one: a fault that did not bite, a queue that did not drain. */
  readonly failure: string | undefined
}

/** Faults in a round. */
const roundCycles = 12
/** Effects between two faults, so that none comes into an empty house. */
const effectsBetween = 100
const secondFaultShare = 0.3
const biteMs = 200
const patienceMs = 120_000

export async function runCampaign(stage: Stage, options: CampaignOptions): Promise<Campaign> {
  const startedMs = performance.now()
  const cycles: Cycle[] = []
  const accounts: Account[] = []
  let longestDrainMs = 0
  const possible = faults.filter((fault) => fault.isPossible?.(stage) ?? true)
  const deck = createDeck(
    possible.filter(({ name }) => options.scenarios.length === 0 || options.scenarios.includes(name)),
    stage.random,
  )
  const isOver = () => {
    if (options.abort.aborted) return true
    if (options.cycles !== undefined) return cycles.length >= options.cycles
    return performance.now() - startedMs >= (options.minutes ?? 0) * 60_000
  }
  const result = (failure: string | undefined): Campaign => ({
    ...{ cycles, accounts, longestDrainMs, failure, tookMs: performance.now() - startedMs },
  })
  try {
    for (let round = 1; round === 1 || !isOver(); round++) {
      await beginRound(stage, round)
      for (let cycle = 0; cycle < roundCycles && (cycle === 0 || !isOver()); cycle++) {
        await isWell(stage)
        for (const done of await runCycle(stage, deck, options)) {
          cycles.push(done)
          options.say(`${String(cycles.length).padStart(5)}  ${done.fault}: ${done.seen}`)
        }
      }
      const drainMs = await rest(stage, round)
      longestDrainMs = Math.max(longestDrainMs, drainMs)
      const account = await takeAccount(stage, round)
      accounts.push(account)
      options.say(sentence(round, account, drainMs))
      if (account.violations.length > 0) return result(undefined)
    }
    return result(undefined)
  } catch (error) {
    return result((error as Error).message)
  }
}

function sentence(round: number, account: Account, drainMs: number): string {
  const { acknowledged, queued, effects, dead, unanswered, violations } = account
  return (
    `round ${round}: ${acknowledged} acknowledged (${queued} through the queue), ${unanswered} without an answer, ` +
    `${effects} effects, ${dead} dead letters, drained in ${Math.round(drainMs)} ms: ${violations.length} violations`
  )
}

/** Each fault in turn, in an order of its own each time. */
function createDeck(
  cards: readonly Fault[],
  random: () => number,
): (fits?: (fault: Fault) => boolean) => Fault | undefined {
  let deck: Fault[] = []
  return (fits = () => true) => {
    if (deck.length === 0) {
      deck = [...cards]
      for (let last = deck.length - 1; last > 0; last--) {
        const other = Math.floor(random() * (last + 1))
        ;[deck[last], deck[other]] = [deck[other] as Fault, deck[last] as Fault]
      }
    }
    const found = deck.findIndex(fits)
    return found === -1 ? undefined : deck.splice(found, 1)[0]
  }
}

async function beginRound(stage: Stage, round: number): Promise<void> {
  if (round > 1) await forgetEffects(stage.server)
  tellWish(stage.work.path, { round, going: true })
  for (const member of stage.members) if (!member.runs) await member.start()
}

/** One fault, and now and then a second one, of other parts, while the first one bites. */
async function runCycle(
  stage: Stage,
  deck: ReturnType<typeof createDeck>,
  { scenarios }: CampaignOptions,
): Promise<Cycle[]> {
  const first = deck()
  if (!first) throw new Error('there is no fault to inject')
  const isTwofold = scenarios.length === 0 && stage.random() < secondFaultShare
  const second = isTwofold
    ? deck(({ parts }) => canOverlap.has(first.name) && !parts.some((part) => first.parts.includes(part)))
    : undefined
  const bitten = [await bite(stage, first)]
  if (second) bitten.push(await bite(stage, second))
  await delay(biteMs)
  const healing = performance.now()
  for (const { heal } of bitten.toReversed()) await heal()
  await isWell(stage)
  const healedMs = performance.now() - healing
  return bitten.map(({ fault, seen, bittenMs }) => ({ fault, seen, bittenMs, healedMs }))
}

/** Under these the rest of the house still stands, so that a second fault can be seen. */
const canOverlap: ReadonlySet<string> = new Set([
  ...['supervisor_killed', 'flow_killed', 'slow_network', 'answer_swallowed', 'cut_before_commit'],
  ...['cut_during_commit', 'supervisor_paused'],
])

async function bite(stage: Stage, fault: Fault) {
  const startedMs = performance.now()
  const { bitten, heal } = await within(`${fault.name} to be injected`, fault.inject(stage))
  const seen = await within(`${fault.name} to bite`, bitten)
  return { fault: fault.name, seen, heal, bittenMs: performance.now() - startedMs }
}

/** Everybody runs, knows the database as well, and effects come. */
async function isWell(stage: Stage): Promise<void> {
  for (const member of stage.members) {
    await until(
      `${member.name} is well`,
      () => troubleOf(member),
      (trouble) => trouble === undefined,
    )
  }
  const before = await effectsSoFar(stage.server)
  await until(
    'effects come',
    () => effectsSoFar(stage.server),
    (now) => now >= before + effectsBetween,
  )
}

async function troubleOf(member: Member): Promise<string | undefined> {
  try {
    const { health, queue } = await member.status()
    if (health.state !== 'running') return `the state is ${health.state}`
    const target = queue?.targets[databaseName]
    return target?.breaker === 'closed' ? undefined : `the breaker is ${target?.breaker}: ${target?.reason}`
  } catch (error) {
    return (error as Error).message
  }
}

/** The flows rest, and nothing waits anywhere. */
async function rest(stage: Stage, round: number): Promise<number> {
  tellWish(stage.work.path, { round, going: false })
  const rests = stage.members.map(({ supervised }) =>
    supervised.record((record) => record['resting'] === round),
  )
  await within('the flows to rest', Promise.all(rests))
  const startedMs = performance.now()
  await until(
    'all is drained',
    () => waiting(stage),
    (left) => left.length === 0,
  )
  return performance.now() - startedMs
}

async function waiting(stage: Stage): Promise<string[]> {
  const left: string[] = []
  for (const member of running(stage)) {
    const queue = await queueOf(member)
    if (!queue) left.push(`${member.name} does not answer`)
    else if (queue.operations > 0) left.push(`${member.name}: ${queue.operations}`)
    else if (queue.adoptedSlots > 0) left.push(`${member.name}: ${queue.adoptedSlots} adopted slots`)
  }
  return left.length > 0 ? left : await abandoned(stage)
}

/** In slots that nobody holds: their supervisor has not come back, and nobody has adopted them yet. */
async function abandoned(stage: Stage): Promise<string[]> {
  const [heir] = stage.pair
  if (!heir) return []
  const { operations } = await askOffline<QueueStats>(stage, heir, ['stats'])
  return operations > 0 ? [`${operations} operations in abandoned slots`] : []
}

async function within<T>(what: string, promise: Promise<T>): Promise<T> {
  const over = new AbortController()
  const patience = delay(patienceMs, undefined, { signal: over.signal }).then(() => {
    throw new Error(`waited ${patienceMs / 1000} s in vain for ${what}`)
  })
  // Who loses the race has nobody to tell.
  for (const racer of [promise, patience]) racer.catch(() => {})
  try {
    return await Promise.race([promise, patience])
  } finally {
    over.abort()
  }
}
