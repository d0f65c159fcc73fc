// Somebody who looks into the queue and mends it: revives dead letters, discards what is not wanted any more.

import type { OperationView } from '../../supervisor/core/queue.ts'
import type { Ledger } from './ledger.ts'
import type { Random } from './random.ts'
import type { Scheduler } from './scheduler.ts'
import type { Supervisor } from './supervisor.ts'

export interface OperatorParts {
  readonly scheduler: Scheduler
  readonly random: Random
  readonly ledger: Ledger
  readonly bite: (fault: string) => void
  readonly trace: (line: string) => void
}

export async function operate(supervisor: Supervisor, parts: OperatorParts): Promise<void> {
  const { random, scheduler } = parts
  for (const state of ['dead', 'held', 'queued'] as const) {
    for (const { id } of await listed(supervisor, state)) {
      if (!random.chance(0.5)) continue
      await scheduler.pause(random.between(0, 50))
      if (random.chance(0.5)) await retry(supervisor, id, parts)
      else await discard(supervisor, id, parts)
    }
  }
}

export async function reviveAll(supervisors: readonly Supervisor[], parts: OperatorParts): Promise<void> {
  for (const supervisor of supervisors) {
    for (const { id } of await listed(supervisor, 'dead')) await retry(supervisor, id, parts)
  }
}

async function listed(
  { running }: Supervisor,
  state: OperationView['state'],
): Promise<readonly OperationView[]> {
  if (running === undefined) return []
  // A dead process answers nothing, and a journal may be unreadable.
  const page = await Promise.race([running.queue.list({ state, limit: 100 }), running.died]).catch(
    () => undefined,
  )
  return page?.operations ?? []
}

async function retry(
  { running }: Supervisor,
  id: string,
  { ledger, bite, trace }: OperatorParts,
): Promise<void> {
  if (running === undefined) return
  ledger.revived.add(id)
  trace(`operator: retry ${id}`)
  bite('retry')
  await Promise.race([running.queue.retry(id), running.died]).catch((error) => trace(`operator: ${error}`))
}

async function discard(
  { running }: Supervisor,
  id: string,
  { ledger, bite, trace }: OperatorParts,
): Promise<void> {
  if (running === undefined) return
  ledger.discarded.add(id)
  trace(`operator: discard ${id}`)
  bite('discard')
  await Promise.race([running.queue.discard(id), running.died]).catch((error) => trace(`operator: ${error}`))
}
