// A flow that submits one batch after the other, and does what a good client does when it doesn't know: it sends the
// same operation again.

import type { Submitted } from '../../supervisor/core/queue.ts'
import type { LocalQueue } from '../../supervisor/queue/queue.ts'
import { answerOf, type Invocation, type Ledger, type Planned } from './ledger.ts'
import { type Load, ownOf, rawOf } from './load.ts'
import type { Random } from './random.ts'
import type { Scenario } from './scenario.ts'
import type { Scheduler } from './scheduler.ts'
import type { Supervisor } from './supervisor.ts'

export interface ClientParts {
  readonly scenario: Scenario
  readonly scheduler: Scheduler
  readonly random: Random
  readonly load: Load
  readonly ledger: Ledger
  readonly trace: (line: string) => void
}

const retriesMax = 4
const retryShare = 0.7
const waitForSupervisorMs = 100

/** Ends when it has submitted everything it wants to. */
export async function runClient(name: string, supervisor: Supervisor, parts: ClientParts): Promise<void> {
  const { scenario, scheduler, random, load } = parts
  let left = scenario.invocationsPerClient
  while (left > 0) {
    await scheduler.pause(random.between(0, scenario.gapMs))
    const size = Math.min(left, random.chance(0.3) ? random.between(2, 4) : 1)
    left -= size
    let batch = Array.from({ length: size }, () => load.next(supervisor.wallMs()))
    for (let round = 0; batch.length > 0 && round <= retriesMax; round++) {
      const invocations = await submit(name, supervisor, batch, parts)
      batch = invocations.filter((invocation) => isOpen(invocation) && random.chance(retryShare))
      if (batch.length > 0) await scheduler.pause(random.between(0, 3_000))
    }
  }
}

async function submit(
  name: string,
  supervisor: Supervisor,
  batch: readonly Planned[],
  { scheduler, ledger, trace }: ClientParts,
): Promise<readonly Invocation[]> {
  while (supervisor.running === undefined) await scheduler.pause(waitForSupervisorMs)
  const running = supervisor.running
  const invocations = batch.map(
    (planned): Invocation => ({
      ...planned,
      slot: running.slot,
      invokedAtMs: scheduler.nowMs,
      answer: undefined,
      abandoned: false,
    }),
  )
  ledger.invocations.push(...invocations)
  for (const { id, content, mode, lane } of invocations) trace(`${name} ? ${id} ${content} ${lane} ${mode}`)
  const answers = await Promise.race([submitted(running.queue, batch), running.died])
  invocations.forEach((invocation, index) => {
    const answer = answers?.[index]
    if (answer === undefined) invocation.abandoned = true
    else invocation.answer = answerOf(answer, scheduler.nowMs)
    trace(`${name} ! ${invocation.id} ${describe(answer)}`)
  })
  return invocations
}

/** Completions are the supervisor's own operations. Answers come in the order of the batch. */
async function submitted(queue: LocalQueue, batch: readonly Planned[]): Promise<readonly Submitted[]> {
  const answers = batch.map(async (planned) => {
    const one =
      planned.epoch === undefined ? queue.submit([rawOf(planned)]) : queue.submitOwn([ownOf(planned)])
    return (await one)[0] as Submitted
  })
  return await Promise.all(answers)
}

function describe(answer: Submitted | undefined): string {
  if (answer === undefined) return 'no answer'
  return answer.state === 'refused' ? `refused: ${answer.error.code}` : answer.state
}

/** Whether sending it again can bring more. */
function isOpen({ abandoned, answer }: Invocation): boolean {
  if (abandoned) return true
  const code = answer?.code
  return code !== undefined && again.has(code)
}

const again = new Set([
  'outcome_unknown',
  'lane_busy',
  'dependency_unavailable',
  'queue_full',
  'disk_full',
  'draining',
])
