// A target under a test's control. It keeps an inbox as a database does, so that what it has applied it applies once,
// and a list of effects in their order; what it answers can be scripted, and an answer can be held back or lost.

import type {
  Cancelled,
  Delivered,
  Delivery,
  Outcome,
  Target,
  Unreached,
} from '../../supervisor/core/target.ts'

export type Trouble =
  /** Nothing arrives. */
  | { readonly away: Omit<Unreached, 'reached' | 'outcomeUnknown'> }
  /** All is applied, and the answer is lost. */
  | 'lose_answer'
  /** Nothing arrives, but nobody can tell. */
  | 'lose_request'
  /** Waits until `go` is called or the delivery is given up; then it may have had its effect. */
  | 'hang'

export interface ScriptedTarget extends Target {
  /** For each call, deliver or cancel, the next one; the last stays until it is set anew. */
  trouble: Trouble | undefined
  /** Takes the place of `trouble` once each. */
  readonly next: (Trouble | undefined)[]
  /** What becomes of an operation that is not in the inbox; applied by default. */
  judge(delivery: Delivery): Outcome
  /** Ids whose effect is there, in order. */
  readonly effects: readonly string[]
  readonly batches: readonly (readonly string[])[]
  readonly cancels: readonly (readonly string[])[]
  readonly inFlight: number
  readonly closed: boolean
  /** Lets everything that hangs go on. */
  go(): void
}

export interface ScriptedOptions {
  readonly name?: string
  readonly kind?: Target['kind']
  readonly batchMax?: number
  /** Without an inbox, as a service: each delivery is an effect. */
  readonly withoutInbox?: boolean
}

interface Inbox {
  readonly hash: string
  readonly state: 'applied' | 'cancelled'
  readonly revision: number
}

export const away: Trouble = { away: { reason: 'refused', message: 'nothing listens there' } }

const leaves: ReadonlySet<Outcome['state']> = new Set([
  'applied',
  'refused',
  'conflict',
  'cancelled',
  'fenced',
])

export function createScriptedTarget(options: ScriptedOptions = {}): ScriptedTarget {
  const { name = 'rpa_db', kind = 'database', batchMax = 100, withoutInbox = false } = options
  const inbox = new Map<string, Inbox>()
  const effects: string[] = []
  const batches: string[][] = []
  const cancels: string[][] = []
  let hanging: (() => void)[] = []
  let inFlight = 0
  let closed = false

  async function meet(signal: AbortSignal): Promise<{ unreached?: Unreached; lost?: Unreached }> {
    const trouble = target.next.length > 0 ? target.next.shift() : target.trouble
    await Promise.resolve()
    if (signal.aborted) return { unreached: unreached('aborted', false) }
    if (trouble === undefined) return {}
    if (trouble === 'lose_answer') return { lost: unreached('the answer was lost', true) }
    if (trouble === 'lose_request') return { unreached: unreached('the answer was lost', true) }
    if (trouble !== 'hang') return { unreached: { reached: false, outcomeUnknown: false, ...trouble.away } }
    const given = await new Promise<'on' | 'up'>((resolve) => {
      hanging.push(() => resolve('on'))
      signal.addEventListener('abort', () => resolve('up'), { once: true })
    })
    return given === 'on' ? {} : { unreached: unreached('given up', true) }
  }

  function apply(delivery: Delivery): Outcome {
    const { operation, contentHash, revision } = delivery
    const found = withoutInbox ? undefined : inbox.get(operation.id)
    if (found && found.hash !== contentHash) return { state: 'conflict' }
    if (found?.state === 'applied') return { state: 'applied', earlier: true }
    if (found && found.revision >= revision) return { state: 'cancelled' }
    const outcome = target.judge(delivery)
    if (outcome.state !== 'applied') return outcome
    effects.push(operation.id)
    inbox.set(operation.id, { hash: contentHash, state: 'applied', revision })
    return outcome
  }

  function deliverAll(batch: readonly Delivery[]): Outcome[] {
    const blocked = new Set<string>()
    return batch.map((delivery) => {
      const { key } = delivery.operation
      if (blocked.has(key)) return { state: 'skipped' }
      const outcome = apply(delivery)
      if (!leaves.has(outcome.state)) blocked.add(key)
      return outcome
    })
  }

  function cancelAll(batch: readonly Delivery[]): ('applied' | 'cancelled')[] {
    return batch.map(({ operation: { id }, contentHash, revision }) => {
      if (inbox.get(id)?.state === 'applied') return 'applied'
      inbox.set(id, { hash: contentHash, state: 'cancelled', revision })
      return 'cancelled'
    })
  }

  async function under<T>(work: () => Promise<T>): Promise<T> {
    inFlight++
    try {
      return await work()
    } finally {
      inFlight--
    }
  }

  const target: ScriptedTarget = {
    ...{ name, kind, batchMax, effects, batches, cancels, trouble: undefined, next: [] },
    judge: () => ({ state: 'applied' }),
    get inFlight() {
      return inFlight
    },
    get closed() {
      return closed
    },
    go() {
      const waiting = hanging
      hanging = []
      for (const go of waiting) go()
    },
    deliver: (batch, signal) =>
      under(async (): Promise<Delivered> => {
        batches.push(batch.map(({ operation }) => operation.id))
        const { unreached, lost } = await meet(signal)
        if (unreached) return unreached
        const outcomes = deliverAll(batch)
        return lost ?? { reached: true, outcomes }
      }),
    cancel: (batch, signal) =>
      under(async (): Promise<Cancelled> => {
        cancels.push(batch.map(({ operation }) => operation.id))
        const { unreached, lost } = await meet(signal)
        if (unreached) return unreached
        const outcomes = cancelAll(batch)
        return lost ?? { reached: true, outcomes }
      }),
    close: async () => {
      closed = true
    },
  }
  return target
}

function unreached(message: string, outcomeUnknown: boolean): Unreached {
  return { reached: false, reason: 'bad_answer', message, outcomeUnknown }
}
