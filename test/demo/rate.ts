// How fast a count grows, over the last two seconds.

const windowMs = 2_000

/** @returns what to call with the count of a moment; it answers with the growth per second */
export function createRate(): (count: number, nowMs: number) => number {
  let samples: { count: number; atMs: number }[] = []
  return (count, nowMs) => {
    samples = [...samples.filter(({ atMs }) => nowMs - atMs <= windowMs), { count, atMs: nowMs }]
    const [first] = samples
    if (!first || nowMs === first.atMs) return 0
    return Math.round(((count - first.count) * 1000) / (nowMs - first.atMs))
  }
}
