// Strikes one fault after the other, each for a while, and at the end heals everything.

import { type Link, type LinkState, letThrough, noFaults } from '../link.ts'
import type { Random } from '../random.ts'
import type { Scheduler } from '../scheduler.ts'
import type { Fleet } from './fleet.ts'
import type { Life } from './life.ts'
import type { RecordScenario, RecordStrike } from './scenario.ts'
import type { Server } from './server.ts'

export interface RecordChaos {
  readonly scenario: RecordScenario
  readonly scheduler: Scheduler
  readonly random: Random
  readonly server: Server
  readonly link: Link
  readonly fleet: Fleet
  readonly bite: (fault: string) => void
  readonly trace: (line: string) => void
}

export async function runChaos(parts: RecordChaos): Promise<void> {
  const { scenario, scheduler, random, link, trace } = parts
  link.faults = scenario.requestFaults
  const count = scenario.strikes.length === 0 ? 0 : scenario.strikesMax
  const struck: Promise<void>[] = []
  for (let each = 0; each < count; each++) {
    await scheduler.pause(random.between(0, Math.ceil(scenario.chaosMs / count)))
    const strike = random.pick(scenario.strikes)
    trace(`chaos: ${strike}`)
    const striking = perform[strike](parts)
    // Some begin before others are over.
    if (random.chance(0.7)) await striking
    else struck.push(striking)
  }
  if (count === 0) await scheduler.pause(scenario.chaosMs)
  await Promise.all(struck)
}

export async function heal({ random, link, fleet, scenario, trace }: RecordChaos): Promise<void> {
  trace('chaos: over')
  link.state = 'up'
  link.faults = noFaults
  letThrough(link, random)
  for (const life of fleet.all) if (!fleet.living.includes(life)) life.kill()
  // What a copy has claimed is nobody's, and the lease that both have renewed would keep it until its time limit.
  const shared = new Set(fleet.all.filter(({ isCopy }) => isCopy).map(({ instance }) => instance))
  for (const life of fleet.living) if (shared.has(life.instance)) life.kill()
  for (const instance of fleet.instances) await fleet.start(instance)
  for (const life of fleet.living) {
    life.closed = undefined
    // A flow that hangs is found and ended, or its records are taken back when their time is up.
    if (life.flow?.hung && scenario.timeoutMs > shortTimeoutMs) life.killFlow('ended')
  }
}

export const shortTimeoutMs = 60_000

const jumpsMs = [-3_600_000, -60_000, -5_000, 5_000, 60_000, 3_600_000]

const perform: Readonly<Record<RecordStrike, (parts: RecordChaos) => Promise<void>>> = {
  refused: cutOff('refused'),
  black_hole: cutOff('black_hole'),
  async flapping(parts) {
    for (let times = parts.random.between(2, 8); times > 0; times--) {
      await cutOff('refused', 500)(parts)
      await parts.scheduler.pause(parts.random.between(0, 1_000))
    }
  },
  async database_restart(parts) {
    parts.server.restart()
    parts.bite('database_restart')
    await cutOff('refused', 5_000)(parts)
  },
  async database_clock({ server, random, bite }) {
    server.putForward(random.pick([1_000, 60_000, 3_600_000]))
    bite('database_clock')
  },
  stand_still: standStill(true),
  suspended: standStill(false),
  async kill(parts) {
    const life = anyOf(parts)
    if (!life) return
    parts.bite('kill')
    life.kill()
    await startAgain(life, parts)
  },
  async replaced(parts) {
    const { random, scheduler, fleet, bite } = parts
    const life = anyOf(parts)
    if (!life) return
    bite('replaced')
    life.process.stand()
    fleet.disown(life.instance)
    await startAgain(life, parts)
    await scheduler.pause(aroundTheLease(parts))
    life.process.goOn(true)
    await scheduler.pause(random.between(0, 20_000))
    life.kill()
  },
  async cloned(parts) {
    const { random, scheduler, fleet, bite } = parts
    const life = anyOf(parts)
    if (!life || life.session === undefined) return
    bite('cloned')
    const copying = fleet.startCopy(life)
    const copy = await copying
    copy.process.stand()
    await scheduler.pause(random.chance(0.3) ? 0 : aroundTheLease(parts))
    copy.process.goOn(true)
    await scheduler.pause(random.between(0, 30_000))
    copy.kill()
  },
  async stop(parts) {
    const life = anyOf(parts)
    if (!life) return
    const tooLate = parts.scheduler.pause(20_000)
    const won = await Promise.race([
      life.stop().then(() => 'stopped'),
      tooLate.then(() => 'stopped_too_late'),
    ])
    parts.bite(won)
    life.kill()
    await startAgain(life, parts)
  },
  async flow_killed(parts) {
    const life = anyOf(parts)
    if (!life?.flow?.alive) return
    parts.bite('flow_killed')
    life.killFlow(parts.random.pick(['crashed', 'ended']))
  },
  async shed(parts) {
    const life = anyOf(parts)
    if (!life) return
    parts.bite('shed')
    life.closed = 'disk_critical'
    life.desk.shed()
    await parts.scheduler.pause(parts.random.between(0, 10_000))
    if (life.closed === 'disk_critical') life.closed = undefined
  },
  async wall_jump(parts) {
    anyOf(parts)?.jump(parts.random.pick(jumpsMs))
    parts.bite('wall_jump')
  },
}

/** One that runs and does not stand still. */
function anyOf({ fleet, random }: RecordChaos): Life | undefined {
  const lives = fleet.living.filter(({ process, closed }) => !process.standsStill && closed === undefined)
  return lives.length === 0 ? undefined : random.pick(lives)
}

function aroundTheLease({ random, scenario: { leaseMs } }: RecordChaos): number {
  return random.between(0, leaseMs * 2)
}

function standStill(counted: boolean): (parts: RecordChaos) => Promise<void> {
  return async (parts) => {
    const life = anyOf(parts)
    if (!life) return
    parts.bite(counted ? 'stand_still' : 'suspended')
    life.process.stand()
    await parts.scheduler.pause(aroundTheLease(parts))
    life.process.goOn(counted)
  }
}

function cutOff(state: LinkState, atMostMs = 30_000): (parts: RecordChaos) => Promise<void> {
  return async ({ link, random, scheduler }) => {
    link.state = state
    await scheduler.pause(random.between(10, atMostMs))
    link.state = 'up'
    letThrough(link, random)
  }
}

async function startAgain({ instance }: Life, { scheduler, random, fleet }: RecordChaos): Promise<void> {
  await scheduler.pause(random.between(10, random.pick([500, 5_000, 60_000])))
  await fleet.start(instance)
}
