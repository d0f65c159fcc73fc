// One schedule from its seed to its verdict: chaos while flows work through records, then everything heals, then every
// record must come to its one end within a bound of virtual time.

import { limits } from '../../../supervisor/core/limits.ts'
import { createMemoryDisk } from '../disk.ts'
import { createLink } from '../link.ts'
import type { Product } from '../product.ts'
import { createRandom, type Random } from '../random.ts'
import { createScheduler } from '../scheduler.ts'
import { createSlots } from '../slots.ts'
import { createTrace } from '../trace.ts'
import { createVolume } from '../volume.ts'
import { heal, type RecordChaos, runChaos, shortTimeoutMs } from './chaos.ts'
import { check, type RecordViolation } from './checker.ts'
import type { RulesDefect } from './database.ts'
import { createFleet } from './fleet.ts'
import { payloadOf } from './flow.ts'
import { createRecordLedger, type Hand } from './ledger.ts'
import { enqueue, type Life, type LifeParts } from './life.ts'
import type { DeskClass } from './product.ts'
import { type RecordScenario, recordScenarioOf } from './scenario.ts'
import { createServer } from './server.ts'
import { createWatch } from './watch.ts'

export interface RecordScheduleOptions {
  readonly product: Product
  readonly Desk: DeskClass
  readonly keepTrace?: boolean
  readonly defect?: RulesDefect | undefined
  readonly wallClock?: boolean
  /** Instead of what the seed would give. */
  readonly scenario?: (random: Random) => RecordScenario
}

export interface RecordVerdict {
  readonly seed: number
  readonly scenario: RecordScenario
  readonly violations: readonly RecordViolation[]
  /** Records that were completed. */
  readonly acknowledged: number
  readonly effects: number
  readonly bitten: ReadonlyMap<string, number>
  readonly events: number
  readonly virtualMs: number
  readonly hash: string
  readonly lines: readonly string[]
}

/** Chaos is over by then; longer than any strikes one after the other. */
const chaosMsMax = 3_600_000
/** From the end of chaos until every record has ended, beside its time limit where that is waited for. */
const endMs = 240_000
const lookEveryMs = 1_000
/** By then every supervisor knows that all has ended, even the one that waits for a delivery in vain. */
const lastLookMs = limits.databaseQueryMs + 60_000

/** Beyond the moment when none seems to hold anything: the last answers are on their way. */
const restMs = 5_000

