import { formatSize } from '../core/units.ts'
import type { HealthCheck } from './check.ts'

/** Share of the limit above which the kernel may soon kill something. */
const degradedAt = 0.95

/** Warns before the OOM killer comes. Without a limit there is nothing to warn of. */
export function createMemoryCheck(parts: {
  readonly intervalMs: number
  readonly timeoutMs: number
  readMemory(): { readonly usedBytes: number | undefined; readonly limitBytes: number | undefined }
}): HealthCheck {
  return {
    name: 'memory',
    instant: true,
    intervalMs: parts.intervalMs,
    timeoutMs: parts.timeoutMs,
    async run() {
      const { usedBytes, limitBytes } = parts.readMemory()
      if (usedBytes === undefined) return { status: 'healthy', message: 'the kernel does not say' }
      const used = mebibytes(usedBytes)
      if (limitBytes === undefined) return { status: 'healthy', message: `${used} used, no limit` }
      const message = `${used} of ${mebibytes(limitBytes)} used`
      return { status: usedBytes >= limitBytes * degradedAt ? 'degraded' : 'healthy', message }
    },
  }
}

function mebibytes(bytes: number): string {
  return formatSize(Math.round(bytes / 1024 ** 2) * 1024 ** 2)
}
