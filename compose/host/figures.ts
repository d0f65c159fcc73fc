// Times for people.

export function seconds(ms: number): string {
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`
}

export function median(values: readonly number[]): number | undefined {
  if (values.length === 0) return undefined
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const [low, high] = [sorted[middle - 1] ?? 0, sorted[middle] ?? 0]
  return sorted.length % 2 === 1 ? high : (low + high) / 2
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`
}

/** The largest unit that fits, and the next one: `3 d 4 h`, `12 min`, `8 s`. */
export function formatAge(ms: number): string {
  const all = Math.floor(ms / 1000)
  if (all < 60) return `${all} s`
  if (all < 3600) return `${Math.floor(all / 60)} min`
  if (all < 86_400) return `${Math.floor(all / 3600)} h ${Math.floor((all % 3600) / 60)} min`
  return `${Math.floor(all / 86_400)} d ${Math.floor((all % 86_400) / 3600)} h`
}
