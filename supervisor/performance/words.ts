// Figures in the sentences of findings.

export function percent(share: number): string {
  return `${Math.round(share * 100)}%`
}

/** Two significant digits or more: `0.25`, `1.5`, `12`. */
export function short(value: number): string {
  if (value !== 0 && Math.abs(value) < 10) return String(Number(value.toPrecision(2)))
  return String(Math.round(value))
}

export function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 1024 ** 2)} MiB`
}

/** For a limit: up to the next quarter of a CPU, or the next 64 MiB. */
export function roundUp(value: number, step: number): number {
  return Math.ceil(Number((value / step).toFixed(6))) * step
}

/** `12 s`, `5 min`, `3 h` */
export function span(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)} s`
  return seconds < 7_200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3_600)} h`
}
