// The check `disk`: low is degraded, since clean-up is under way and everything still works; critical is unhealthy, since
// new work is refused and a load balancer had better go elsewhere.

import { type DiskState, diskLevels } from '../core/disk.ts'
import { formatSize } from '../core/units.ts'
import type { CheckOutcome, HealthCheck } from './check.ts'

export function createDiskCheck(parts: {
  readonly intervalMs: number
  readonly timeoutMs: number
  /** Asks the file systems. */
  look(): Promise<readonly DiskState[]>
}): HealthCheck {
  const { intervalMs, timeoutMs, look } = parts
  return { name: 'disk', instant: true, intervalMs, timeoutMs, run: async () => diskOutcome(await look()) }
}

export function diskOutcome(states: readonly DiskState[]): CheckOutcome {
  const worst = Math.max(0, ...states.map(({ level }) => diskLevels.indexOf(level)))
  const status = (['healthy', 'degraded', 'unhealthy'] as const)[worst] ?? 'unhealthy'
  const told = worst === 0 ? states : states.filter(({ level }) => level !== 'ok')
  if (told.length === 0) return { status, message: 'no file system says how much is free' }
  return { status, message: told.map(lineOf).join('; ') }
}

function lineOf({ path, level, freePercent, freeBytes, of }: DiskState): string {
  const percent = freePercent < 10 ? Math.floor(freePercent * 10) / 10 : Math.floor(freePercent)
  const free = `${percent}% of the ${of} is free under ${path} (${approximately(freeBytes)})`
  return level === 'ok' ? free : `${level}: ${free}`
}

function approximately(bytes: number): string {
  const unit = bytes >= 10 * 1024 ** 3 ? 1024 ** 3 : 1024 ** 2
  return formatSize(Math.round(bytes / unit) * unit)
}
