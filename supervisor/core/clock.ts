// Time as a value that is passed in, so that logic which depends on it runs under a test's own clock.

export interface Timer {
  /** Stops the timer; does nothing once it has fired. */
  cancel(): void
}

export interface Clock {
  /** Wall-clock time in ms since the epoch. For showing to people, never for durations. */
  wallMs(): number
  /** Monotonic time in ms. The only time durations are computed from. */
  monotonicMs(): number
  /** Calls `fire` once after `delayMs`. An armed timer keeps the process alive. */
  startTimer(delayMs: number, fire: () => void): Timer
}

export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  startTimer(delayMs, fire) {
    const handle = setTimeout(fire, Math.max(0, delayMs))
    return { cancel: () => clearTimeout(handle) }
  },
}

/** Resolves after `delayMs`, or rejects with the signal's reason as soon as it aborts. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    const timer = clock.startTimer(delayMs, () => {
      signal?.removeEventListener('abort', abort)
      resolve()
    })
    function abort() {
      timer.cancel()
      reject(signal?.reason)
    }
    signal?.addEventListener('abort', abort, { once: true })
  })
}
