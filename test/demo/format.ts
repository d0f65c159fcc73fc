// Figures for people.

export function formatCount(count: number): string {
  return count.toLocaleString('en-US')
}

export function formatMs(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`
}

export function formatBytes(bytes: number): string {
  return `${Math.round(bytes / 1024 / 1024)} MiB`
}
