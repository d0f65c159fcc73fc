// One schedule from its seed to its verdict: chaos while clients submit, then everything heals, then everything that was
// acknowledged must come to its end within a bound of virtual time.

import type { Target } from '../../supervisor/core/target.ts'
import { type ChaosParts, heal, runChaos } from './chaos.ts'
import { check, type Violation } from './checker.ts'
import { runClient } from './client.ts'
import { contentOf, createDatabase, type DatabaseDefect } from './database.ts'
import { createDatabaseTarget, type Failures } from './database-target.ts'
import { type CreateDisk, createMemoryDisk } from './disk.ts'
import { createLedger, type DeadLetter, isAcknowledged } from './ledger.ts'
import { createLink, type Link } from './link.ts'
import { createLoad, databaseName, serviceName } from './load.ts'
import { mayDie } from './may-die.ts'
import { operate, reviveAll } from './operator.ts'
import type { Product } from './product.ts'
import type { Pulse } from './pulse.ts'
import { createRandom } from './random.ts'
import { type Scenario, scenarioOf } from './scenario.ts'
import { createScheduler } from './scheduler.ts'
import { createService } from './service.ts'
import { createSlots, type Slots } from './slots.ts'
import { createSupervisor, firstWallMs, type Supervisor } from './supervisor.ts'
import { createTrace } from './trace.ts'
import { createVolume, type Volume } from './volume.ts'

export interface ScheduleOptions {
  readonly product: Product
  readonly keepTrace?: boolean
  readonly defect?: DatabaseDefect | undefined
  readonly createDisk?: CreateDisk
  /** One call of the disk, and one request to the database, that fails. */
  readonly diskFailsAt?: Volume['failsAt']
  readonly requestFailsAt?: Link['failsAt']
  /** Instead of what the seed would give. */
  readonly scenario?: (random: ReturnType<typeof createRandom>) => Scenario
}

export interface Verdict {
  readonly seed: number
  readonly scenario: Scenario
  readonly violations: readonly Violation[]
  readonly acknowledged: number
  readonly effects: number
  /** How often each fault was felt. */
  readonly bitten: ReadonlyMap<string, number>
  readonly events: number
  /** Calls of the disk, and requests to the database. */
  readonly calls: number
  readonly requests: number
  readonly virtualMs: number
  readonly hash: string
  readonly lines: readonly string[]
}

/** All clients are answered by then, and all is drained. Longer than any pause the queue makes. */
const clientsMs = 3_600_000
const drainMs = 900_000
const lookEveryMs = 1_000
const lastLookMs = 60_000

