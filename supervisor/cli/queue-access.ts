// The queue as the commands see it: a running supervisor's, over its control socket, or, where none runs, what lies in
// the state directory.

import { sleep, systemClock } from '../core/clock.ts'
import { FlowkeepError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import type { ListRequest, OperationQueue, OperationView, QueueStats } from '../core/queue.ts'
import type { StatusReport } from '../core/status.ts'
import { type AskSupervisor, isNobodyThere } from './control-client.ts'
import { bodyOf, Refused } from './refusal.ts'

export interface QueueAccess extends Pick<OperationQueue, 'list' | 'show' | 'retry' | 'discard'> {
  stats(): Promise<QueueStats>
  /**
   * Resolves with what is left once nothing waits any more, or when the time is over. A running supervisor delivers
   * by itself and is watched; without one the deliveries are made here.
   */
  drain(timeoutMs: number, progress: (stats: QueueStats) => void): Promise<QueueStats>
}

/** The slots that no supervisor holds, locked until they are closed. */
export interface OfflineQueue extends QueueAccess {
  /** Slots with operations that are not shown, since a supervisor that runs elsewhere holds them. */
  readonly held: readonly string[]
  close(): Promise<void>
}

/** Throws `state_directory_unavailable` when there is nothing, or when it cannot be had. */
export type OpenOffline = () => Promise<OfflineQueue>

/** Runs `use` on the running supervisor's queue, or on the slots when nobody listens on the socket. */
export async function withQueue<T>(
  parts: {
    readonly ask: AskSupervisor
    readonly openOffline: OpenOffline
    note(text: string): void
  },
  use: (queue: QueueAccess) => Promise<T>,
): Promise<T> {
  try {
    return await use(runningQueue(parts.ask))
  } catch (error) {
    if (!isNobodyThere(error)) throw error
  }
  const offline = await parts.openOffline()
  try {
    const { held } = offline
    if (held.length > 0) parts.note(`not shown, a running supervisor holds it: ${held.join(', ')}`)
    return await use(offline)
  } finally {
    await offline.close()
  }
}

export function runningQueue(ask: AskSupervisor): QueueAccess {
  const at = (id: string, what = '') => `/v1/operations/${encodeURIComponent(id)}${what}`
  const stats = async () => {
    const { queue } = bodyOf<StatusReport>(await ask({ path: '/v1/status' }))
    if (queue) return queue
    throw new FlowkeepError('wrong_state', {
      operation: 'cannot look into the queue',
      message: 'the supervisor has not opened it yet',
      hint: 'Try again in a moment.',
    })
  }
  return {
    stats,
    list: async (request) =>
      bodyOf(
        await ask({ path: `/v1/operations?${queryOf(request)}`, answerBytesMax: limits.listAnswerBytes }),
      ),
    async show(id) {
      try {
        return bodyOf<OperationView>(await ask({ path: at(id), answerBytesMax: limits.showAnswerBytes }))
      } catch (error) {
        if (error instanceof Refused && error.code === 'not_found') return undefined
        throw error
      }
    },
    retry: async (id) => bodyOf(await ask({ method: 'POST', path: at(id, '/retry') })),
    discard: async (id) => bodyOf(await ask({ method: 'DELETE', path: at(id) })),
    async drain(timeoutMs, progress) {
      const untilMs = systemClock.monotonicMs() + timeoutMs
      for (;;) {
        const now = await stats()
        progress(now)
        if (now.operations === 0 || systemClock.monotonicMs() >= untilMs) return now
        await sleep(systemClock, limits.drainLookMs)
      }
    },
  }
}

function queryOf({ state, target, after, limit }: ListRequest): string {
  const query = new URLSearchParams({ state, limit: String(limit) })
  if (target !== undefined) query.set('target', target)
  if (after !== undefined) query.set('after', after)
  return query.toString()
}
