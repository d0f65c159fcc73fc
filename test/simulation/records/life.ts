// A supervisor's life as far as records can tell: the real desk over the real queue, the sweep on its schedule, a flow
// that is started again when it ends. Put together as `own-records.ts` does it.

import type { Clock } from '../../../supervisor/core/clock.ts'
import type { Logger } from '../../../supervisor/core/logger.ts'
import type { ClaimedRecord } from '../../../supervisor/core/record-store.ts'
import type { LocalQueue } from '../../../supervisor/queue/queue.ts'
import type { Closed, RecordDesk } from '../../../supervisor/records/desk.ts'
import type { Link } from '../link.ts'
import type { Product } from '../product.ts'
import type { Random } from '../random.ts'
import type { Scheduler } from '../scheduler.ts'
import type { Slot, Slots } from '../slots.ts'
import { createSlowJournal } from '../slow-journal.ts'
import { firstWallMs } from '../supervisor.ts'
import { codeOf, type Flow, startFlow } from './flow.ts'
import type { Hand, RecordLedger } from './ledger.ts'
import { createProcess, type Process } from './process.ts'
import type { DeskClass } from './product.ts'
import type { RecordScenario } from './scenario.ts'
import type { Server } from './server.ts'
import { type Copied, createOperationTarget, createRecordLink } from './store.ts'

export const databaseName = 'rpa_db'

export interface LifeParts {
  readonly scenario: RecordScenario
  readonly product: Product
  readonly Desk: DeskClass
  /** A planted bug: durations by the wall clock. */
  readonly wallClock: boolean
  readonly slots: Slots
  readonly server: Server
  readonly link: Link
  readonly scheduler: Scheduler
  readonly random: Random
  readonly ledger: RecordLedger
  readonly healed: () => boolean
  readonly handed: (hand: Hand, life: Life) => void
  readonly bite: (fault: string) => void
  readonly trace: (line: string) => void
}

export interface Life {
  /** Of its own; the instance may come again. */
  readonly name: string
  readonly instance: string
  readonly process: Process
  readonly desk: RecordDesk
  readonly queue: LocalQueue
  readonly flow: Flow | undefined
  readonly isCopy: boolean
  /** The session it was given last. */
  readonly session: string | undefined
  /** Settlings that have no answer yet. */
  readonly settling: number
  /** What its desk and its queue were heard to say of completions. */
  readonly ended: { completed: number }
  closed: Closed | undefined
  jump(ms: number): void
  killFlow(how: 'crashed' | 'ended'): void
  kill(): void
  /** In good order. */
  stop(): Promise<void>
  /** What a copy of it would know. */
  copy(): Copied
}

const stopGraceMs = 8_000
const adoptEveryMs = 10_000
const seenEveryMs = 10_000