export async function runSchedule(seed: number, options: ScheduleOptions): Promise<Verdict> {
  const random = createRandom(seed)
  const scheduler = createScheduler(random.fork())
  const log = createTrace(() => scheduler.nowMs, options.keepTrace ?? false)
  const bitten = new Map<string, number>()
  const trace = log.record
  const bite = (fault: string) => void bitten.set(fault, (bitten.get(fault) ?? 0) + 1)
  const felt = (...faults: string[]) => faults.reduce((sum, fault) => sum + (bitten.get(fault) ?? 0), 0)
  const scenario = (options.scenario ?? scenarioOf)(random.fork())
  const ledger = createLedger()
  const database = createDatabase({ scheduler, random: random.fork(), bite, defect: options.defect })
  const failures: Failures = new Map()
  const service = createService(scheduler)
  const links = [createLink(), createLink()] as const
  const maxOperations = random.pick([3, 20, 1_000])
  const volume = createVolume(random.fork())
  volume.failsAt = options.diskFailsAt
  links[0].failsAt = options.requestFailsAt
  const diskParts = { random: random.fork(), volume, maxOperations, bite }
  const slots = createSlots(options.createDisk ?? createMemoryDisk, diskParts)

  const targetsOf = (pulse: Pulse): Target[] => {
    const linkParts = { scheduler, random: random.fork(), bite, trace, pulse }
    return [
      createDatabaseTarget(databaseName, database, failures, { ...linkParts, link: links[0] }),
      service.target(serviceName, { ...linkParts, link: links[1] }),
    ]
  }
  const { product } = options
  const supervisors = Array.from({ length: scenario.supervisors }, (_, index) => {
    const own = { name: `supervisor-${index}`, random: random.fork() }
    return createSupervisor({
      ...own,
      product,
      slots,
      volume,
      maxOperations,
      scheduler,
      bite,
      trace,
      targetsOf,
    })
  })

  const operatorParts = { scheduler, random: random.fork(), ledger, bite, trace }
  const chaos: ChaosParts = {
    ...{ scenario, scheduler, random: random.fork(), database, links, supervisors, volume, bite, trace },
    operate: (supervisor) => operate(supervisor, operatorParts),
  }
  const clientParts = { scenario, scheduler, ledger, trace, load: createLoad(scenario, random.fork()) }
  let phase: 'chaos' | 'draining' | 'done' = 'chaos'

  async function story(): Promise<void> {
    for (const supervisor of supervisors) await supervisor.start()
    const clients = supervisors.flatMap((supervisor) =>
      Array.from({ length: scenario.clientsPerSupervisor }, (_, index) =>
        runClient(`${supervisor.name}.${index}`, supervisor, { ...clientParts, random: random.fork() }),
      ),
    )
    await runChaos(chaos)
    await heal(chaos)
    await Promise.all(clients)
    phase = 'draining'
  }

  async function settled(): Promise<void> {
    if (scenario.revives) {
      await drained()
      database.mended = true
      await reviveAll(supervisors, operatorParts)
    }
    await drained()
    phase = 'done'
  }

  async function drained(): Promise<void> {
    while (slots.all.some(({ operations }) => operations > 0)) await scheduler.pause(lookEveryMs)
  }

  const violations: Violation[] = []
  let calls = 0
  let failure: unknown
  const fail = (error: unknown) => {
    failure ??= error
  }
  try {
    story().catch(fail)
    const answered = await scheduler.run(clientsMs, () => phase !== 'chaos' || failure !== undefined)
    if (!answered) violations.push({ kind: 'unanswered', message: 'a client never got its answer' })
    else if (failure === undefined) {
      settled().catch(fail)
      const done = await scheduler.run(
        scheduler.nowMs + drainMs * 2,
        () => phase === 'done' || failure !== undefined,
      )
      if (!done) violations.push({ kind: 'stuck', message: describeStuck(slots) })
    }
    if (failure !== undefined) throw failure
    calls = volume.calls
    volume.failsAt = undefined
    const dead: DeadLetter[] = []
    lastLook(supervisors, slots, dead).catch(fail)
    await scheduler.run(scheduler.nowMs + lastLookMs, () => false)
    if (failure !== undefined) throw failure
    const targets = [
      { name: databaseName, effects: database.effects, counter: database.counter, exactlyOnce: true },
      {
        name: serviceName,
        effects: service.effects,
        counter: service.effects.length,
        exactlyOnce: false,
      },
    ]
    const attempts = (id: string) => failures.get(id) ?? 0
    const attemptsForgotten = felt('exit', 'kill', 'power_loss', 'io_error')
    violations.push(
      ...check({
        ledger,
        targets,
        dead,
        isVoid: database.isVoid,
        mayDie: mayDie({
          ledger,
          dead,
          attempts,
          clockJumped: felt('wall_jump') > 0,
          newestRevision: database.newestRevision,
        }),
        attempts,
        attemptsForgotten,
      }),
    )
  } finally {
    for (const { disk } of slots.all) disk.remove()
  }
  return {
    seed,
    scenario,
    violations,
    acknowledged: ledger.invocations.filter(isAcknowledged).length,
    effects: database.effects.length + service.effects.length,
    bitten,
    events: scheduler.events,
    calls,
    requests: links[0].requests,
    virtualMs: scheduler.nowMs,
    hash: log.hash,
    lines: log.lines,
  }
}

/** All supervisors stop in good order; then the dead letters are read where they lie. */
async function lastLook(supervisors: readonly Supervisor[], slots: Slots, dead: DeadLetter[]): Promise<void> {
  await Promise.all(supervisors.map((supervisor) => supervisor.stop()))
  for (const { name, disk } of slots.all) {
    const journal = await disk.open({ wallMs: () => firstWallMs, monotonicMs: () => 0 })
    for (const { operation, reason, revision } of await journal.list({
      state: 'dead',
      afterSeq: 0,
      limit: 1_000,
    })) {
      const { id } = operation
      const shown = await journal.show(id)
      const content = shown && contentOf(shown.operation)
      if (content !== undefined) dead.push({ id, slot: name, content, code: reason?.code ?? '', revision })
    }
    await journal.close()
  }
}

function describeStuck(slots: Slots): string {
  return slots.all
    .map(({ name, operations, user }) => `${name} of ${user?.name ?? 'nobody'} holds ${operations}`)
    .join('; ')
}
