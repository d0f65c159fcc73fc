// The promises of the queue under random schedules: submissions in every mode, a target that loses answers, refuses,
// fails and goes away, a journal that fails, expiry, and crashes in between. Then everything heals, and is counted.

import { setImmediate } from 'node:timers/promises'
import fc from 'fast-check'
import t from 'tap'
import type { Submitted } from '../../../supervisor/core/queue.ts'
import type { Delivery, Outcome } from '../../../supervisor/core/target.ts'
import { createQueue, type LocalQueue } from '../../../supervisor/queue/queue.ts'
import { createMemoryJournal, emptyDisk, type MemoryJournal } from '../../harness/memory-journal.ts'
import { away, createScriptedTarget, type Trouble } from '../../harness/scripted-target.ts'
import { createTestClock, type TestClock } from '../../harness/test-clock.ts'
import { keepLog } from '../gate/fakes.ts'

type Kind = 'plain' | 'poison' | 'flaky' | 'forbidden' | 'expiring'

interface Wish {
  readonly lane: 'k' | 'l' | ''
  readonly mode: 'auto' | 'queue' | 'direct'
  readonly kind: Kind
}

type Step =
  | { readonly do: 'submit'; readonly wishes: readonly Wish[]; readonly await: boolean }
  | { readonly do: 'again' }
  | { readonly do: 'trouble'; readonly trouble: Trouble | undefined }
  | { readonly do: 'once'; readonly trouble: Trouble }
  | { readonly do: 'pass'; readonly ms: number }
  | {
      readonly do: 'fail'
      readonly call: 'append' | 'lookUp' | 'take' | 'settle'
      readonly when: 'before' | 'after'
    }
  | { readonly do: 'crash' }
  | { readonly do: 'stop' }
  | { readonly do: 'go' }

const wish = fc.record({
  lane: fc.constantFrom('k', 'k', 'l', ''),
  mode: fc.constantFrom('auto', 'auto', 'queue', 'direct'),
  kind: fc.constantFrom('plain', 'plain', 'plain', 'poison', 'flaky', 'forbidden', 'expiring'),
}) as fc.Arbitrary<Wish>
const troubles: readonly Trouble[] = [away, 'lose_answer', 'lose_request', 'hang']
const call = fc.constantFrom('append', 'lookUp', 'take', 'settle')
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('submit'),
      wishes: fc.array(wish, { minLength: 1, maxLength: 5 }),
      await: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('again') }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('trouble'), trouble: fc.constantFrom(undefined, ...troubles) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('once'), trouble: fc.constantFrom(...troubles) }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('pass'), ms: fc.constantFrom(10, 300, 2_000, 20_000, 130_000) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('fail'), call, when: fc.constantFrom('before', 'after') }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('crash') }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('stop') }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('go') }) },
) as fc.Arbitrary<Step>

/** What was said to the one who submitted; nothing when the process died first. */
interface Entry {
  readonly id: string
  readonly lane: string
  readonly kind: Kind
  readonly raw: object
  repeated: boolean
  answer: Submitted | undefined
}

const unknownCodes: ReadonlySet<string> = new Set(['outcome_unknown'])

class World {
  readonly ledger: Entry[] = []
  readonly disk = emptyDisk()
  readonly target = createScriptedTarget({ batchMax: 4 })
  queue!: LocalQueue
  journal!: MemoryJournal
  clock!: TestClock
  #alive = { yes: true }
  #wallMs = Date.parse('2030-01-01T00:00:00Z')
  #random: number
  #granted = false

