// What a receiver is told: an alert, and whether it still is so.

import type { Severity } from './catalogue.ts'

export interface Notice {
  /** Unique among those of one supervisor; the same over all notices of one alert. */
  readonly key: string
  readonly name: string
  readonly severity: Severity
  /** Of whom and what: `flow`, `instance_id`, `environment`, and the subject. */
  readonly labels: Readonly<Record<string, string>>
  readonly summary: string
  readonly description: string
  /** Wall-clock ms. */
  readonly startsAtMs: number
  /** Set: it is over. */
  readonly endsAtMs: number | undefined
  /** How long it is to be believed while it is not repeated, ms. */
  readonly holdsMs: number
}

export const sinkNames = ['alertmanager', 'webhook', 'pagerduty'] as const

export type SinkName = (typeof sinkNames)[number]

/** One request, and the notices that are told once it has succeeded. */
export interface Message {
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly notices: readonly Notice[]
}

/** A receiver of alerts. */
export interface Sink {
  readonly name: SinkName
  /** It forgets an alert that is not repeated, after this many ms. */
  readonly repeatMs: number | undefined
  /** It tells nobody of an alert that is over sooner than this many ms after it was raised. */
  readonly shownMs: number
  messages(notices: readonly Notice[], nowMs: number): readonly Message[]
}

/** Where the page of an alert is, from the root of the repository. */
export function runbookOf(name: string): string {
  return `runbooks/alerts/${name}.md`
}

export function isoTime(ms: number): string {
  return new Date(ms).toISOString()
}
