// The queue and its operations on a screen. Pure; every cell is safe to print and bounded.

import { limits } from '../core/limits.ts'
import type { OperationView, QueueStats } from '../core/queue.ts'
import { type Look, renderTable } from '../core/text-table.ts'
import { age } from './age.ts'
import { printable } from './printable.ts'

const targetColumns = [
  { title: 'target', whole: true },
  { title: 'waiting', whole: true },
  { title: 'held', whole: true },
  { title: 'dead', whole: true },
  { title: 'oldest', whole: true },
  { title: 'breaker', whole: true },
  { title: 'why' },
] as const

/** Ends without a newline. */
export function renderQueue(stats: QueueStats, look: Look): string {
  const targets = Object.entries(stats.targets).map(([name, target]) =>
    [
      name,
      String(target.queued),
      String(target.held),
      String(target.dead),
      target.oldestAgeMs === null ? '–' : age(target.oldestAgeMs),
      target.breaker.replace('_', ' '),
      target.reason ?? '–',
    ].map(cell),
  )
  const lines = [`queue  ${summary(stats)}`, ...troubles(stats)].join('\n')
  return targets.length === 0 ? lines : `${lines}\n\n${renderTable(targetColumns, targets, look)}`
}

function summary({ operations, bytes, maxOperations, maxBytes, oldestAgeMs, full }: QueueStats): string {
  const room = `${operations} of ${maxOperations} operations, ${size(bytes)} of ${size(maxBytes)}`
  const oldest = oldestAgeMs === null ? '' : `, oldest ${age(oldestAgeMs)}`
  return `${room}${oldest}${full === null ? '' : ` – full (${full}): nothing new is taken`}`
}

function troubles({ failing, corruptEntries, quarantinedFiles, adoptedSlots }: QueueStats): string[] {
  const { length } = quarantinedFiles
  return [
    ...(failing === null ? [] : [`       its disk fails, nothing new is taken: ${cell(failing)}`]),
    ...(adoptedSlots === 0
      ? []
      : [`       drains ${adoptedSlots} abandoned slot${adoptedSlots === 1 ? '' : 's'}`]),
    ...(corruptEntries === 0 ? [] : [`       ${corruptEntries} lost to corruption so far`]),
    ...(length === 0
      ? []
      : [
          `       put aside: ${cell(quarantinedFiles.slice(0, 3).join(', '))}${length > 3 ? `, and ${length - 3} more` : ''}`,
        ]),
  ]
}

const operationColumns = [
  { title: 'id', whole: true },
  { title: 'target', whole: true },
  { title: 'key' },
  { title: 'attempts', whole: true },
  { title: 'accepted', whole: true },
  { title: 'reason' },
] as const

/** Ends without a newline. */
export function renderOperations(operations: readonly OperationView[], look: Look): string {
  const rows = operations.map(({ id, target, key, attempts, acceptedAt, reason }) =>
    [id, target, key ?? '–', String(attempts), acceptedAt, reasonText(reason)].map(cell),
  )
  return renderTable(operationColumns, rows, look)
}

/** One operation with what it would do. Ends without a newline. */
export function renderOperation(operation: OperationView): string {
  const { id, target, key, state, attempts, acceptedAt, changedAt, expiresAt, reason, work } = operation
  const rows: [string, string][] = [
    ['id', id],
    ['target', target],
    ['key', key ?? '–'],
    ['state', state],
    ['attempts', String(attempts)],
    ['accepted', acceptedAt],
    ['changed', changedAt],
    ['expires', expiresAt ?? '–'],
    ['reason', reasonText(reason)],
  ]
  const head = rows.map(([title, text]) => `${title.padEnd(8)}  ${printable(text)}`).join('\n')
  return work === undefined ? head : `${head}\n\n${shownWork(work)}`
}

function shownWork(work: unknown): string {
  const text = JSON.stringify(work, null, 2)
  const shown = text.slice(0, limits.shownWorkChars).split('\n').map(printable).join('\n')
  const left = text.length - limits.shownWorkChars
  return left > 0 ? `${shown}\n… ${left} more characters; --json shows all of it` : shown
}

function reasonText(reason: OperationView['reason']): string {
  return reason === null ? '–' : `${reason.code}: ${reason.message}`
}

function cell(text: string): string {
  const shown = printable(text)
  return shown.length > limits.shownCellChars ? `${shown.slice(0, limits.shownCellChars - 1)}…` : shown
}

function size(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let value = bytes
  let unit = 0
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024
  return `${Number.isInteger(value) ? value : value.toFixed(1)} ${units[unit]}`
}