  constructor(seed: number) {
    this.#random = seed >>> 0
    const tries = new Map<string, number>()
    this.target.judge = ({ operation: { id } }: Delivery): Outcome => {
      const count = (tries.get(id) ?? 0) + 1
      tries.set(id, count)
      if (id.startsWith('poison')) return { state: 'refused', code: '23505', message: 'no' }
      if (id.startsWith('flaky') && count <= 2) return { state: 'failed', code: '40P01', message: 'deadlock' }
      if (id.startsWith('forbidden') && !this.#granted)
        return { state: 'forbidden', code: '42501', message: 'no' }
      return { state: 'applied' }
    }
    this.open()
  }

  open(): void {
    const alive = { yes: true }
    this.#alive = alive
    this.clock = createTestClock(this.#wallMs)
    this.journal = createMemoryJournal({ wallMs: this.clock.wallMs }, this.disk)
    const { target } = this
    const never = new Promise<never>(() => {})
    this.queue = createQueue({
      clock: this.clock,
      random: () => {
        this.#random = (Math.imul(this.#random, 1_664_525) + 1_013_904_223) >>> 0
        return this.#random / 2 ** 32
      },
      logger: keepLog().logger,
      journal: this.journal,
      targets: [
        {
          ...{ name: target.name, kind: target.kind, batchMax: target.batchMax },
          deliver: (batch, signal) =>
            alive.yes ? target.deliver(batch, signal).then((answer) => (alive.yes ? answer : never)) : never,
          cancel: (batch, signal) =>
            alive.yes ? target.cancel(batch, signal).then((answer) => (alive.yes ? answer : never)) : never,
          close: target.close,
        },
      ],
      bounds: { maxOperations: 1_000, maxBytes: 2 ** 30, maxAgeMs: 86_400_000 },
      problemOf: () => undefined,
      newId: () => 'none',
      counted: () => {},
    })
  }

  async take(step: Step): Promise<void> {
    const { target } = this
    if (step.do === 'trouble') target.trouble = step.trouble
    else if (step.do === 'once') target.next.push(step.trouble)
    else if (step.do === 'go') target.go()
    else if (step.do === 'fail') this.journal.fail(step.call, 1, step.when)
    else if (step.do === 'pass') this.clock.advance(step.ms)
    else if (step.do === 'crash') this.crash()
    else if (step.do === 'stop') await this.stop()
    else if (step.do === 'submit') this.submit(step.wishes)
    else this.again()
    if (step.do !== 'submit' || step.await) await settle()
  }

  submit(wishes: readonly Wish[]): void {
    const entries = wishes.map(({ lane, mode, kind }): Entry => {
      const id = `${kind}-${this.ledger.length + wishes.length}-${Math.round(this.clock.monotonicMs())}-${lane}-${this.#next++}`
      const expiresAt = kind === 'expiring' ? new Date(this.clock.wallMs() + 1_500).toISOString() : undefined
      const raw = { id, target: 'rpa_db', key: lane, mode, sql: 'insert', params: [id], expiresAt }
      return { id, lane, kind, raw, repeated: false, answer: undefined }
    })
    this.ledger.push(...entries)
    this.#send(entries)
  }

  #next = 0

  /** A client that repeats what it has no answer to. */
  again(): void {
    const open = this.ledger.filter(
      ({ answer }) =>
        answer === undefined || (answer.state === 'refused' && unknownCodes.has(answer.error.code)),
    )
    for (const entry of open) entry.repeated = true
    if (open.length > 0) this.#send(open)
  }

  #send(entries: readonly Entry[]): void {
    void this.queue.submit(entries.map(({ raw }) => raw)).then((answers) => {
      for (const [index, entry] of entries.entries()) entry.answer = answers[index]
    })
  }

  crash(): void {
    this.#alive.yes = false
    this.journal.kill()
    this.#wallMs = this.clock.wallMs()
    this.open()
  }

  async stop(): Promise<void> {
    const { clock, queue } = this
    const drained = queue.drain(clock.monotonicMs() + 1_000)
    await settle()
    clock.advance(1_000)
    // Without time a disk that refuses writes is not tried again: the drain is over all the same.
    await drained
    await queue.close()
    this.#wallMs = clock.wallMs()
    this.open()
  }

  async heal(): Promise<void> {
    this.target.trouble = undefined
    this.target.next.splice(0)
    this.#granted = true
    for (let n = 0; n < 40; n++) {
      this.target.go()
      this.clock.advance(60_000)
      await settle()
      this.target.go()
      await settle()
    }
  }

  /** What is wrong; nothing when every promise was kept. */
  problems(): string[] {
    const { effects } = this.target
    const problems: string[] = []
    const say = (problem: string) => problems.push(problem)
    if (this.journal.figures.operations > 0) say(`${this.journal.figures.operations} are still queued`)
    const dead = new Set(this.disk.rows.map(({ operation }) => operation.id))
    for (const { id, answer, kind } of this.ledger) {
      const times = effects.filter((effect) => effect === id).length
      if (times > 1) say(`${id} has ${times} effects`)
      if (times > 0 && dead.has(id)) say(`${id} is a dead letter and has an effect`)
      if (answer?.state === 'applied' && times === 0) say(`${id} was applied and has no effect`)
      if (answer?.state === 'queued' && times === 0 && !dead.has(id)) say(`${id} was queued and is lost`)
      if (answer?.state === 'queued' && dead.has(id) && kind !== 'poison' && kind !== 'expiring')
        say(`${id} is a dead letter without a reason to be`)
      const refused = answer?.state === 'refused' && !unknownCodes.has(answer.error.code)
      if (refused && times > 0) say(`${id} was refused (${answer.error.code}) and has an effect`)
    }
    for (const lane of ['k', 'l', '']) {
      const asked = this.ledger.filter((entry) => entry.lane === lane && isFirst(entry)).map(({ id }) => id)
      const done = effects.filter((id) => asked.includes(id))
      const expected = asked.filter((id) => effects.includes(id))
      if (done.join() !== expected.join()) say(`lane "${lane}": ${done.join()} instead of ${expected.join()}`)
    }
    return problems
  }
}

/** Order is promised for what was acknowledged; what was repeated after an unknown outcome has no place of its own. */
function isFirst({ answer, repeated }: Entry): boolean {
  if (repeated) return false
  return answer?.state === 'applied' || answer?.state === 'queued'
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await setImmediate()
}

function check(steps: fc.Arbitrary<Step[]>, numRuns: number) {
  return fc.assert(
    fc.asyncProperty(fc.integer(), steps, async (seed, schedule) => {
      const world = new World(seed)
      for (const step of schedule) await world.take(step)
      await world.heal()
      const problems = world.problems()
      if (problems.length > 0) throw new Error(problems.join('\n'))
    }),
    { numRuns, ...(process.env['SEED'] ? { seed: Number(process.env['SEED']) } : {}) },
  )
}

t.test(
  'R3.1 R8.3 whatever fails and whenever: exactly once, in order, nothing lost, nothing stuck',
  async (t) => {
    const orderly = step.filter((each) => each.do !== 'again')
    await check(fc.array(orderly, { minLength: 5, maxLength: 40 }), 100)
    t.pass()
  },
)
