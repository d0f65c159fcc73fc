export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

/** Median absolute deviation. */
export function mad(values: readonly number[]): number {
  const middle = median(values)
  return median(values.map((value) => Math.abs(value - middle)))
}

/** @param share from 0 to 1; between two values, the mean of both weighted by nearness */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  const place = (sorted.length - 1) * share
  const below = sorted[Math.floor(place)] ?? Number.NaN
  const above = sorted[Math.ceil(place)] ?? Number.NaN
  return below + (above - below) * (place - Math.floor(place))
}

/** The median of the ratios within each round: what drifts from round to round cancels out. */
export function ratio(ours: readonly number[], theirs: readonly number[]): { median: number; mad: number } {
  const ratios = ours.slice(0, theirs.length).map((value, round) => value / (theirs[round] as number))
  return { median: median(ratios), mad: mad(ratios) }
}
