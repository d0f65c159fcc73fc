// What of the supervisor's own figures is to be alerted. Pure.

import type { DiskState } from '../core/disk.ts'
import type { CheckReport } from '../core/health.ts'
import type { QueueStats } from '../core/queue.ts'
import type { Condition } from './catalogue.ts'

export interface AlertView {
  readonly checks: Readonly<Record<string, CheckReport>>
  readonly crashLooping: boolean
  readonly disks: readonly DiskState[]
  /** Undefined until it is open. */
  readonly queue: QueueStats | undefined
}

/** Checks whose loss is told in another way. */
const toldOtherwise: ReadonlySet<string> = new Set(['flow', 'queue', 'disk', 'configuration'])

export function conditionsOf(view: AlertView): Condition[] {
  return [
    ...(view.crashLooping
      ? [
          {
            name: 'FlowkeepCrashLooping' as const,
            description: view.checks['flow']?.message ?? 'it keeps crashing',
          },
        ]
      : []),
    ...view.disks.flatMap(diskCondition),
    ...(view.queue ? queueConditions(view.queue) : []),
    ...Object.entries(view.checks).flatMap(checkCondition),
  ]
}

function diskCondition({ path, level, freePercent, of }: DiskState): Condition[] {
  if (level === 'ok') return []
  const description = `${Math.floor(freePercent * 10) / 10}% of the ${of} is free under ${path}`
  const name = level === 'critical' ? 'FlowkeepDiskCritical' : 'FlowkeepDiskLow'
  return [{ name, subject: ['path', path], description }]
}

function queueConditions(queue: QueueStats): Condition[] {
  const conditions: Condition[] = []
  const { full, failing, operations, corruptEntries, quarantinedFiles } = queue
  if (full !== null || failing !== null) {
    const why = failing === null ? `it is full by ${full}` : `its disk fails: ${failing}`
    const description = `${why}; ${operations} operations wait`
    conditions.push({ name: 'FlowkeepQueueFull', description })
  }
  if (corruptEntries > 0 || quarantinedFiles.length > 0) {
    const description = `${quarantinedFiles.length} files were put aside, ${corruptEntries} entries are lost`
    conditions.push({ name: 'FlowkeepQueueDamaged', description })
  }
  for (const [target, { dead, held }] of Object.entries(queue.targets)) {
    const subject = ['target', target] as const
    if (dead > 0)
      conditions.push({ name: 'FlowkeepDeadLetters', subject, description: `${dead} for ${target}` })
    if (held > 0)
      conditions.push({
        ...{ name: 'FlowkeepOperationsHeld', subject },
        description: `${held} for ${target}: nobody has granted what they need`,
      })
  }
  return conditions
}

function checkCondition([check, { status, message }]: [string, CheckReport]): Condition[] {
  if (check === 'configuration' && status !== 'healthy')
    return [{ name: 'FlowkeepConfigurationRefused', description: message }]
  if (status !== 'unhealthy' || toldOtherwise.has(check)) return []
  const description = `${check}: ${message}`
  return /^(?:database|service):/.test(check)
    ? [{ name: 'FlowkeepDependencyDown', subject: ['dependency', check], description }]
    : [{ name: 'FlowkeepCheckFailing', subject: ['check', check], description }]
}