export async function openLife(
  name: string,
  instance: string,
  parts: LifeParts,
  copied?: Copied,
): Promise<Life> {
  const { scenario, scheduler, slots, link, server, bite, trace, ledger } = parts
  const random = parts.random.fork()
  const process = createProcess(name, scheduler, random)
  const own = process.scheduler
  let wallOffsetMs = random.between(-600_000, 600_000)
  let session = copied?.session
  let flow: Flow | undefined
  let flows = 0
  const copies = new Set(copied?.records.map(({ id, epoch }) => `${id}:${epoch}`))
  const known = new Map<string, ClaimedRecord & { readonly queue: string }>()
  const ended = { completed: 0 }
  let settling = 0

  const wallMs = () => firstWallMs + scheduler.nowMs + wallOffsetMs
  const monotonicMs = () => scheduler.nowMs - process.uncountedMs
  const clock: Clock = {
    wallMs,
    monotonicMs: parts.wallClock ? wallMs : monotonicMs,
    startTimer: (delayMs, fire) => own.after(delayMs, fire),
  }
  const queueClock: Clock = { ...clock, monotonicMs }
  const linkParts = {
    ...{ link, scheduler, bite, trace, server, clock: queueClock, copied, pulse: process },
    ...{ random: random.fork(), hear: process.hear, busy: scenario.busy, busyRandom: random.fork() },
    opened(id: string) {
      session = id
    },
  }

  async function journalOf(slot: Slot) {
    slot.user = process
    const journal = await slot.disk.open(queueClock)
    slot.operations = journal.figures.operations
    const journalParts = { scheduler: own, random: random.fork(), slot, pulse: process, bite, trace }
    return createSlowJournal(journal, { ...journalParts, written: () => {} })
  }

  async function adopt() {
    return await Promise.all(
      slots.abandoned().map((slot) => {
        bite('adopted')
        return journalOf(slot)
      }),
    )
  }

  const queue = parts.product.start({
    ...{ clock: queueClock, adopt, trace: silent, maxOperations: scenario.queueMax },
    ...{ journal: await journalOf(slots.claim(process)), random: () => random.next() },
    targets: [createOperationTarget(databaseName, linkParts)],
  })
  const store = createRecordLink(linkParts)
  const logger = tracing((line) => trace(`${name} ${line}`))
  const ids = random.fork()
  const desk = new parts.Desk({
    ...{ clock, logger, instance, database: databaseName, problemOf: () => undefined },
    ...{ random: () => random.next(), newId: () => `own-${ids.next()}` },
    store: {
      ...store,
      get waiting() {
        return store.waiting
      },
      async claim(request) {
        const records = await store.claim(request)
        for (const record of records) known.set(record.id, { ...record, queue: request.queue })
        return records
      },
    },
    leaseMs: () => scenario.leaseMs,
    timeoutMs: () => scenario.timeoutMs,
    maxAttempts: () => scenario.maxAttempts,
    closed: () => life.closed ?? (flow?.alive ? undefined : 'no_flow'),
    queueFull: () => queue.stats().full !== null,
    submit: (operations) => queue.submitOwn(operations),
  })
  queue.onRecordEnded(({ queue: of = 'other', action }, result) => {
    if (action === 'complete' && result === 'applied') ended.completed++
    desk.operationEnded(of, action, result)
  })

  async function repeatedly(everyMs: number, jitterMs: number, work: () => void | Promise<void>) {
    while (process.alive) {
      await own.pause(everyMs + random.between(0, jitterMs))
      await work()
    }
  }

  function counting<T>(answer: Promise<T>): Promise<T> {
    settling++
    return answer.finally(() => {
      settling--
    })
  }

  function startAFlow(): void {
    flow = startFlow({
      desk: {
        claim: (body, gone) => desk.claim(body, gone),
        settle: (action, id, body) => counting(desk.settle(action, id, body)),
        completeAll: (body) => counting(desk.completeAll(body)),
      },
      ...{ scenario, ledger, bite, trace, scheduler: own, random: random.fork() },
      ...{ life: name, number: ++flows, healed: parts.healed },
      isCopied: ({ id, epoch }) => copies.has(`${id}:${epoch}`),
      crash: () => life.killFlow('crashed'),
      handed: (hand) => parts.handed(hand, life),
    })
  }

  const life: Life = {
    ...{ name, instance, process, desk, queue, ended, isCopy: copied !== undefined, closed: undefined },
    get flow() {
      return flow
    },
    get session() {
      return session
    },
    get settling() {
      return settling
    },
    jump(ms) {
      wallOffsetMs += ms
    },
    killFlow(how) {
      if (!flow?.alive || !process.alive || process.standsStill) return
      const dying = flow
      dying.kill(how)
      process.hear(() => desk.flowGone(how, 'its flow has ended'))
      own.after(random.between(100, 3_000), () => {
        if (life.closed !== 'draining' && flow === dying) startAFlow()
      })
    },
    kill() {
      if (!process.alive) return
      trace(`${name} killed`)
      process.alive = false
      flow?.kill('ended')
      slots.crash(process, 'kill')
    },
    async stop() {
      life.closed = 'draining'
      desk.drain()
      await own.pause(random.between(0, 3_000))
      flow?.kill('ended')
      desk.flowGone('stopped', '')
      const untilMs = monotonicMs() + stopGraceMs
      await Promise.all([desk.close(), queue.drain(untilMs)])
      await queue.close()
    },
    copy() {
      const hands = [...(flow?.hands.values() ?? [])]
      const records = hands.flatMap(({ id, epoch }) => {
        const record = known.get(id)
        return record?.epoch === epoch ? [record] : []
      })
      return { session, records }
    },
  }

  const sweepMs = sweepEveryMs(scenario.leaseMs)
  void repeatedly(sweepMs, Math.min(1_000, scenario.leaseMs / 20), () => desk.recover())
  void repeatedly(adoptEveryMs, 0, () => queue.adopt())
  void repeatedly(seenEveryMs, 0, () => {
    if (link.state === 'up') queue.targetSeen(databaseName)
  })
  startAFlow()
  trace(`${name} started`)
  return life
}

/** As `own-records.ts` has it. */
export function sweepEveryMs(leaseMs: number): number {
  return Math.min(30, Math.max(1, Math.round(leaseMs / 3_000))) * 1_000
}

/** Enqueues one request, and the same again until it is answered. */
export async function enqueue(
  life: Life,
  id: string,
  payloads: readonly string[],
): Promise<readonly string[]> {
  for (;;) {
    try {
      const body = {
        id,
        queue: 'queue-1',
        records: payloads.map((payload) => ({ payload: JSON.parse(payload) })),
      }
      return (await life.desk.enqueue(body)).ids
    } catch (error) {
      codeOf(error)
      await life.process.scheduler.pause(500)
    }
  }
}

const silent = () => {}

function tracing(trace: (line: string) => void): Logger {
  const level = (name: string) => (_fields: unknown, message: string) => trace(`log ${name}: ${message}`)
  return { debug: silent, info: level('info'), warn: level('warn'), error: level('error') }
}
