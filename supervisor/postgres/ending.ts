// What ends work on a database before its time: the caller's signal, or a time limit. One signal for both.

import { type Clock, systemClock } from '../core/clock.ts'

export interface Ending {
  readonly signal: AbortSignal
  /** Lets go of the timer and of the caller's signal. */
  release(): void
}

/** Aborts when `outer` does, or with `late()` after `afterMs`. */
export function endingOf(
  outer: AbortSignal | undefined,
  afterMs: number,
  late: () => Error,
  clock: Clock = systemClock,
): Ending {
  const ending = new AbortController()
  const abort = () => ending.abort(new Error('the work was cancelled', { cause: outer?.reason }))
  if (outer?.aborted) abort()
  outer?.addEventListener('abort', abort, { once: true })
  const timer = clock.startTimer(afterMs, () => ending.abort(late()))
  return {
    signal: ending.signal,
    release() {
      timer.cancel()
      outer?.removeEventListener('abort', abort)
    },
  }
}

/** `work`, or the reason of the signal as soon as it aborts. What becomes of `work` then is nobody's concern. */
export async function orEnding<T>(work: Promise<T>, ending: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>()
  const abort = () => reject(ending.reason)
  if (ending.aborted) abort()
  ending.addEventListener('abort', abort, { once: true })
  try {
    return await Promise.race([work, promise])
  } finally {
    ending.removeEventListener('abort', abort)
  }
}
