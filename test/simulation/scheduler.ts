// Virtual time. Everything that would take time in the real world is an event here; the earliest goes first, and of
// those due at the same millisecond the seed picks one. Between two events every promise that can go on does, so the
// code under test sees one interleaving, the same for the same seed.

import type { Timer } from '../../supervisor/core/clock.ts'
import type { Random } from './random.ts'

export interface Scheduler {
  readonly nowMs: number
  readonly events: number
  /** @param isAlive asked when the event is due: what belongs to a dead process never happens */
  after(delayMs: number, fire: () => void, isAlive?: () => boolean): Timer
  /** Resolves after that much virtual time. */
  pause(delayMs: number): Promise<void>
  /** Runs events until `isDone`, or until virtual time reaches `untilMs`. Says which: true for done. */
  run(untilMs: number, isDone: () => boolean): Promise<boolean>
}

interface Event {
  readonly atMs: number
  readonly order: number
  readonly fire: () => void
  readonly isAlive: (() => boolean) | undefined
  cancelled: boolean
}

/** A schedule that comes this far turns in circles. */
const eventsMax = 30_000

export function createScheduler(random: Random): Scheduler {
  const heap: Event[] = []
  let nowMs = 0
  let events = 0

  function after(delayMs: number, fire: () => void, isAlive?: () => boolean): Timer {
    const wholeMs = Number.isFinite(delayMs) ? Math.max(0, Math.ceil(delayMs)) : 0
    const event: Event = { atMs: nowMs + wholeMs, order: random.next(), fire, isAlive, cancelled: false }
    push(heap, event)
    return {
      cancel() {
        event.cancelled = true
      },
    }
  }

  return {
    get nowMs() {
      return nowMs
    },
    get events() {
      return events
    },
    after,
    pause: (delayMs) => new Promise((resolve) => after(delayMs, resolve)),
    async run(untilMs, isDone) {
      await everyPromiseSettled()
      for (;;) {
        if (isDone()) return true
        const event = heap[0]
        if (event === undefined || event.atMs > untilMs) {
          nowMs = Math.max(nowMs, untilMs)
          return isDone()
        }
        pop(heap)
        if (event.cancelled || event.isAlive?.() === false) continue
        if (++events > eventsMax) throw new Error(`no end after ${eventsMax} events`)
        nowMs = event.atMs
        event.fire()
        await everyPromiseSettled()
      }
    },
  }
}

/** The next turn of the event loop: by then no promise reaction is left to run. */
function everyPromiseSettled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

function isBefore(a: Event, b: Event): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
}

function push(heap: Event[], event: Event): void {
  let index = heap.push(event) - 1
  while (index > 0) {
    const parent = (index - 1) >> 1
    const above = heap[parent] as Event
    if (!isBefore(event, above)) break
    heap[index] = above
    index = parent
  }
  heap[index] = event
}

function pop(heap: Event[]): void {
  const last = heap.pop() as Event
  if (heap.length === 0) return
  let index = 0
  for (;;) {
    let child = 2 * index + 1
    if (child >= heap.length) break
    const right = heap[child + 1]
    if (right !== undefined && isBefore(right, heap[child] as Event)) child++
    const below = heap[child] as Event
    if (!isBefore(below, last)) break
    heap[index] = below
    index = child
  }
  heap[index] = last
}
