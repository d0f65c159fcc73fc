// An alert on its way: what it says, and what each receiver has been told of it.

import { limits } from '../core/limits.ts'
import type { Severity } from './catalogue.ts'
import { type Notice, type Sink, type SinkName, sinkNames } from './notice.ts'

export interface Told {
  what: 'raised' | 'over'
  /** Monotonic ms; in the past for what an earlier process has told. */
  atMs: number
}

export interface Alert {
  readonly key: string
  readonly name: string
  readonly severity: Severity
  readonly labels: Readonly<Record<string, string>>
  readonly summary: string
  description: string
  /** Wall-clock ms. */
  readonly startsAtMs: number
  endsAtMs: number | undefined
  holdsMs: number
  readonly told: Map<SinkName, Told>
}

/** What is to be told next; undefined when nothing is. `inMs` is 0 for now. */
export interface Due {
  readonly what: 'raise' | 'repeat' | 'end'
  readonly inMs: number
}

const severities: readonly Severity[] = ['critical', 'warning', 'info']

/** The most severe first, of those the oldest. */
export function bySeverity(a: Alert, b: Alert): number {
  return severities.indexOf(a.severity) - severities.indexOf(b.severity) || a.startsAtMs - b.startsAtMs
}

/** That an alert was raised is told also when it is over by then: what happened in a partition is not lost. */
export function dueTo(sink: Sink, alert: Alert, nowMs: number): Due | undefined {
  const told = alert.told.get(sink.name)
  if (told === undefined) return { what: 'raise', inMs: 0 }
  if (told.what === 'over') return undefined
  if (alert.endsAtMs !== undefined)
    return { what: 'end', inMs: Math.max(0, told.atMs + sink.shownMs - nowMs) }
  if (sink.repeatMs === undefined) return undefined
  return { what: 'repeat', inMs: Math.max(0, told.atMs + sink.repeatMs - nowMs) }
}

export function noticeOf(alert: Alert, what: Due['what']): Notice {
  const { told: _, ...said } = alert
  return what === 'end' ? said : { ...said, endsAtMs: undefined }
}

/** As JSON: times of telling mean nothing to another process. */
export function kept(alerts: Iterable<Alert>): string {
  const plain = [...alerts].map(({ told, ...said }) => ({
    ...said,
    endsAtMs: said.endsAtMs ?? null,
    told: Object.fromEntries([...told].map(([sink, { what }]) => [sink, what])),
  }))
  return JSON.stringify({ version: 1, alerts: plain })
}

/** What another process has kept; whatever is not as it should be is left out. */
export function readKept(text: string): Alert[] {
  const parsed: unknown = JSON.parse(text)
  const list = isRecord(parsed) && parsed['version'] === 1 ? parsed['alerts'] : undefined
  if (!Array.isArray(list)) throw new Error('it holds no alerts')
  return list.slice(0, limits.alerts).flatMap((entry) => {
    const alert = readAlert(entry)
    return alert ? [alert] : []
  })
}

function readAlert(entry: unknown): Alert | undefined {
  if (!isRecord(entry) || !isRecord(entry['labels']) || !isRecord(entry['told'])) return undefined
  const { key, name, severity, summary, description, startsAtMs, endsAtMs, holdsMs } = entry
  const texts = [key, name, summary, description, ...Object.values(entry['labels'])]
  if (!texts.every(isText) || !isTime(startsAtMs) || !isTime(holdsMs)) return undefined
  if (severity !== 'critical' && severity !== 'warning' && severity !== 'info') return undefined
  const told = new Map<SinkName, Told>()
  for (const sink of sinkNames) {
    const what = entry['told'][sink]
    if (what === 'raised' || what === 'over') told.set(sink, { what, atMs: Number.NEGATIVE_INFINITY })
  }
  return {
    ...{ key: key as string, name: name as string, severity, summary: summary as string },
    description: description as string,
    labels: entry['labels'] as Record<string, string>,
    ...{ startsAtMs, endsAtMs: isTime(endsAtMs) ? endsAtMs : undefined, holdsMs, told },
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value.length <= 2 * limits.alertDescriptionChars
}

/** One that a date can show. */
function isTime(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value < 8e15
}
