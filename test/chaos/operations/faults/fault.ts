// A fault is injected, must be seen to bite, is healed, and the whole must be seen healed: one that has not bitten has
// shown nothing.

import type { QueueStats } from '../../../../supervisor/core/queue.ts'
import { until } from '../../../harness/until.ts'
import type { Member } from '../member.ts'
import { databaseName } from '../plan.ts'
import type { Stage } from '../stage.ts'

/** What a fault has in its hands; two at a time share nothing. */
export type Part = 'supervisors' | 'flows' | 'database' | 'network' | 'disk'

export interface Fault {
  readonly name: string
  readonly about: string
  readonly parts: readonly Part[]
  /** Absent: always. */
  isPossible?(stage: Stage): boolean
  inject(stage: Stage): Promise<Injected>
}

export interface Injected {
  /** Resolves with what was seen. */
  readonly bitten: Promise<string>
  heal(): Promise<void>
}

export function pick<T>(items: readonly T[], random: () => number): T {
  if (items.length === 0) throw new Error('there is nothing to pick from')
  return items[Math.floor(random() * items.length)] as T
}

export function running({ members }: Stage): Member[] {
  return members.filter(({ runs }) => runs)
}

/** Undefined while it cannot be asked. */
export async function queueOf(member: Member): Promise<QueueStats | undefined> {
  if (!member.runs) return undefined
  return await member.status().then(
    ({ queue }) => queue ?? undefined,
    () => undefined,
  )
}

export async function queued(member: Member): Promise<number> {
  return (await queueOf(member))?.operations ?? 0
}

/** Resolves when this many wait for the database. */
export async function hasQueued(member: Member, count: number): Promise<void> {
  await until(
    `${member.name} has ${count} operations queued`,
    () => queued(member),
    (has) => has >= count,
  )
}

/** Resolves with the reasons as soon as somebody's breaker is not closed. */
export async function feltBySomebody(stage: Stage, reason?: string): Promise<string> {
  const reasons = await until(
    `a breaker opens${reason === undefined ? '' : ` for ${reason}`}`,
    async () => (await Promise.all(running(stage).map(reasonOf))).flatMap((each) => each ?? []),
    (seen) => seen.some((each) => reason === undefined || each === reason),
  )
  return reasons.join(', ')
}

async function reasonOf(member: Member): Promise<string | undefined> {
  const target = (await queueOf(member))?.targets[databaseName]
  if (target === undefined || target.breaker === 'closed') return undefined
  return target.reason ?? 'unknown'
}