export async function runRecordSchedule(
  seed: number,
  options: RecordScheduleOptions,
): Promise<RecordVerdict> {
  const random = createRandom(seed)
  const scheduler = createScheduler(random.fork())
  const log = createTrace(() => scheduler.nowMs, options.keepTrace ?? false)
  const trace = log.record
  const bitten = new Map<string, number>()
  const bite = (fault: string) => void bitten.set(fault, (bitten.get(fault) ?? 0) + 1)
  const scenario = (options.scenario ?? recordScenarioOf)(random.fork())
  const ledger = createRecordLedger()
  const server = createServer(scheduler, random.fork(), options.defect)
  const link = createLink()
  const volume = createVolume(random.fork())
  const slots = createSlots(createMemoryDisk, {
    ...{ random: random.fork(), volume, maxOperations: scenario.queueMax, bite },
  })
  const violations: RecordViolation[] = []
  const now: { phase: 'chaos' | 'healed' | 'ended' } = { phase: 'chaos' }

  function handed(hand: Hand, life: Life): void {
    const grant = server.tables.grantOf(hand)
    if (!grant || life.isCopy || server.jumped || life.process.uncountedMs > 0) return
    // A renewal that was sent may be done later than its sender can know, never earlier.
    const stands = server.tables.leaseUntilMs(grant.session) >= server.nowMs
    if (stands && grant.end?.by !== 'orphan') return
    const when = stands ? 'after it was taken from' : 'after the lease of'
    const message = `${hand.id}:${hand.epoch} was handed out by ${life.name} ${when} ${grant.session}`
    violations.push({ kind: 'handed_after_lease', message })
  }

  const lifeParts: LifeParts = {
    ...{ scenario, slots, server, link, scheduler, ledger, bite, trace, handed },
    ...{ product: options.product, Desk: options.Desk, wallClock: options.wallClock ?? false },
    ...{ random: random.fork(), healed: () => now.phase !== 'chaos' },
  }
  const fleet = createFleet(scenario.supervisors, lifeParts)
  const chaos: RecordChaos = {
    ...{ scenario, scheduler, server, link, fleet, bite, trace, random: random.fork() },
  }
  const watch = createWatch({ scenario, server, fleet, slots, ledger })

  const source = random.fork()
  let made = 0
  const payloads = (count: number) =>
    Array.from({ length: count }, () => payloadOf(++made, source.chance(scenario.poison)))

  async function produce(): Promise<void> {
    for (let left = scenario.records; left > 0; ) {
      await scheduler.pause(source.between(0, Math.ceil(scenario.chaosMs / 4)))
      const some = payloads(Math.min(left, source.between(1, 10)))
      left -= some.length
      const [life] = fleet.living
      if (!life || source.chance(0.5)) {
        for (const payload of some)
          server.tables.add(`queue-${source.between(1, scenario.queues)}`, payload, source.between(0, 2))
        continue
      }
      const request = {
        id: `request-${left}`,
        payloads: some,
        ids: undefined as readonly string[] | undefined,
      }
      ledger.enqueued.push(request)
      void enqueue(life, request.id, some).then((ids) => {
        request.ids = ids
      })
    }
  }

  async function story(): Promise<void> {
    for (const instance of fleet.instances) await fleet.start(instance)
    await Promise.all([produce(), runChaos(chaos)])
    now.phase = 'healed'
    await heal(chaos)
    const stillMs = scenario.timeoutMs > shortTimeoutMs ? 0 : scenario.timeoutMs
    const untilMs = scheduler.nowMs + endMs + stillMs
    // What was sent before may still be done late, and be the last that is heard of it.
    do {
      await ended(untilMs)
      await quiet()
    } while (server.tables.rows.size > 0 && scheduler.nowMs < untilMs && violations.length === 0)
    if (server.tables.rows.size > 0 && violations.length === 0) {
      violations.push({ kind: 'stuck', message: describe() })
    }
    now.phase = 'ended'
  }

  async function ended(untilMs: number): Promise<void> {
    while (server.tables.rows.size > 0 && scheduler.nowMs < untilMs && violations.length === 0) {
      await scheduler.pause(lookEveryMs)
      violations.push(...watch())
    }
  }

  async function quiet(): Promise<void> {
    const fromMs = scheduler.nowMs
    const passedMs = () => scheduler.nowMs - fromMs
    while (passedMs() < restMs || (passedMs() < lastLookMs && isHeld())) await scheduler.pause(lookEveryMs)
  }

  function isHeld(): boolean {
    return fleet.living.some(({ desk, settling }) => {
      const { held, ahead } = desk.stats()
      return held + ahead + settling > 0
    })
  }

  function describe(): string {
    const rows = [...server.tables.rows.values()].slice(0, 5)
    return rows
      .map(({ id, epoch, status, session }) => `${id}:${epoch} is ${status}, of ${session}`)
      .join('; ')
  }

  let failure: unknown
  story().catch((error) => {
    failure ??= error
  })
  await scheduler.run(chaosMsMax, () => now.phase === 'ended' || failure !== undefined)
  if (failure !== undefined) throw failure
  if (now.phase !== 'ended') violations.push({ kind: 'stuck', message: 'the schedule does not end' })
  const { added, endings, grants, rows } = server.tables
  const isWhole = rows.size === 0
  if (isWhole || violations.length === 0) {
    violations.push(
      ...check({
        ...{ ledger, endings, grants, added, effects: server.effects },
        hasCopies: fleet.all.some(({ isCopy }) => isCopy),
        left: fleet.living.map(({ name, desk }) => ({ ...desk.stats(), life: name })),
        counted: fleet.living.map((life) => countedBy(life)),
      }),
    )
  }

  function countedBy({ name, desk, ended }: Life) {
    const completed = Object.values(desk.stats().queues).reduce((sum, queue) => sum + queue.completed, 0)
    const told = ledger.asked.filter(
      ({ life, action, answer }) => life === name && action === 'complete' && answer?.state === 'applied',
    ).length
    return { life: name, completed, told: told + ended.completed }
  }

  return {
    ...{ seed, scenario, violations, bitten: withEnds(bitten, grants), events: scheduler.events },
    acknowledged: endings.filter(({ outcome }) => outcome === 'completed').length,
    effects: server.effects.length,
    virtualMs: scheduler.nowMs,
    hash: log.hash,
    lines: log.lines,
  }
}

/** What was felt in the database. */
function withEnds(bitten: Map<string, number>, grants: ReturnType<typeof createServer>['tables']['grants']) {
  for (const { end, suspect } of grants) {
    if (end) bitten.set(end.by, (bitten.get(end.by) ?? 0) + 1)
    if (suspect) bitten.set('suspect', (bitten.get('suspect') ?? 0) + 1)
  }
  return bitten
}
