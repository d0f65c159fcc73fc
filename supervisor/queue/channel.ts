// All that belongs to one target: the target itself, which a reload replaces, its breaker, and the way to send. Every
// delivery has an end: the target's own bounds, the limit here, or the end of the container.

import type { Clock } from '../core/clock.ts'
import { messageOf } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import type { Logger } from '../core/logger.ts'
import type { Cancelled, Delivered, Delivery, Target, Unreached } from '../core/target.ts'
import { formatDuration } from '../core/units.ts'
import { Breaker } from './breaker.ts'
import { Knocking } from './knocking.ts'

export interface ChannelParts {
  readonly clock: Clock
  random(): number
  readonly logger: Logger
  /** Whether anybody accepts connections there. Never rejects. */
  readonly knock?: (target: string, signal: AbortSignal) => Promise<boolean>
}

export class Channel {
  readonly name: string
  readonly breaker: Breaker
  #target: Target
  readonly #parts: ChannelParts
  readonly #knocking: Knocking | undefined
  readonly #underWay = new Set<AbortController>()
  /** The last answer of a target that could not be asked. */
  #unreached: Unreached | undefined
  readonly #waiting = new Set<() => void>()
  #ended = false
  #retired = false

  constructor(target: Target, parts: ChannelParts) {
    this.name = target.name
    this.#target = target
    this.#parts = parts
    const { knock } = parts
    this.#knocking =
      knock &&
      new Knocking({
        clock: parts.clock,
        knock: (signal) => knock(this.name, signal),
        answered: () => {
          this.breaker.seen(true)
          this.wake()
        },
      })
    this.breaker = new Breaker({
      monotonicMs: () => parts.clock.monotonicMs(),
      random: () => parts.random(),
      batchMax: () => this.#target.batchMax,
      changed: (state, reason) => this.#changed(state, reason),
    })
  }

  get kind(): Target['kind'] {
    return this.#target.kind
  }

  /** Why it is not asked. */
  get trouble(): Pick<Unreached, 'reason' | 'message'> {
    return this.#unreached ?? { reason: 'unreachable', message: 'it did not answer' }
  }

  /** The configuration does not name it any more: what is queued for it waits. */
  get retired(): boolean {
    return this.#retired
  }

  /** @param wake called when sending may have become possible */
  onFree(wake: () => void): () => void {
    this.#waiting.add(wake)
    return () => this.#waiting.delete(wake)
  }

  wake(): void {
    for (const wake of this.#waiting) wake()
  }

  async deliver(batch: readonly Delivery[]): Promise<Delivered> {
    const answer = await this.#ask((target, signal) => target.deliver(batch, signal))
    return checked(answer, batch.length)
  }

  async cancel(batch: readonly Delivery[]): Promise<Cancelled> {
    const answer = await this.#ask((target, signal) => target.cancel(batch, signal))
    return checked(answer, batch.length)
  }

  /** From now on another target stands behind the name. What is under way ends with the old one. */
  replace(target: Target): Promise<void> {
    const old = this.#target
    this.#target = target
    this.#retired = false
    this.breaker.reset()
    this.wake()
    return old === target ? Promise.resolve() : old.close()
  }

  retire(): Promise<void> {
    this.#retired = true
    return this.#target.close()
  }

  /** Gives up what is under way, and whatever would be sent later. */
  end(): void {
    this.#ended = true
    this.#knocking?.end()
    for (const ending of this.#underWay) ending.abort(new Error('the container is stopping'))
  }

  close(): Promise<void> {
    this.end()
    return this.#retired ? Promise.resolve() : this.#target.close()
  }

  async #ask<Answer extends Delivered | Cancelled>(
    send: (target: Target, signal: AbortSignal) => Promise<Answer>,
  ): Promise<Answer | Unreached> {
    if (this.#ended) {
      return {
        reached: false,
        reason: 'draining',
        message: 'the container is stopping',
        outcomeUnknown: false,
      }
    }
    const ending = new AbortController()
    this.#underWay.add(ending)
    const limit = this.#parts.clock.startTimer(limits.deliveryMs, () =>
      ending.abort(new Error(`no answer within ${formatDuration(limits.deliveryMs)}`)),
    )
    try {
      const answer = await send(this.#target, ending.signal)
      if (!answer.reached) this.#unreached = answer
      return answer
    } catch (error) {
      // A fault of ours in the target: nothing is known of what was sent.
      return { reached: false, reason: 'internal', message: messageOf(error), outcomeUnknown: true }
    } finally {
      limit.cancel()
      this.#underWay.delete(ending)
    }
  }

  #changed(state: Breaker['state'], reason: string | undefined): void {
    const { logger } = this.#parts
    const target = this.name
    if (state === 'open' && !this.#ended) this.#knocking?.begin(reason)
    else this.#knocking?.end()
    if (state === 'open') {
      const { message } = this.trouble
      logger.warn(
        { event: 'breaker.opened', target, reason },
        `${target} is not asked for a while (${reason}): ${message}`,
      )
    } else if (state === 'closed') {
      logger.info({ event: 'breaker.closed', target }, `${target} takes operations again`)
    }
  }
}

function checked<Answer extends Delivered | Cancelled>(answer: Answer, asked: number): Answer | Unreached {
  if (!answer.reached || answer.outcomes.length === asked) return answer
  const message = `${answer.outcomes.length} outcomes for ${asked} operations`
  return { reached: false, reason: 'internal', message, outcomeUnknown: true }
}
