import { limits } from '../core/limits.ts'

/** The value that stands for every one beyond the bound. */
export const otherLabel = 'other'

/** Keeps a label whose values come from outside from making ever more series: the first ones are kept. */
export function createLabelGuard(max: number = limits.metricLabelValues): (value: string) => string {
  const known = new Set<string>()
  return (value) => {
    if (known.has(value)) return value
    if (known.size >= max) return otherLabel
    known.add(value)
    return value
  }
}
