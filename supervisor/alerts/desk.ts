// Which alerts there are. Whoever looks says what is so now (`observe`); an alert is raised when its condition has held
// long enough, once, and is over when the condition has been gone for a while, so that one that comes and goes is one
// alert. There is at most one alert of a key.

import type { Clock } from '../core/clock.ts'
import { limits } from '../core/limits.ts'
import type { Logger } from '../core/logger.ts'
import type { Redact } from '../core/secret.ts'
import type { OpenAlert } from '../core/status.ts'
import { type Alert, bySeverity } from './alert.ts'
import { alertCatalogue, type Condition, keyOf } from './catalogue.ts'
import type { SinkName } from './notice.ts'

export interface DeskParts {
  readonly clock: Clock
  readonly logger: Logger
  readonly redact: Redact
  /** Whose alerts these are: `flow`, `instance_id`, `environment`. */
  readonly labels: Readonly<Record<string, string>>
  sinks(): readonly SinkName[]
  /** There is something to tell, and to keep. */
  changed(): void
}

export class AlertDesk {
  readonly #parts: DeskParts
  /** By their keys; those of another container by its name as well. */
  readonly #alerts = new Map<string, Alert>()
  /** Since when conditions hold that are not alerts yet, and since when those of alerts are gone; monotonic ms. */
  readonly #holding = new Map<string, number>()
  readonly #gone = new Map<string, number>()
  #dropping = false

  constructor(parts: DeskParts) {
    this.#parts = parts
  }

  all(): Iterable<Alert> {
    return this.#alerts.values()
  }

  /** Those that are not over, the most severe and oldest first; bounded. */
  open(): OpenAlert[] {
    const open = [...this.#alerts.values()].filter(({ endsAtMs }) => endsAtMs === undefined)
    open.sort(bySeverity)
    const { labels, sinks } = this.#parts
    return open.slice(0, limits.alertsShown).map((alert) => openAlert(alert, labels, sinks()))
  }

  /** What another process has kept. That of another container is not ours, also where it is about the same. */
  carry(alerts: readonly Alert[]): void {
    const { labels } = this.#parts
    for (const alert of alerts) {
      const other = alert.labels['instance_id']
      const key = other === labels['instance_id'] ? alert.key : `${other}/${alert.key}`
      if (!this.#alerts.has(key) && this.#hasRoom()) this.#alerts.set(key, alert)
    }
  }

  /** @param mayClear false while too little is known to say that something is over */
  observe(conditions: readonly Condition[], mayClear: boolean): void {
    const nowMs = this.#parts.clock.monotonicMs()
    const now = new Map(conditions.map((condition) => [keyOf(condition), condition]))
    let changed = false
    for (const [key, condition] of now) {
      this.#gone.delete(key)
      const open = this.#open(key)
      if (open) open.description = this.#oneLine(condition.description)
      else if (this.#hasHeld(key, condition, nowMs))
        changed = this.#raise(key, condition, limits.alertHoldsMs) || changed
    }
    for (const key of this.#holding.keys()) if (!now.has(key)) this.#holding.delete(key)
    for (const [key, alert] of this.#alerts) {
      if (alert.endsAtMs !== undefined || now.has(key) || !mayClear) continue
      const sinceMs = this.#gone.get(key) ?? nowMs
      this.#gone.set(key, sinceMs)
      if (nowMs - sinceMs < limits.alertClearMs) continue
      this.#gone.delete(key)
      this.#end(alert)
      changed = true
    }
    if (changed) this.#parts.changed()
  }

  /** The last one of this container: it is believed for longer, since nobody will repeat it. */
  raiseLast(condition: Condition): void {
    const key = keyOf(condition)
    const open = this.#open(key)
    if (open) open.description = this.#oneLine(condition.description)
    else this.#raise(key, condition, limits.alertLastHoldsMs)
    this.#parts.changed()
  }

  /** Everybody has been told: nothing is left to do. */
  forgetTold(): void {
    const sinks = this.#parts.sinks()
    for (const [key, { endsAtMs, told }] of this.#alerts) {
      const isDone = sinks.every((sink) => told.get(sink)?.what === 'over')
      if (endsAtMs !== undefined && isDone) this.#alerts.delete(key)
    }
  }

  #open(key: string): Alert | undefined {
    const alert = this.#alerts.get(key)
    return alert?.endsAtMs === undefined ? alert : undefined
  }

  #hasHeld(key: string, { name }: Condition, nowMs: number): boolean {
    const sinceMs = this.#holding.get(key) ?? nowMs
    this.#holding.set(key, sinceMs)
    return nowMs - sinceMs >= alertCatalogue[name].afterMs
  }

  #raise(key: string, condition: Condition, holdsMs: number): boolean {
    const { clock, labels, logger } = this.#parts
    const { name, subject } = condition
    const { severity, title } = alertCatalogue[name]
    const again = this.#alerts.get(key)
    this.#holding.delete(key)
    if (!again && !this.#hasRoom()) return false
    const description = this.#oneLine(condition.description)
    // Of one that is over and not told so everywhere: it goes on there, and is raised anew elsewhere.
    const told = new Map([...(again?.told ?? [])].filter(([, { what }]) => what === 'raised'))
    this.#alerts.set(key, {
      ...{ key, name, severity, summary: title, description, holdsMs, told },
      labels: { ...labels, ...(subject ? { [subject[0]]: this.#oneLine(subject[1]) } : {}) },
      startsAtMs: again && told.size > 0 ? again.startsAtMs : clock.wallMs(),
      endsAtMs: undefined,
    })
    logger.warn(
      { event: 'alert.raised', alert: name, severity, subject: subject?.[1] },
      `${title}: ${description}`,
    )
    return true
  }

  #end(alert: Alert): void {
    const { clock, logger } = this.#parts
    alert.endsAtMs = clock.wallMs()
    logger.info({ event: 'alert.resolved', alert: alert.name }, `over: ${alert.summary}`)
  }

  /** Of alerts that are over and told nobody yet the oldest goes first. */
  #hasRoom(): boolean {
    if (this.#alerts.size < limits.alerts) return true
    for (const [key, { endsAtMs }] of this.#alerts) {
      if (endsAtMs === undefined) continue
      this.#alerts.delete(key)
      return true
    }
    if (!this.#dropping)
      this.#parts.logger.error(
        { event: 'alert.dropped' },
        `${limits.alerts} alerts are open: further ones are not raised`,
      )
    this.#dropping = true
    return false
  }

  #oneLine(text: string): string {
    return this.#parts
      .redact(text)
      .replace(/[\s\p{Cc}]+/gu, ' ')
      .trim()
      .slice(0, limits.alertDescriptionChars)
  }
}

function openAlert(
  { name, severity, startsAtMs, description, labels, told }: Alert,
  own: Readonly<Record<string, string>>,
  sinks: readonly SinkName[],
): OpenAlert {
  const [target] = Object.entries(labels).flatMap(([label, value]) => (label in own ? [] : [value]))
  const { instance_id: whose = '' } = labels
  return {
    ...{ name, severity, description, target: target ?? null },
    since: new Date(startsAtMs).toISOString(),
    instance: whose === own['instance_id'] ? null : whose,
    untold: sinks.filter((sink) => !told.has(sink)),
  }
}
