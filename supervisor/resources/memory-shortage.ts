// Whether so little memory is left below the limit that the flow had better not take much work at once. Looked at when
// somebody asks, once a second at most; what has begun ends only when there is clearly more room again.

import type { Clock } from '../core/clock.ts'
import { limits } from '../core/limits.ts'
import type { Logger } from '../core/logger.ts'
import { formatSize } from '../core/units.ts'

export interface ShortageParts {
  readonly clock: Clock
  readonly logger: Logger
  readMemory(): { readonly usedBytes: number | undefined; readonly limitBytes: number | undefined }
}

/** @returns whether memory is short now; never where there is no limit */
export function watchMemory({ clock, logger, readMemory }: ShortageParts): () => boolean {
  let short = false
  let lookedAtMs = Number.NEGATIVE_INFINITY
  return () => {
    const nowMs = clock.monotonicMs()
    if (nowMs - lookedAtMs < limits.memoryLookMs) return short
    lookedAtMs = nowMs
    const { usedBytes, limitBytes } = readMemory()
    if (usedBytes === undefined || limitBytes === undefined) short = false
    else {
      const before = short
      const share = usedBytes / limitBytes
      short = share >= (before ? limits.memoryShortUntilShare : limits.memoryShortFromShare)
      if (short !== before) tell(share, limitBytes)
    }
    return short
  }

  function tell(share: number, limitBytes: number): void {
    const used = `${Math.round(share * 100)}% of ${formatSize(Math.round(limitBytes / 1024 ** 2) * 1024 ** 2)} of memory used`
    if (short) logger.warn({ event: 'memory.short' }, `${used}: records are handed out one at a time`)
    else logger.info({ event: 'memory.eased' }, `${used}: records are handed out as they are asked for again`)
  }
}
