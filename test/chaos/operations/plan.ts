// What a writer submits next: mostly something new, now and then something it has submitted before, the same id with
// other content, or poison. The effect is a row in a table without any unique key, and one more in a counter: both show
// a second time.

import type { Json } from '../../../supervisor/core/json.ts'
import type { Planned } from '../../simulation/ledger.ts'

export const databaseName = 'rpa_db'

const effect = 'insert into public.chaos_effects (id, lane, content) values ($1, $2, $3)'
const counted =
  'insert into public.chaos_counters (lane, effects) values ($1, 1) on conflict (lane) do update set effects = chaos_counters.effects + 1'
const poison =
  'insert into public.chaos_effects (id, lane, content) values ($1, $2, $3::text || (1 / (length($1) - length($1)))::text)'

const shares = { repeated: 0.03, otherContent: 0.015, poison: 0.015, array: 0.4, direct: 0.25, queue: 0.15 }
const remembered = 50
const arrayMax = 16

export interface Plan {
  /** To be submitted together. */
  next(): Planned[]
}

/** @param prefix of every id; no other plan has it */
export function createPlan(prefix: string, lanes: readonly string[], random: () => number): Plan {
  const recent: Planned[] = []
  let made = 0
  const pick = <T>(items: readonly T[]) => items[Math.floor(random() * items.length)] as T

  function mode(): Planned['mode'] {
    const drawn = random()
    if (drawn < shares.direct) return 'direct'
    return drawn < shares.direct + shares.queue ? 'queue' : 'auto'
  }

  function fresh(): Planned {
    const id = `${prefix}.${made++}`
    const sql = random() < shares.poison ? 'poison' : 'effect'
    return {
      ...{ id, sql, target: databaseName, lane: pick(lanes), content: `${id}#1`, mode: mode() },
      expiresAtWallMs: undefined,
      epoch: undefined,
    }
  }

  function one(): Planned {
    const drawn = random()
    if (recent.length > 0 && drawn < shares.repeated) return { ...pick(recent), mode: mode() }
    if (recent.length > 0 && drawn < shares.repeated + shares.otherContent) {
      const earlier = pick(recent)
      return { ...earlier, content: `${earlier.id}#2`, mode: mode() }
    }
    const planned = fresh()
    recent.push(planned)
    if (recent.length > remembered) recent.shift()
    return planned
  }

  return {
    next() {
      const length = random() < shares.array ? 2 + Math.floor(random() * (arrayMax - 1)) : 1
      return Array.from({ length }, one)
    },
  }
}

/** As the control socket takes it. */
export function requestOf({ id, target, lane, content, sql, mode }: Planned): Json {
  const effects =
    sql === 'poison'
      ? [{ sql: poison, params: [id, lane, content] }]
      : [
          { sql: effect, params: [id, lane, content] },
          { sql: counted, params: [lane] },
        ]
  return { id, target, key: lane, mode, effects }
}
