// Puts the time of a disk, and what can go wrong in it, between the queue and its journal: calls are performed in groups,
// one after the other, answers come later, and a process can die between the two.

import { codeOf } from '../../supervisor/core/errors.ts'
import type { Journal } from '../../supervisor/queue/journal.ts'
import type { Pulse } from './pulse.ts'
import type { Random } from './random.ts'
import type { Scheduler } from './scheduler.ts'
import type { Slot } from './slots.ts'

export interface SlowJournalParts {
  readonly scheduler: Scheduler
  readonly random: Random
  readonly slot: Slot
  readonly pulse: Pulse
  /** Called before the answer to a write is on its way. */
  readonly written: () => void
  readonly bite: (fault: string) => void
  readonly trace: (line: string) => void
}

const writes: ReadonlySet<keyof Journal> = new Set(['append', 'settle', 'retry', 'discard'])

type Outcome =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: unknown }

interface Waiting {
  readonly name: keyof Journal
  readonly run: () => Promise<Outcome>
  readonly settle: (outcome: Outcome) => void
}

/** Calls that put something into the queue. */
const adding: ReadonlySet<keyof Journal> = new Set(['append', 'retry'])

export function createSlowJournal(inner: Journal, parts: SlowJournalParts): Journal {
  const { scheduler, random, slot, pulse, bite, trace } = parts
  const isAlive = () => pulse.alive
  const waiting: Waiting[] = []
  let busy = false
  let unsure = false

  /** What has arrived while one group was written is the next one. */
  function next(): void {
    if (busy || waiting.length === 0) return
    busy = true
    scheduler.after(
      random.between(0, 2),
      () => void perform(waiting.splice(0, random.between(1, 8))),
      isAlive,
    )
  }

  async function perform(group: readonly Waiting[]): Promise<void> {
    const isWrite = group.some(({ name }) => writes.has(name))
    const failure = slot.disk.failureOf(isWrite)
    const failsFirst = failure === 'before' || failure === 'full'
    if (failure !== undefined) bite('io_error')
    if (isWrite && !failsFirst) slot.disk.beginWrite()
    const answers = await Promise.all(group.map((each) => (failsFirst ? ioError : each.run())))
    const told = failure === undefined ? answers : answers.map(() => ioError)
    // What a failed write has left behind nobody knows until the journal is asked again.
    if (told.every(({ ok }) => ok)) unsure = false
    if (group.some(({ name }, index) => adding.has(name) && mayBeThere(told[index]))) unsure = true
    slot.operations = Math.max(unsure ? 1 : 0, inner.figures.operations)
    if (group.some(({ name }) => name === 'close')) slot.user = undefined
    group.forEach(({ name }, index) => {
      if (writes.has(name))
        trace(`${slot.name} ${name}: ${textOf(answers[index])}${failure === 'after' ? ', then EIO' : ''}`)
    })
    if (isWrite && !failsFirst) parts.written()
    scheduler.after(random.between(0, 3), () => answer(group, told), isAlive)
  }

  function answer(group: readonly Waiting[], outcomes: readonly Outcome[]): void {
    slot.disk.answered()
    busy = false
    group.forEach(({ settle }, index) => {
      settle(outcomes[index] ?? ioError)
    })
    next()
  }

  function call<T>(name: keyof Journal, run: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      waiting.push({
        name,
        run: () =>
          run().then(
            (value): Outcome => ({ ok: true, value }),
            (error): Outcome => ({ ok: false, error }),
          ),
        settle: (outcome) => (outcome.ok ? resolve(outcome.value as T) : reject(outcome.error)),
      })
      next()
    })
  }

  return {
    get figures() {
      return inner.figures
    },
    append: (entries) => call('append', () => inner.append(entries)),
    lookUp: (requests) => call('lookUp', () => inner.lookUp(requests)),
    take: (target, bounds) => call('take', () => inner.take(target, bounds)),
    overdue: (bounds) => call('overdue', () => inner.overdue(bounds)),
    nextDueMs: (target) => call('nextDueMs', () => inner.nextDueMs(target)),
    settle: (changes) => call('settle', () => inner.settle(changes)),
    list: (query) => call('list', () => inner.list(query)),
    show: (id) => call('show', () => inner.show(id)),
    retry: (id) => call('retry', () => inner.retry(id)),
    discard: (id) => call('discard', () => inner.discard(id)),
    close: () => call('close', () => inner.close()),
  }
}

const ioError: Outcome = {
  ok: false,
  error: Object.assign(new Error('EIO: i/o error'), { code: 'EIO' }),
}

/** The journal's contract names the errors with which nothing was written. */
function mayBeThere(outcome: Outcome | undefined): boolean {
  return outcome?.ok === false && !notWritten.has(codeOf(outcome.error) ?? '')
}

const notWritten: ReadonlySet<string> = new Set(['state_directory_unavailable', 'disk_full', 'draining'])

function textOf(outcome: Outcome | undefined): string {
  if (outcome?.ok !== true) return String(outcome?.error)
  return outcome.value === undefined ? 'done' : JSON.stringify(outcome.value)
}
