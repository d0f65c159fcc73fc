// Strikes one fault after the other, each for a while, and at the end heals everything. A fault counts as having bitten
// only where something felt it, so most of the counting is elsewhere.

import type { Database } from './database.ts'
import type { Crash } from './disk.ts'
import type { LinkState } from './link.ts'
import { type Link, letThrough, noFaults } from './link.ts'
import type { Random } from './random.ts'
import type { Scenario, Strike } from './scenario.ts'
import type { Scheduler } from './scheduler.ts'
import type { Supervisor } from './supervisor.ts'
import type { Volume } from './volume.ts'

export interface ChaosParts {
  readonly scenario: Scenario
  readonly scheduler: Scheduler
  readonly random: Random
  readonly database: Database
  readonly links: readonly Link[]
  readonly supervisors: readonly Supervisor[]
  readonly volume: Volume
  readonly operate: (supervisor: Supervisor) => Promise<void>
  readonly bite: (fault: string) => void
  readonly trace: (line: string) => void
}

export async function runChaos(parts: ChaosParts): Promise<void> {
  const { scenario, scheduler, random, links, trace } = parts
  for (const link of links) link.faults = scenario.requestFaults
  const count = scenario.strikes.length === 0 ? 0 : scenario.strikesMax
  for (let struck = 0; struck < count; struck++) {
    await scheduler.pause(random.between(0, Math.ceil(scenario.chaosMs / count)))
    const strike = random.pick(scenario.strikes)
    trace(`chaos: ${strike}`)
    await perform[strike](parts)
  }
}

export async function heal({
  random,
  database,
  links,
  supervisors,
  volume,
  trace,
}: ChaosParts): Promise<void> {
  trace('chaos: over')
  database.granted = true
  for (const link of links) {
    link.state = 'up'
    link.faults = noFaults
    letThrough(link, random)
  }
  volume.full = false
  volume.gone = false
  for (const supervisor of supervisors) await supervisor.start()
}

/** The last one is beyond the age that an operation may have. */
const jumpsMs = [-3_600_000, -60_000, 60_000, 3_600_000, 8 * 86_400_000]

const doomWaits = 100
const doomWaitMs = 50

const perform: Readonly<Record<Strike, (parts: ChaosParts) => Promise<void>>> = {
  refused: cutOff('refused'),
  black_hole: cutOff('black_hole'),
  read_only: cutOff('read_only'),
  expired_password: cutOff('expired_password'),
  too_many_connections: cutOff('too_many_connections'),
  async flapping(parts) {
    for (let times = parts.random.between(2, 8); times > 0; times--) {
      await cutOff('refused', 500)(parts)
      await parts.scheduler.pause(parts.random.between(0, 1_000))
    }
  },
  async database_restart(parts) {
    parts.database.restart()
    await cutOff('refused', 5_000)(parts)
  },
  async permission_lost({ database, scheduler, random }) {
    database.granted = false
    await scheduler.pause(random.between(100, 60_000))
    database.granted = true
  },
  kill: (parts) => crash('kill', parts),
  power_loss: (parts) => crash('power_loss', parts),
  async stop(parts) {
    const supervisor = parts.random.pick(parts.supervisors)
    await supervisor.stop()
    await startAgain(supervisor, parts)
  },
  async wall_jump({ random, supervisors, bite }) {
    random.pick(supervisors).jump(random.pick(jumpsMs))
    bite('wall_jump')
  },
  async disk_full({ random, scheduler, volume }) {
    volume.full = true
    await scheduler.pause(random.between(100, 20_000))
    volume.full = false
  },
  async volume_gone({ random, scheduler, volume }) {
    volume.gone = true
    await scheduler.pause(random.between(100, random.pick([1_000, 30_000])))
    volume.gone = false
  },
  reload: ({ random, supervisors }) => random.pick(supervisors).reload(),
  async target_seen({ random, supervisors }) {
    random.pick(supervisors).seeTargets()
  },
  async takeover({ database }) {
    database.takeOver(0.5)
  },
  async operator(parts) {
    await parts.operate(parts.random.pick(parts.supervisors))
  },
}

function cutOff(state: LinkState, atMostMs = 30_000): (parts: ChaosParts) => Promise<void> {
  return async ({ links, random, scheduler }) => {
    const cut = random.chance(0.5) ? links : [random.pick(links)]
    for (const link of cut) link.state = state
    await scheduler.pause(random.between(10, atMostMs))
    for (const link of cut) {
      link.state = 'up'
      letThrough(link, random)
    }
  }
}

async function crash(kind: Crash, parts: ChaosParts): Promise<void> {
  const { random, scheduler } = parts
  const supervisor = random.pick(parts.supervisors)
  supervisor.crash(kind, random.chance(0.6) ? 'at_next_write' : 'now')
  for (let waits = 0; supervisor.running !== undefined && waits < doomWaits; waits++) {
    await scheduler.pause(doomWaitMs)
  }
  supervisor.crash(kind, 'now')
  await startAgain(supervisor, parts)
}

async function startAgain(supervisor: Supervisor, { scheduler, random }: ChaosParts): Promise<void> {
  await scheduler.pause(random.between(10, random.pick([500, 5_000, 60_000])))
  await supervisor.start()
}
