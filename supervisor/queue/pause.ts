// Growing pauses with full jitter: uniform between nothing and a bound that doubles with each failure in a row.

export interface PauseBounds {
  readonly minMs: number
  readonly maxMs: number
}

/** @param failures in a row, at least 1 */
export function pauseMs(random: () => number, { minMs, maxMs }: PauseBounds, failures: number): number {
  return Math.round(random() * Math.min(maxMs, minMs * 2 ** (failures - 1)))
}
