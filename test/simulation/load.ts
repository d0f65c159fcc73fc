// What the clients submit: operations of several lanes, some of them poison, some repeated with the same and some with
// other content, some that expire.

import type { LocalQueue } from '../../supervisor/queue/queue.ts'
import { statements } from './database.ts'
import type { Planned } from './ledger.ts'
import type { Random } from './random.ts'
import type { Scenario } from './scenario.ts'

export const databaseName = 'rpa_db'
export const serviceName = 'prefect'

export interface Load {
  /** @param wallMs of the machine the client runs on */
  next(wallMs: number): Planned
}

/** One for all clients, so that they repeat each other's operations as well. */
export function createLoad(scenario: Scenario, random: Random): Load {
  const planned: Planned[] = []
  const expiringAfterMs = [1, 500, 5_000, 30_000]

  function fresh(wallMs: number): Planned {
    const id = `op-${planned.length}`
    const toService = random.chance(scenario.toService)
    return {
      id,
      target: toService ? serviceName : databaseName,
      lane: `lane-${random.between(1, scenario.lanes)}`,
      content: `${id}#1`,
      sql: toService ? '' : statementOf(scenario, random),
      mode: random.pick(['auto', 'auto', 'queue', 'direct'] as const),
      expiresAtWallMs: random.chance(scenario.expiring) ? wallMs + random.pick(expiringAfterMs) : undefined,
      epoch: !toService && random.chance(scenario.completions) ? 1 : undefined,
    }
  }

  return {
    next(wallMs) {
      const repeats = planned.length > 0 && random.chance(scenario.repeated)
      const operation = repeats ? { ...random.pick(planned) } : fresh(wallMs)
      const changed = repeats && random.chance(scenario.otherContent)
      const next = changed ? { ...operation, content: `${operation.id}#2` } : operation
      planned.push(next)
      return next
    },
  }
}

function statementOf(scenario: Scenario, random: Random): string {
  if (random.chance(scenario.poison)) return statements.poison
  if (random.chance(scenario.cursed)) return statements.cursed
  if (random.chance(scenario.guarded)) return statements.guarded
  return random.chance(scenario.contended) ? statements.contended : statements.write
}

/** As the supervisor itself submits it. */
export function ownOf({ id, target, lane, content, sql, mode, expiresAtWallMs, epoch }: Planned): Own {
  const record = epoch === undefined ? {} : { record: { action: 'complete', recordId: id, epoch } as const }
  const work = { kind: 'sql', statements: [{ sql, params: [content] }], ...record } as const
  return { operation: { id, target, key: lane, work, expiresAtMs: expiresAtWallMs }, mode }
}

type Own = Parameters<LocalQueue['submitOwn']>[0][number]

/** As a client sends it. */
export function rawOf({ id, target, lane, content, sql, mode, expiresAtWallMs }: Planned): unknown {
  return {
    id,
    target,
    key: lane,
    mode,
    ...(sql === '' ? { method: 'POST', path: '/effects', body: content } : { sql, params: [content] }),
    ...(expiresAtWallMs === undefined ? {} : { expiresAt: new Date(expiresAtWallMs).toISOString() }),
  }
}
