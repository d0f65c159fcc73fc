// Exponential backoff with full jitter: uniform between nothing and the exponential bound, which spreads the retries of
// many replicas best. A new failure reason is progress (refused → starting), so the bound begins again.

export interface BackoffBounds {
  readonly minMs: number
  readonly maxMs: number
}

export interface Backoff {
  /** Whole milliseconds to wait after a failure for this reason; never more than `capMs`, where it is given. */
  next(reason: string, capMs?: number): number
}

export function createBackoff({ minMs, maxMs }: BackoffBounds, random: () => number): Backoff {
  let last: string | undefined
  let k = 0
  return {
    next(reason, capMs = maxMs) {
      k = reason === last ? k + 1 : 0
      last = reason
      return Math.round(random() * Math.min(capMs, maxMs, minMs * 2 ** k))
    },
  }
}
