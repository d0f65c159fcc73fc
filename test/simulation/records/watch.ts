// Looks at the rows while the schedule heals: every record that runs must be in somebody's hands, or come back within the
// lease and a sweep; and no desk holds what is not its session's.

import { limits } from '../../../supervisor/core/limits.ts'
import type { Slots } from '../slots.ts'
import type { RecordViolation } from './checker.ts'
import type { Row } from './database.ts'
import type { Fleet } from './fleet.ts'
import { keyOf } from './flow.ts'
import type { RecordLedger } from './ledger.ts'
import { sweepEveryMs } from './life.ts'
import type { RecordScenario } from './scenario.ts'
import type { Server } from './server.ts'

export interface WatchParts {
  readonly scenario: RecordScenario
  readonly server: Server
  readonly fleet: Fleet
  readonly slots: Slots
  readonly ledger: RecordLedger
}

/** Beyond lease and sweep: one query that is waited for in vain, and the pauses of those that try again. */
const slackMs = limits.recordsQueryMs + 5_000

export function createWatch({
  scenario,
  server,
  fleet,
  slots,
  ledger,
}: WatchParts): () => readonly RecordViolation[] {
  const { leaseMs } = scenario
  const sweepMs = sweepEveryMs(leaseMs) + 1_000
  const since = new Map<string, number>()
  const leaking = new Map<string, number>()
  const lateSince = new Map<string, number>()

  function isInHand(row: Row): boolean {
    const key = keyOf({ id: String(row.id), epoch: row.epoch })
    const living = fleet.all.filter(({ process }) => process.alive)
    if (living.some(({ flow }) => flow?.alive && flow.hands.has(key))) return true
    const asked = ledger.asked.filter((each) => keyOf(each) === key)
    const onItsWay = slots.all.some(({ operations }) => operations > 0)
    return asked.some(({ answer, life }) =>
      answer ? onItsWay && answer.state === 'queued' : living.some(({ name }) => name === life),
    )
  }

  /** What a desk holds is its session's, or being settled, but for a while. */
  function leaks(): readonly RecordViolation[] {
    const { nowMs } = server
    const rows = [...server.tables.rows.values()].filter(({ status }) => status === 'running')
    return fleet.living.flatMap(({ name, session, desk }): RecordViolation[] => {
      const owned = rows.filter((row) => row.session === session).length
      const settling = ledger.asked.filter(({ life, answer }) => life === name && answer === undefined).length
      const { held } = desk.stats()
      if (held <= owned + settling) leaking.delete(name)
      else if (!leaking.has(name)) leaking.set(name, nowMs)
      if ((leaking.get(name) ?? nowMs) + leaseMs + sweepMs + slackMs >= nowMs) return []
      return [{ kind: 'left_behind', message: `${name} holds ${held}, and its session has ${owned}` }]
    })
  }

  return () => {
    const { nowMs } = server
    const sessions = new Set(fleet.living.flatMap(({ session }) => session ?? []))
    const strays: RecordViolation[] = [...leaks()]
    const seen = new Set<string>()
    for (const row of server.tables.rows.values()) {
      if (row.status !== 'running' || row.session === undefined) continue
      const held = { id: String(row.id), epoch: row.epoch }
      const key = keyOf(held)
      const lives = sessions.has(row.session)
      if (row.expiresAtMs < nowMs && !lateSince.has(key)) lateSince.set(key, nowMs)
      if (lives && (lateSince.get(key) ?? nowMs) + sweepMs + slackMs < nowMs) {
        strays.push({
          kind: 'orphan',
          message: `${key} is held by ${row.session} beyond its time limit and a sweep`,
        })
      }
      if (lives && isInHand(row)) continue
      seen.add(key)
      const from = since.get(key) ?? nowMs
      since.set(key, from)
      const untilMs = lives ? from + leaseMs : Math.max(from, server.tables.leaseUntilMs(row.session))
      if (untilMs + sweepMs + slackMs < nowMs) {
        const owner = `${row.session}, ${lives ? 'which knows nothing of it' : 'which is gone'}`
        strays.push({ kind: 'orphan', message: `${key} is kept from everyone by ${owner}` })
      }
    }
    for (const key of since.keys()) if (!seen.has(key)) since.delete(key)
    return strays
  }
}
