// A service behind HTTP: it does what it is told as often as it is told, and remembers nothing. Its effects may repeat,
// and that is all that may go wrong with them. Each operation is a request of its own, a lane one by one.

import type { Delivered, Delivery, Outcome, Target, Unreached } from '../../supervisor/core/target.ts'
import { contentOf, type Effect } from './database.ts'
import { ask, type LinkParts } from './link.ts'
import type { Scheduler } from './scheduler.ts'

export interface Service {
  readonly effects: readonly Effect[]
  target(name: string, parts: LinkParts): Target
}

const batchMax = 8

export function createService(scheduler: Scheduler): Service {
  const effects: Effect[] = []

  function serve({ operation }: Delivery): Outcome {
    effects.push({ id: operation.id, content: contentOf(operation), atMs: scheduler.nowMs })
    return { state: 'applied', result: contentOf(operation) }
  }

  async function deliverLane(
    lane: readonly Delivery[],
    answers: Map<Delivery, Outcome | Unreached>,
    parts: LinkParts,
    signal: AbortSignal,
  ): Promise<void> {
    for (const delivery of lane) {
      const answer = await ask(parts, signal, async ({ dropBeforeCommit }) =>
        dropBeforeCommit ? undefined : serve(delivery),
      )
      answers.set(delivery, answer.reached ? answer.outcomes : answer)
      if (!answer.reached) return
    }
  }

  return {
    effects,
    target: (name, parts) => ({
      name,
      kind: 'service',
      batchMax,
      async deliver(batch, signal) {
        parts.trace(`${name} ← ${batch.map(({ operation }) => operation.id).join(' ')}`)
        const answers = new Map<Delivery, Outcome | Unreached>()
        const lanes = Map.groupBy(batch, ({ operation }) => operation.key)
        await Promise.all([...lanes.values()].map((lane) => deliverLane(lane, answers, parts, signal)))
        return together(batch, answers)
      },
      async cancel(batch) {
        return { reached: true, outcomes: batch.map(() => 'cancelled') }
      },
      async close() {},
    }),
  }
}

/** As `queue/http-target.ts` answers: a batch of which nothing was answered could not be asked. */
function together(
  batch: readonly Delivery[],
  answers: ReadonlyMap<Delivery, Outcome | Unreached>,
): Delivered {
  const given = [...answers.values()]
  const failures = given.filter((answer): answer is Unreached => 'reached' in answer)
  const [first] = failures
  if (first && failures.length === given.length) {
    return { ...first, outcomeUnknown: failures.some(({ outcomeUnknown }) => outcomeUnknown) }
  }
  const outcomes = batch.map((delivery): Outcome => {
    const answer = answers.get(delivery)
    if (answer === undefined) return { state: 'skipped' }
    if (!('reached' in answer)) return answer
    const { reason, message, outcomeUnknown } = answer
    return { state: 'unreached', reason, message, outcomeUnknown }
  })
  return { reached: true, outcomes }
}
