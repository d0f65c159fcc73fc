// `POST /flow_runs/{id}/set_state` of Prefect answers 200 or 201 also where it did not take the state: the body's `status`
// says so. Without a `transition_id` in the request a repetition cannot be told from a new wish.

import type { HttpWork } from '../core/operation.ts'
import type { Outcome } from '../core/target.ts'

const setsState = /^\/(flow_runs|task_runs)\/[^/?]+\/set_state$/

/** Undefined where the HTTP status alone counts. */
export function prefectOutcome({ path, body }: HttpWork, answer: unknown): Outcome | undefined {
  if (!setsState.test(path)) return undefined
  const status = at(answer, 'status')
  const reason = at(answer, 'details', 'reason')
  const message = typeof reason === 'string' ? reason : 'no reason given'
  if (status === 'WAIT') return { state: 'failed', code: 'prefect_wait', message }
  // That a run crashed is said last and by whoever finds it dead. Where the run has ended by then, its end stands.
  if (status === 'ABORT' && at(body, 'state', 'type') === 'CRASHED')
    return { state: 'applied', earlier: true }
  if (status === 'ABORT') return { state: 'refused', code: 'prefect_abort', message }
  if (status !== 'REJECT') return undefined
  // The state that stands is the one we asked for: an earlier delivery has done it.
  const asked = at(body, 'state', 'state_details', 'transition_id')
  const standing = at(answer, 'state', 'state_details', 'transition_id')
  if (typeof asked === 'string' && asked === standing) return { state: 'applied', earlier: true }
  return { state: 'refused', code: 'prefect_reject', message }
}

function at(value: unknown, ...names: readonly string[]): unknown {
  return names.reduce((found, name) => {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, name)) return undefined
    return (found as Record<string, unknown>)[name]
  }, value)
}
