// The check `queue`: whether work is still taken, and what waits for whom. The worst row counts.
//
// | what is found | status | why |
// |---|---|---|
// | full, by operations, bytes or disk | unhealthy | new work is refused: a load balancer had better go elsewhere |
// | a disk that fails, or a slot that was removed | unhealthy | as above, and somebody has to look at the volume |
// | a breaker that is not closed | degraded | work is taken and kept; it goes on by itself |
// | held operations | degraded | a permission is missing, and somebody has to grant it |
// | files put aside for corruption | degraded | until somebody has looked at them and taken them away |
// | dead letters | healthy, and named | no container is the better for it being avoided; a metric and its alert tell |
// | entries lost to corruption | healthy, and named | as above: nothing that could be done takes them back |

import type { QueueStats, TargetStats } from '../core/queue.ts'
import type { CheckOutcome, HealthCheck } from './check.ts'

export function createQueueCheck(parts: {
  readonly intervalMs: number
  readonly timeoutMs: number
  stats(): QueueStats
}): HealthCheck {
  const { intervalMs, timeoutMs } = parts
  return {
    name: 'queue',
    instant: true,
    intervalMs,
    timeoutMs,
    async run() {
      return queueOutcome(parts.stats())
    },
  }
}

export function queueOutcome(stats: QueueStats): CheckOutcome {
  const targets = Object.entries(stats.targets).sort(([, a], [, b]) => b.queued + b.held - a.queued - a.held)
  const named = [...deadLines(targets), ...lostLine(stats)]
  const degraded = [...waitingLines(targets), ...heldLines(targets), ...asideLine(stats)]
  if (stats.full !== null || stats.failing !== null) {
    return { status: 'unhealthy', message: [fullLine(stats), ...degraded, ...named].join('; ') }
  }
  if (degraded.length > 0) return { status: 'degraded', message: [...degraded, ...named].join('; ') }
  const waiting = stats.operations === 0 ? 'empty' : `${stats.operations} waiting`
  return { status: 'healthy', message: [waiting, ...named].join('; ') }
}

function fullLine({ full, failing, operations, bytes, maxOperations, maxBytes }: QueueStats): string {
  if (failing !== null) return `takes nothing new: ${failing} (${operations} waiting)`
  if (full === 'disk') return `takes nothing new: the disk is full (${operations} waiting)`
  if (full === 'bytes') return `takes nothing new: ${bytes} of ${maxBytes} bytes used (${operations} waiting)`
  return `takes nothing new: ${operations} of ${maxOperations} operations waiting`
}

type Named = readonly [string, TargetStats]

function waitingLines(targets: readonly Named[]): string[] {
  return targets
    .filter(([, { breaker, queued, reason }]) => {
      // Dead letters alone are left of a target that the configuration does not name any more.
      return breaker !== 'closed' && (queued > 0 || reason !== 'not_configured')
    })
    .map(([name, { queued, breaker, reason }]) => {
      const why = reason ?? `its breaker is ${breaker.replace('_', ' ')}`
      return `${queued === 0 ? 'nothing waits' : `${queued} waiting`} for ${name}: ${why}`
    })
}

function heldLines(targets: readonly Named[]): string[] {
  return targets
    .filter(([, { held }]) => held > 0)
    .map(([name, { held }]) => `${held} held for ${name}: a permission is missing`)
}

function asideLine({ quarantinedFiles: { length } }: QueueStats): string[] {
  return length === 0 ? [] : [`${length} corrupt ${length === 1 ? 'file' : 'files'} put aside`]
}

function deadLines(targets: readonly Named[]): string[] {
  return targets
    .filter(([, { dead }]) => dead > 0)
    .map(([name, { dead }]) => `${dead} dead ${dead === 1 ? 'letter' : 'letters'} for ${name}`)
}

function lostLine({ corruptEntries }: QueueStats): string[] {
  return corruptEntries === 0 ? [] : [`${corruptEntries} lost to corruption so far`]
}
