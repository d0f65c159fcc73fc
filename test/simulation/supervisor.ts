// A container's life as far as the queue can tell: it starts over what its slot holds, is stopped in good order, killed,
// or loses its power, and its wall clock jumps. What a dead process had in memory never happens.

import type { Clock } from '../../supervisor/core/clock.ts'
import type { Target } from '../../supervisor/core/target.ts'
import type { Journal } from '../../supervisor/queue/journal.ts'
import type { LocalQueue } from '../../supervisor/queue/queue.ts'
import type { Crash } from './disk.ts'
import { maxAgeMs, type Product } from './product.ts'
import type { Pulse } from './pulse.ts'
import type { Random } from './random.ts'
import type { Scheduler } from './scheduler.ts'
import type { Slot, Slots } from './slots.ts'
import { createSlowJournal } from './slow-journal.ts'
import type { Volume } from './volume.ts'

export interface Running {
  readonly slot: string
  readonly queue: LocalQueue
  /** Resolves when the process is gone. */
  readonly died: Promise<undefined>
}

export interface Supervisor {
  readonly name: string
  readonly running: Running | undefined
  wallMs(): number
  jump(ms: number): void
  /** Does nothing where it runs. */
  start(): Promise<void>
  stop(): Promise<void>
  /** Its settings change: the service is not named for a while. */
  reload(): Promise<void>
  /** A health check finds its targets well, whether they are or not. */
  seeTargets(): void
  /** At once, or between the next write of its journal and the answer to it. */
  crash(kind: Crash, when: 'now' | 'at_next_write'): void
}

export interface SupervisorParts {
  readonly name: string
  readonly product: Product
  readonly slots: Slots
  readonly volume: Volume
  readonly maxOperations: number
  readonly scheduler: Scheduler
  readonly random: Random
  readonly bite: (fault: string) => void
  readonly trace: (line: string) => void
  readonly targetsOf: (pulse: Pulse) => readonly Target[]
}

export const firstWallMs = Date.parse('2030-01-01T00:00:00Z')
const stopGraceMs = 8_000
const adoptEveryMs = 10_000
const startAgainMs = 500

interface Life {
  readonly pulse: Pulse
  /** It dies when something has been written. */
  doom: Crash | undefined
  readonly running: Running
  readonly end: () => void
}

export function createSupervisor(parts: SupervisorParts): Supervisor {
  const { name, product, slots, scheduler, random, bite, trace, targetsOf, maxOperations } = parts
  let wallOffsetMs = 0
  let life: Life | undefined
  const wallMs = () => firstWallMs + scheduler.nowMs + wallOffsetMs

  function clockOf(pulse: Pulse): Clock {
    return {
      wallMs,
      monotonicMs: () => scheduler.nowMs,
      startTimer: (delayMs, fire) => scheduler.after(delayMs, fire, () => pulse.alive),
    }
  }

  async function journalOf(slot: Slot, pulse: Pulse, clock: Clock) {
    slot.user = pulse
    const journal = await slot.disk.open(clock)
    slot.operations = journal.figures.operations
    const written = () => {
      if (pulse === life?.pulse && life.doom !== undefined) die(life.doom)
    }
    return createSlowJournal(journal, { ...parts, slot, pulse, written })
  }

  /** A container that cannot have its journal ends, and is started again. */
  async function opened(slot: Slot, pulse: Pulse, clock: Clock): Promise<Journal> {
    for (;;) {
      try {
        return await journalOf(slot, pulse, clock)
      } catch (error) {
        trace(`${name} cannot start: ${String(error)}`)
        bite('cannot_start')
        await scheduler.pause(startAgainMs)
      }
    }
  }

  async function journalIfUsable(slot: Slot, pulse: Pulse, clock: Clock): Promise<Journal | undefined> {
    try {
      return await journalOf(slot, pulse, clock)
    } catch {
      slot.user = undefined
      return undefined
    }
  }

  async function adopt(pulse: Pulse, clock: Clock) {
    const abandoned = slots.abandoned()
    for (const slot of abandoned) {
      slot.user = pulse
      bite('adopted')
      trace(`${name} adopts ${slot.name}`)
    }
    const journals = await Promise.all(abandoned.map((slot) => journalIfUsable(slot, pulse, clock)))
    return journals.filter((journal) => journal !== undefined)
  }

  async function start(): Promise<void> {
    if (life !== undefined) return
    const pulse: Pulse = { name, alive: true }
    const clock = clockOf(pulse)
    const slot = slots.claim(pulse)
    const journal = await opened(slot, pulse, clock)
    const queue = product.start({
      ...{ journal, clock, trace, maxOperations, targets: targetsOf(pulse) },
      random: () => random.next(),
      adopt: () => adopt(pulse, clock),
    })
    const { promise: died, resolve } = Promise.withResolvers<undefined>()
    const running = { slot: slot.name, queue, died }
    life = { pulse, doom: undefined, running, end: () => resolve(undefined) }
    trace(`${name} started in ${slot.name}`)
    void lookForSlots(life)
  }

  async function lookForSlots({ pulse, running: { queue } }: Life): Promise<void> {
    while (pulse.alive) {
      await queue.adopt()
      await scheduler.pause(adoptEveryMs)
    }
  }

  function die(kind: Crash): void {
    if (life === undefined) return
    const { pulse, end } = life
    life = undefined
    trace(`${name} ${kind}`)
    bite(kind)
    pulse.alive = false
    slots.crash(pulse, kind)
    end()
  }

  async function stop(): Promise<void> {
    if (life === undefined) return
    const stopping = life
    const { queue, died } = stopping.running
    const ending = queue.drain(scheduler.nowMs + stopGraceMs).then(() => queue.close())
    const killed = scheduler.pause(stopGraceMs * 2)
    const won = await Promise.race([
      ending.then(() => 'stopped'),
      killed.then(() => 'stopped too late'),
      died,
    ])
    if (won === undefined || life !== stopping) return
    trace(`${name} ${won}`)
    bite(won)
    die('exit')
  }

  return {
    name,
    get running() {
      return life?.running
    },
    wallMs,
    jump(ms) {
      wallOffsetMs += ms
    },
    start,
    stop,
    async reload() {
      if (life === undefined) return
      const { pulse, running } = life
      const bounds = { maxOperations, maxBytes: 1024 ** 3, maxAgeMs }
      const [first] = targetsOf(pulse)
      bite('reload')
      await Promise.race([running.queue.reconfigure(first ? [first] : [], bounds), running.died])
      await scheduler.pause(random.between(0, 10_000))
      if (pulse.alive) await Promise.race([running.queue.reconfigure(targetsOf(pulse), bounds), running.died])
    },
    seeTargets() {
      bite('target_seen')
      for (const name of Object.keys(life?.running.queue.stats().targets ?? {})) {
        life?.running.queue.targetSeen(name)
      }
    },
    crash(kind, when) {
      if (when === 'now') die(kind)
      else if (life !== undefined) life.doom = kind
    },
  }
}
